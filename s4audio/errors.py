"""The one exception that means "the input is at fault, and here is what to do"."""


class UserError(ValueError):
    """A problem with the user's data, checkpoint or options.

    The message is one line: it restates the input and names the fix. The command line prints it
    without a traceback and exits with code 2.
    """

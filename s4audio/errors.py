"""The one exception that means "the input is at fault, and here is what to do", and its words."""

from collections.abc import Sequence
from difflib import get_close_matches


class UserError(ValueError):
    """A problem with the user's data, checkpoint or options.

    The message is one line: it restates the input and names the fix. The command line prints it
    without a traceback and exits with code 2.
    """


def unknown_name(what: str, name: str, known: Sequence[str]) -> str:
    """One line that says what is unknown, the nearest name, and what there is.

    Args:
        what: kind of thing, such as ``option``.
        name: the name that was given.
        known: the names that exist.

    Returns:
        the message.
    """
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {name!r}: {hint}known are {', '.join(known) or 'none'}"

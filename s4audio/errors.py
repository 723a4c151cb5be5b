"""The exceptions that are told in one line, and their words."""

from collections.abc import Sequence
from difflib import get_close_matches


class UserError(ValueError):
    """A problem with the user's data, checkpoint or options.

    The message is one line: it restates the input and names the fix. The command line prints it
    without a traceback and exits with code 2.
    """


class OwnFaultError(RuntimeError):
    """Something went wrong that is not the user's mistake and was noticed before it did harm.

    The command line prints its one line without a traceback and exits with code 1.
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def check_count(name: str, number: int | None) -> None:
    """Refuse a number below 1; None stands for a default.

    Raises:
        UserError: it is below 1.
    """
    if number is not None and number < 1:
        raise UserError(f"{name} is {number}; give 1 or more")


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

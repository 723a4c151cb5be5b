"""What every report on disk has in common."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from s4audio.errors import UserError


@contextmanager
def report_folder(output: Path, option: str = "--output") -> Iterator[None]:
    """Make the folder of a report; what the system refuses inside becomes one line.

    Args:
        output: folder, made if missing.
        option: option that names another folder.

    Raises:
        UserError: the folder or a file in it cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"the report cannot be written to {output} ({error.strerror or error}): "
            f"choose a folder that can be written with {option}"
        ) from error


def print_then_write(show: Callable[[], object], write: Callable[[], object]) -> None:
    """Print what a report says, then write it, whichever of the two fails.

    A folder that cannot be written loses no table, and neither does a reader of stdout that has
    gone, such as `head`.

    Args:
        show: prints the tables.
        write: writes the files.
    """
    try:
        show()
    finally:
        write()


def json_number(value: float | None) -> float | None:
    """None for what JSON has no number for: infinity and NaN.

    Args:
        value: any, or None.

    Returns:
        the value, or None.
    """
    return value if value is not None and math.isfinite(value) else None

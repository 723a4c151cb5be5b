"""Which words are spoken when: the tables that go with long recordings."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s4audio.data.table import Row, read_table
from s4audio.errors import UserError

COLUMNS = ("path", "word", "start", "end")


@dataclass(frozen=True)
class Spoken:
    """A word in a recording.

    Attributes:
        word: What is said.
        start: Where it begins, in seconds of the recording.
        end: Where it ends, in seconds of the recording, > start.
    """

    word: str
    start: float
    end: float


def read_annotations(table: Path) -> dict[Path, list[Spoken]]:
    """Read a table of your own recordings.

    Args:
        table: CSV in UTF-8 with the columns path, word, start and end (in seconds). Relative paths
            are relative to its folder. Other words than those of a model are fine, and help: they
            are speech that must not be taken for a keyword. A recording without any word is listed
            once, with word, start and end empty.

    Returns:
        For each audio file its words in the order of their starts.

    Raises:
        UserError: The first thing wrong with the table, with its line.
    """
    recordings: dict[Path, list[Spoken]] = {}
    for line, row in read_table(table, COLUMNS):
        path, spoken = _parse(table.parent, row, f"{table}, line {line}")
        words = recordings.setdefault(path, [])
        if spoken is not None:
            words.append(spoken)
    for path, words in recordings.items():
        words.sort(key=lambda spoken: spoken.start)
        _check_overlaps(table, path, words)
    return recordings


def write_annotations(table: Path, recordings: Iterable[tuple[str, Sequence[Spoken]]]) -> Path:
    """Write a table that `read_annotations` reads.

    Args:
        table: CSV file to write.
        recordings: (path that the table shall give, words) of each recording.

    Returns:
        The table.
    """
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for path, words in recordings:
            for spoken in words:
                writer.writerow((path, spoken.word, f"{spoken.start:.3f}", f"{spoken.end:.3f}"))
    return table


def _parse(folder: Path, row: Row, where: str) -> tuple[Path, Spoken | None]:
    name, word, start, end = ((row[column] or "").strip() for column in COLUMNS)
    if not name:
        raise UserError(f"{where}: the path is empty")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{where}: no such audio file {path}")
    if not (word or start or end):
        return path, None
    if not word:
        raise UserError(f"{where}: the word is empty")
    try:
        spoken = Spoken(word, float(start), float(end))
    except ValueError:
        raise UserError(
            f"{where}: start {start!r} and end {end!r} must be numbers, in seconds"
        ) from None
    if not 0 <= spoken.start < spoken.end < float("inf"):
        raise UserError(f"{where}: from {start} to {end} s; give 0 <= start < end, in seconds")
    return path, spoken


def _check_overlaps(table: Path, path: Path, words: Sequence[Spoken]) -> None:
    """A word that overlaps itself would be counted twice."""
    last: dict[str, Spoken] = {}
    for spoken in words:
        earlier = last.get(spoken.word)
        if earlier is not None and spoken.start < earlier.end:
            raise UserError(
                f"{table}: {path.name} has {spoken.word!r} at {spoken.start:g} s, before the same "
                f"word ends at {earlier.end:g} s: list each spoken word once"
            )
        last[spoken.word] = spoken

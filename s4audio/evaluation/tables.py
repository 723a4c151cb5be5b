"""Tables as text and as files, whatever they are about."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | int | float | bool


@dataclass(frozen=True)
class TextTable:
    """A table as text, for the terminal and for Markdown.

    Attributes:
        title: What the table shows.
        headers: One a column.
        rows: Cells, as many a row as there are headers.
        words: Number of columns, from the left, that hold words; the rest holds numbers.
        notes: Sentences below the table.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int
    notes: tuple[str, ...] = ()

    def rich(self) -> Table:
        """The table for a terminal, without title and notes: a table would wrap them."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for index, header in enumerate(self.headers):
            justify: Literal["left", "right"] = "left" if index < self.words else "right"
            # Folded: where the lines are short, names would end in dots and be alike.
            table.add_column(Text(header), justify=justify, overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def markdown(self) -> str:
        """The table with its title and notes as Markdown."""
        rules = [":--" if index < self.words else "--:" for index in range(len(self.headers))]
        lines = [self.headers, rules, *self.rows]
        body = "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
        )
        return "\n\n".join([f"## {self.title}", body, *self.notes]) + "\n"


def print_table(table: TextTable) -> None:
    """Print a table with its title and notes on stdout, and an empty line."""
    console = Console()
    console.print(Text(table.title, style="bold"), soft_wrap=True)
    console.print(table.rich())
    for note in table.notes:
        console.print(Text(note), soft_wrap=True)
    console.print()


def with_interval(share: float, interval: tuple[float, float]) -> str:
    """A share and its interval in percent: "93.1 (90.0-95.3)"."""
    low, high = interval
    return f"{100 * share:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def flat(row: Mapping[str, Cell | tuple[float, float]]) -> dict[str, Cell]:
    """The row of a CSV file: an interval takes two columns."""
    cells: dict[str, Cell] = {}
    for name, value in row.items():
        if isinstance(value, tuple):
            cells[f"{name}_low"], cells[f"{name}_high"] = value
        else:
            cells[name] = value
    return cells


def write_text(path: Path, text: str) -> Path:
    """Write a text file.

    Args:
        path: File; its folder exists.
        text: Content.

    Returns:
        The path.
    """
    path.write_text(text, encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, Cell]]) -> Path:
    """Write a CSV file.

    Args:
        path: File; its folder exists.
        rows: At least one, all with the columns of the first.

    Returns:
        The path.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path

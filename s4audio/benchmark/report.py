"""Tables of a benchmark for the terminal, and the same as Markdown and JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from s4audio.benchmark.cases import GroupResult, Row
from s4audio.benchmark.plots import plot_growth, plot_tokens
from s4audio.evaluation.tables import TextTable
from s4audio.evaluation.writing import json_number, report_folder

PICTURES = "images"
BUSY = 1.3
"""Rounds that differ by more than this factor are told of."""


@dataclass(frozen=True)
class Benchmark:
    """All results of a run.

    Attributes:
        command: how to repeat it.
        date: when it was started, ISO 8601.
        machine: processor, memory, versions.
        repeats: processes a case.
        results: of every group.
    """

    command: str
    date: str
    machine: dict[str, str]
    repeats: int
    results: tuple[GroupResult, ...]


def print_result(result: GroupResult) -> None:
    """Print the table of a group on stdout."""
    console = Console()
    table = result_table(result)
    console.print(Text(table.title, style="bold"), soft_wrap=True)
    console.print(table.rich())
    for note in table.notes:
        console.print(Text(note), soft_wrap=True)
    console.print()


def write_report(benchmark: Benchmark, output: Path) -> None:
    """Write benchmark.json and benchmark.md.

    Args:
        benchmark: results so far.
        output: folder, made if missing; files of an earlier report in it are replaced.

    Raises:
        UserError: if the folder or a file in it cannot be written.
    """
    with report_folder(output):
        text = json.dumps(_document(benchmark), indent=1, ensure_ascii=False)
        (output / "benchmark.json").write_text(text + "\n", encoding="utf-8")
        (output / "benchmark.md").write_text(_markdown(benchmark), encoding="utf-8")


def draw_result(result: GroupResult, output: Path) -> None:
    """Draw the picture of a group that has one.

    Args:
        result: of the group.
        output: folder of the report, made if missing.

    Raises:
        UserError: if the folder or a file in it cannot be written.
    """
    if not _has_picture(result):
        return
    with report_folder(output):
        (output / PICTURES).mkdir(exist_ok=True)
        plot = plot_tokens if result.group.tokens else plot_growth
        plot(result, output / PICTURES / _picture(result))


def result_table(result: GroupResult) -> TextTable:
    """One line for each case: time, memory and error, and ratios to the first."""
    columns = _columns(result)
    return TextTable(
        title=result.group.title,
        headers=tuple(header for header, _ in columns),
        rows=tuple(tuple(cell(row) for _, cell in columns) for row in result.shown),
        words=1,
        notes=tuple(_notes(result)),
    )


def duration(seconds: float) -> str:
    """Seconds with a unit, in three digits: 0.0123 -> "12.3 ms"."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{digits(seconds / scale)} {unit}"
    return f"{digits(seconds / 1e-9)} ns"


def memory(size: int | None) -> str:
    """Bytes with a unit: 1_234_000_000 -> "1.23 GB"; empty if unknown."""
    if size is None:
        return ""
    return f"{digits(size / 1e9)} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def digits(x: float) -> str:
    """A positive number in three digits, without an exponent: 1234.5 -> "1234"."""
    decimals = 0 if x >= 99.95 else 1 if x >= 9.995 else 2
    return f"{x:.{decimals}f}"


def _columns(result: GroupResult) -> list[tuple[str, Callable[[Row], str]]]:
    """Headers, and what each says of a row; failed rows have a name only."""

    def of_measured(cell: Callable[[Row], str]) -> Callable[[Row], str]:
        return lambda row: "" if row.failure else cell(row)

    per_sample = result.group.per_sample
    columns: list[tuple[str, Callable[[Row], str]]] = [("case", lambda row: _name(result, row))]
    columns.append(("time", of_measured(lambda row: duration(row.median))))
    if per_sample:
        sample = of_measured(lambda row: duration(row.median / row.case.samples))
        columns.append(("a sample", sample))
    columns.append(("ratio", lambda row: _optional(result.ratio(row), digits)))
    columns.append(("memory", of_measured(lambda row: memory(row.above_baseline))))
    if not per_sample:
        columns.append(("ratio", lambda row: _optional(_memory_ratio(result, row), digits)))
    columns.append(("peak RSS", of_measured(lambda row: memory(row.peak_rss))))
    if any(row.error is not None for row in result.shown):
        columns.append(("error", lambda row: _optional(row.error, "{:.0e}".format)))
    if any(row.gradient_errors for row in result.shown):
        columns.append(("gradient", lambda row: _optional(row.gradient_error, "{:.0e}".format)))
    return columns


def _name(result: GroupResult, row: Row) -> str:
    return f"{row.case.name}, L={row.case.length:,}" if result.group.plot else row.case.name


def _optional(value: float | None, text: Callable[[float], str]) -> str:
    return "" if value is None else text(value)


def _memory_ratio(result: GroupResult, row: Row) -> float | None:
    reference = result.reference(row)
    if row.failure or reference is None:
        return None
    ours, first = row.above_baseline, reference.above_baseline
    return None if ours is None or not first else ours / first


def _notes(result: GroupResult) -> list[str]:
    notes = [f"FAILED: {_name(result, row)}: {row.failure}" for row in result.rows if row.failure]
    drifting = [
        f"{_name(result, row)} by {100 * (row.drift - 1):.0f} %"
        for row in result.shown
        if not row.failure and row.drift > BUSY
    ]
    if drifting:
        notes.append(f"Times differ between processes (busy machine?): {', '.join(drifting)}.")
    return notes


def _document(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "command": benchmark.command,
        "date": benchmark.date,
        "machine": benchmark.machine,
        "repeats": benchmark.repeats,
        "groups": [
            {
                "suite": result.group.suite,
                "title": result.group.title,
                "per_sample": result.group.per_sample,
                "rows": [_values(result, row) for row in result.rows],
            }
            for result in benchmark.results
        ],
    }


def _values(result: GroupResult, row: Row) -> dict[str, Any]:
    """Everything about a row; times are in seconds, memory in bytes."""
    timed = bool(row.rounds) and row.case.timed
    return {
        "case": asdict(row.case),
        "failure": row.failure or None,
        "median": row.median if timed else None,
        "fastest": min(row.seconds) if timed else None,
        "slowest": max(row.seconds) if timed else None,
        "ratio": result.ratio(row) if timed else None,
        "peak_rss": row.peak_rss,
        "above_baseline": row.above_baseline,
        "error": json_number(row.error),
        "gradient_errors": {
            name: json_number(error) for name, error in row.gradient_errors.items()
        },
        "processes": [asdict(measured) for measured in row.rounds],
    }


def _markdown(benchmark: Benchmark) -> str:
    facts = {**benchmark.machine, "date": benchmark.date, "command": f"`{benchmark.command}`"}
    machine = TextTable("Machine", ("", ""), tuple(facts.items()), words=2)
    parts = ["# Benchmark\n", machine.markdown()]
    for result in benchmark.results:
        parts.append(result_table(result).markdown())
        if _has_picture(result):
            parts.append(f"![{result.group.title}]({PICTURES}/{_picture(result)}.svg)\n")
    return "\n".join(parts)


def _has_picture(result: GroupResult) -> bool:
    return bool(result.group.plot) and any(not row.failure for row in result.rows)


def _picture(result: GroupResult) -> str:
    """File name without extension."""
    return f"benchmark_{result.group.plot}_by_length"

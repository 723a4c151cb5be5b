"""A whole run: measure, print, write."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from s4audio.benchmark.cases import Case, Group, GroupResult
from s4audio.benchmark.machine import available_threads, describe_machine
from s4audio.benchmark.processes import Processes
from s4audio.benchmark.report import Benchmark, draw_result, print_result, write_report
from s4audio.benchmark.runner import Effort, run_group
from s4audio.benchmark.suites import FULL, QUICK, SUITES, list_groups
from s4audio.errors import UserError

FULL_SECONDS, QUICK_SECONDS = 2.0, 0.3
"""Timed steps of one process stop after this time."""


def run_benchmark(
    suites: Sequence[str] | None = None,
    quick: bool = False,
    output: Path = Path("benchmark"),
    threads: int | None = None,
    repeats: int | None = None,
    timeout: float = 900.0,
    progress: bool = True,
    published: Path | None = None,
) -> Benchmark:
    """Measure some suites, print a table for each comparison and write the report.

    The report is written anew after every comparison, so that an interrupted run leaves what it
    has. A case that fails is a line with the reason; the others are measured all the same.

    Args:
        suites: names of suites; None for all, ``published`` only if its folder is given.
        quick: small sizes, one process a case, without pykeops: half a minute.
        output: folder for benchmark.json, benchmark.md and the pictures.
        threads: threads of each case; None for all processors.
        repeats: processes a case, at least 1; None for 3, or 1 if quick.
        timeout: seconds after which a process is given up.
        progress: whether to draw a progress bar on stderr.
        published: folder with the published files of the suite of that name.

    Returns:
        all results.

    Raises:
        UserError: for an unknown suite or a number out of range, if the report cannot be written,
            or if nothing at all could be measured.
    """
    threads = available_threads() if threads is None else threads
    repeats = (1 if quick else 3) if repeats is None else repeats
    if repeats < 1 or timeout <= 0:
        raise UserError(f"repeats={repeats} must be 1 or more and timeout={timeout:g} above 0")
    effort = Effort(repeats, QUICK_SECONDS if quick else FULL_SECONDS, timeout)
    groups = _groups(suites, quick, threads, published)
    command = _command(suites, quick, threads, repeats, published)
    date = datetime.now().astimezone().isoformat(timespec="minutes")
    machine = describe_machine()
    results: list[GroupResult] = []
    benchmark = Benchmark(command, date, machine, repeats, ())
    write_report(benchmark, output)
    with _progress_bar(progress) as bar, closing(Processes()) as processes:
        task = bar.add_task("", total=sum(len(group.cases) for group in groups) * repeats)

        def started(case: Case) -> None:
            bar.update(task, advance=1, description=f"{group.suite}: {case.name}")

        for group in groups:
            results.append(run_group(group, effort, processes, started))
            print_result(results[-1])
            draw_result(results[-1], output)
            benchmark = Benchmark(command, date, machine, repeats, tuple(results))
            write_report(benchmark, output)
    _check_any(results)
    Console().print(Text(f"The report is in {output}"), soft_wrap=True)
    return benchmark


def _groups(
    suites: Sequence[str] | None, quick: bool, threads: int, published: Path | None
) -> list[Group]:
    # Before minutes of measuring: the folder's suite is the last.
    if published is not None and not published.is_dir():
        raise UserError(f"--published {published}: no such folder")
    if published is not None and suites is not None and "published" not in suites:
        raise UserError(f"--published {published} is of the suite published: add it to --suites")
    folder = "" if published is None else str(published.resolve())
    sizes = replace(QUICK if quick else FULL, published=folder)
    default = [name for name in SUITES if folder or name != "published"]
    return list_groups(default if suites is None else suites, sizes, threads)


def _command(
    suites: Sequence[str] | None, quick: bool, threads: int, repeats: int, published: Path | None
) -> str:
    """What to type to get the same cases again."""
    words = ["s4audio benchmark"]
    if suites is not None:
        words.append(f"--suites {' '.join(suites)}")
    if quick:
        words.append("--quick")
    if published is not None:
        words.append(f"--published {published.name}")
    return " ".join([*words, f"--threads {threads} --repeats {repeats}"])


def _check_any(results: list[GroupResult]) -> None:
    rows = [row for result in results for row in result.rows]
    if all(row.failure for row in rows):
        raise UserError(f"nothing could be measured, first {rows[0].case.name}: {rows[0].failure}")


def _progress_bar(visible: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not visible,
    )

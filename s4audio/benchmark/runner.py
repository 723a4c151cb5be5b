"""Has every case measured in a fresh process and compares what comes back.

The cases of a group take turns: A B C, A B C, ... Whatever else the machine does in the meantime
then falls on all of them alike, and ratios stay fair.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from s4audio.benchmark.cases import Case, Group, GroupResult, Measurement, Row
from s4audio.benchmark.memory import available
from s4audio.benchmark.processes import CaseFailedError, Processes

Errors = dict[int, tuple[float, dict[str, float]]]


@dataclass(frozen=True)
class Effort:
    """How much time a run takes for each case.

    Attributes:
        repeats: processes a case.
        seconds: timed steps of a process stop after this time, but for the least number of them.
        timeout: seconds after which a process is given up.
    """

    repeats: int
    seconds: float
    timeout: float


def run_group(
    group: Group, effort: Effort, processes: Processes, started: Callable[[Case], None]
) -> GroupResult:
    """Measure every case of a group, in turns.

    A case that fails keeps its row, with the reason, and is not tried again.

    Args:
        group: the group.
        effort: repeats and limits.
        processes: where cases are measured.
        started: called before every process.

    Returns:
        one row for each case.
    """
    judged = any(case.judge for case in group.cases)
    measured: list[list[Measurement]] = [[] for _ in group.cases]
    failures: dict[int, str] = {}
    with TemporaryDirectory() as folder:
        for turn in range(effort.repeats):
            for index, case in enumerate(group.cases):
                if index in failures or (turn and not case.timed):
                    continue
                started(case)
                try:
                    place = Path(folder) / str(index)
                    wanted = judged and turn == 0
                    measured[index].append(run_case(case, place, effort, processes, wanted))
                except CaseFailedError as error:
                    failures[index] = str(error)
            if turn == 0:
                errors = _errors(group, Path(folder), failures)
    rows = [
        Row(case, failure=failures[index])
        if index in failures
        else Row(case, tuple(measured[index]), *errors.get(index, (None, {})))
        for index, case in enumerate(group.cases)
    ]
    return GroupResult(group, tuple(rows))


def run_case(
    case: Case, folder: Path, effort: Effort, processes: Processes, results: bool
) -> Measurement:
    """Measure one case in a fresh process.

    Args:
        case: the case.
        folder: for the files that are exchanged.
        effort: limits.
        processes: where it is measured.
        results: whether to leave results.npz in the folder.

    Returns:
        what the process measured.

    Raises:
        CaseFailedError: it takes too much memory or time, or raises an error.
    """
    free = available()
    if free is not None and case.gigabytes * 1e9 > free:
        raise CaseFailedError(
            f"not started: takes about {case.gigabytes:g} GB of memory, {free / 1e9:.1f} are free"
        )
    folder.mkdir(parents=True, exist_ok=True)
    answer = folder / "measurement.json"
    answer.unlink(missing_ok=True)
    request = {"case": asdict(case), "seconds": effort.seconds, "results": results}
    (folder / "request.json").write_text(json.dumps(request))
    processes.answer(folder, effort.timeout)
    values = json.loads(answer.read_text())
    if "failure" in values:
        raise CaseFailedError(values["failure"])
    return Measurement(**values)


def _errors(group: Group, folder: Path, failures: dict[int, str]) -> Errors:
    """Output and gradient errors of every case but the judge; none where the judge failed."""
    judges = [index for index, case in enumerate(group.cases) if case.judge]
    if not judges or judges[0] in failures:
        return {}
    judged = np.load(folder / str(judges[0]) / "results.npz")
    found: Errors = {}
    for index, case in enumerate(group.cases):
        if case.judge or index in failures:
            continue
        ours = np.load(folder / str(index) / "results.npz")
        shared = sorted({*ours.files} & {*judged.files})
        errors = {name: relative_error(ours[name], judged[name]) for name in shared}
        found[index] = (errors.pop("output"), errors)
    return found


def relative_error(ours: np.ndarray, judged: np.ndarray) -> float:
    """Largest difference over the largest value of the judge.

    Args:
        ours: any shape.
        judged: the same shape.

    Returns:
        the error; infinite if anything is not finite.
    """
    if not np.isfinite(ours).all():
        return float("inf")
    scale = float(np.abs(judged).max())
    return float(np.abs(ours - judged).max()) / (scale or 1.0)

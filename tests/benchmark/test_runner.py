"""Processes, turns, failures, and the comparison with the judge."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s4audio.benchmark import Case, Group, Measurement, runner
from s4audio.benchmark.processes import CaseFailedError, Processes
from s4audio.benchmark.runner import Effort, relative_error, run_case, run_group

PARAMETERS = {"form": "s4audio", "batch": 1, "channels": 2, "length": 64, "directions": 1}
CASE = Case("ours", "convolution", PARAMETERS)
JUDGE = Case("judge", "convolution", PARAMETERS, dtype="float64", judge=True)
EFFORT = Effort(repeats=2, seconds=0.01, timeout=120)


@pytest.fixture(scope="module")
def processes():
    with closing(Processes()) as processes:
        yield processes


@pytest.fixture
def fake(monkeypatch):
    """Cases are not measured, but noted; `broken` fails."""
    order = []

    def run(
        case: Case, folder: Path, effort: Effort, processes: Processes, results: bool
    ) -> Measurement:
        order.append((case.name, results))
        if case.name == "broken":
            raise CaseFailedError("out of order")
        if results:
            folder.mkdir()
            value = 2.0 if case.judge else 2.0 + 1e-3
            np.savez(folder / "results.npz", output=np.full(3, value), C=np.full(2, value))
        return Measurement([0.1], [0.2], 700, 100, "VmHWM")

    monkeypatch.setattr(runner, "run_case", run)
    return order


def test_cases_take_turns(fake):
    cases = (CASE, replace(CASE, name="other"), replace(CASE, name="third"))
    started = []
    result = run_group(
        Group("x", "x", cases), EFFORT, Processes(), lambda case: started.append(case.name)
    )
    assert fake == [(name, False) for name in ("ours", "other", "third")] * 2
    assert started == [name for name, _ in fake]
    assert [len(row.rounds) for row in result.rows] == [2, 2, 2]


def test_failures_keep_their_row_and_are_not_tried_again(fake):
    cases = (replace(CASE, name="broken"), CASE)
    result = run_group(Group("x", "x", cases), EFFORT, Processes(), lambda case: None)
    assert [name for name, _ in fake] == ["broken", "ours", "ours"]
    assert result.rows[0].failure == "out of order"
    assert len(result.rows[1].rounds) == 2
    assert result.ratio(result.rows[1]) is None


def test_errors_against_the_judge(fake):
    untimed = replace(JUDGE, timed=False)
    result = run_group(Group("x", "x", (CASE, untimed)), EFFORT, Processes(), lambda case: None)
    assert fake == [("ours", True), ("judge", True), ("ours", False)]
    ours, judge = result.rows
    assert ours.error == pytest.approx(5e-4)
    assert ours.gradient_errors == {"C": pytest.approx(5e-4)}
    assert judge.error is None
    assert [row.case.name for row in result.shown] == ["ours"]


def test_without_a_judge_there_are_no_errors(fake):
    broken = replace(JUDGE, name="broken")
    result = run_group(Group("x", "x", (CASE, broken)), EFFORT, Processes(), lambda case: None)
    assert result.rows[0].error is None
    assert result.rows[0].gradient_errors == {}


def test_real_processes(processes):
    cases = (CASE, replace(JUDGE, parameters={**PARAMETERS, "form": "textbook"}))
    effort = replace(EFFORT, repeats=1)
    result = run_group(Group("x", "x", cases), effort, processes, lambda case: None)
    ours, judge = result.rows
    assert not ours.failure, ours.failure
    assert 0 < ours.error < 1e-5
    assert ours.gradient_errors.keys() == {"kernel", "input"}
    assert judge.median > 0
    assert ours.peak_rss > 50e6


def test_a_real_failure_has_its_reason(tmp_path, processes):
    wrong = replace(CASE, parameters={**PARAMETERS, "directions": 3})
    with pytest.raises(CaseFailedError, match="ValueError: a kernel has 1 direction or 2"):
        run_case(wrong, tmp_path, EFFORT, processes, results=False)


def test_a_process_that_hangs_is_a_failure(tmp_path):
    with (
        closing(Processes()) as processes,
        pytest.raises(CaseFailedError, match=r"not done after 0\.1 s"),
    ):
        run_case(CASE, tmp_path, replace(EFFORT, timeout=0.1), processes, results=False)


def test_a_case_too_large_is_not_started(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "available", lambda: int(3e9))
    with pytest.raises(CaseFailedError, match=r"takes about 12 GB of memory, 3\.0 are free"):
        run_case(replace(CASE, gigabytes=12), tmp_path, EFFORT, Processes(), results=False)
    assert not (tmp_path / "request.json").exists()


@pytest.mark.parametrize(
    ("ours", "judged", "expected"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.5, -4.0], [1.0, -4.0], 0.125),
        ([0.5], [0.0], 0.5),
        ([np.nan], [1.0], np.inf),
    ],
)
def test_relative_error(ours, judged, expected):
    assert relative_error(np.array(ours), np.array(judged)) == expected

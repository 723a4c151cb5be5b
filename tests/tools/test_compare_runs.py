"""The script that compares the loss curves of two runs."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "compare_runs.py"


@pytest.fixture
def run(monkeypatch, capsys):
    def run_script(*arguments):
        monkeypatch.setattr(sys, "argv", ["compare_runs.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        captured = capsys.readouterr()
        return caught.value.code, captured.out + captured.err

    return run_script


def write(folder, losses, column="train/loss_step"):
    """metrics.csv as the logger writes it: rows of other figures in between."""
    folder.mkdir(exist_ok=True)
    lines = [f"epoch,step,val/loss,{column}"]
    for step, loss in losses.items():
        lines += [f"0,{step},,{loss}", f"0,{step},0.5,"]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_equal_runs(run, tmp_path):
    first = write(tmp_path / "a", {49: 2.5, 99: 1.25})
    second = write(tmp_path / "b", {49: 2.5, 99: 1.25})
    code, text = run(first, second / "metrics.csv")
    assert code == 0
    assert "steps compared: 2, 49 to 99" in text
    assert "largest difference: 0 " in text
    assert "first difference" not in text


@pytest.mark.parametrize(("tolerance", "code"), [(0, 1), (0.04, 1), (0.06, 0)])
def test_first_and_largest_difference(run, tmp_path, tolerance, code):
    first = write(tmp_path / "a", {9: 3.0, 19: 2.0, 29: 1.0, 39: 0.5})
    second = write(tmp_path / "b", {9: 3.0, 19: 2.01, 29: 1.05, 39: 0.5})
    found, text = run(first, second, "--tolerance", tolerance)
    assert found == code
    assert "largest difference: 0.05 at step 29" in text
    assert "first difference: step 19, 2.0 and 2.01" in text


def test_not_a_number_is_a_difference(run, tmp_path):
    first = write(tmp_path / "a", {1: 1.0, 2: "nan"})
    same, text = run(first, write(tmp_path / "b", {1: 1.0, 2: "nan"}))
    assert same == 0, text
    code, text = run(first, write(tmp_path / "c", {1: 1.0, 2: 0.5}), "--tolerance", 1e9)
    assert code == 1
    assert "largest difference: inf at step 2" in text


def test_a_shorter_run_is_not_equal(run, tmp_path):
    first = write(tmp_path / "a", {1: 1.0, 2: 0.5, 3: 0.25})
    code, text = run(first, write(tmp_path / "b", {1: 1.0}))
    assert code == 1
    assert "steps in one run only: 2, first 2" in text


def test_another_column(run, tmp_path):
    runs = [write(tmp_path / name, {1: 1.0}, "train/other") for name in "ab"]
    assert run(*runs, "--column", "train/other")[0] == 0


@pytest.mark.parametrize(
    ("losses", "options", "expected"),
    [
        ({1: 1.0}, ["--column", "train/los"], "no column 'train/los'; it has epoch, step"),
        ({}, [], "no value in column 'train/loss_step'"),
        ({7: 1.0}, [], "no step in common"),
    ],
)
def test_mistakes_are_told_in_one_line(run, tmp_path, losses, options, expected):
    first = write(tmp_path / "a", {1: 1.0})
    code, text = run(first, write(tmp_path / "b", losses), *options)
    assert code == 2
    (line,) = text.splitlines()
    assert line.startswith("compare_runs: ")
    assert expected in line


def test_missing_run(run, tmp_path):
    code, text = run(tmp_path / "nowhere", tmp_path)
    assert code == 2
    assert "nowhere" in text

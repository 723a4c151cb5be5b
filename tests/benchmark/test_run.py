"""A whole run, the command and the script."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from s4audio.benchmark import GroupResult, Row, run, suites
from s4audio.benchmark.run import run_benchmark
from s4audio.commands import benchmark as command
from s4audio.errors import UserError

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "benchmark.py"


@pytest.fixture
def fake(monkeypatch, comparison):
    """Groups are not measured; every row gets the times of the first row of `comparison`."""
    efforts = []

    def run_group(group, effort, processes, started):
        efforts.append((group, effort))
        for case in group.cases:
            started(case)
        rounds = comparison.rows[0].rounds
        return GroupResult(group, tuple(Row(case, rounds) for case in group.cases))

    monkeypatch.setattr(run, "run_group", run_group)
    return efforts


def test_full_run(fake, tmp_path, capsys):
    result = run_benchmark(output=tmp_path, threads=2, progress=False)
    assert {group.suite for group, _ in fake} == set(suites.SUITES) - {"published"}
    assert {effort.repeats for _, effort in fake} == {3}
    assert result.command == "s4audio benchmark --threads 2 --repeats 3"
    printed = capsys.readouterr().out
    assert "S4 kernel: 128 channels, N=64, L=16,000" in printed
    assert f"The report is in {tmp_path}" in printed
    document = json.loads((tmp_path / "benchmark.json").read_text())
    assert [group["title"] for group in document["groups"]] == [group.title for group, _ in fake]
    assert (tmp_path / "images" / "benchmark_kernel_by_length.png").is_file()


def test_interrupted_run_leaves_what_it_has(fake, tmp_path, monkeypatch):
    measure = run.run_group

    def run_group(group, effort, processes, started):
        if len(fake) == 2:
            raise KeyboardInterrupt
        return measure(group, effort, processes, started)

    monkeypatch.setattr(run, "run_group", run_group)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(quick=True, output=tmp_path, progress=False)
    document = json.loads((tmp_path / "benchmark.json").read_text())
    assert len(document["groups"]) == 2


def test_nothing_measured_is_an_error(fake, tmp_path, monkeypatch):
    def run_group(group, effort, processes, started):
        return GroupResult(group, tuple(Row(case, failure="no torch") for case in group.cases))

    monkeypatch.setattr(run, "run_group", run_group)
    with pytest.raises(UserError, match=r"nothing could be measured, first .*: no torch"):
        run_benchmark(["convolution"], quick=True, output=tmp_path, progress=False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"suites": ["blocks"]}, "unknown suite 'blocks'"),
        ({"suites": ["published"]}, "name the folder .* with --published FOLDER"),
        ({"threads": 0}, "threads is 0"),
        ({"repeats": 0}, "repeats=0"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_mistakes(options, expected, tmp_path):
    with pytest.raises(UserError, match=expected) as caught:
        run_benchmark(**{"quick": True, "output": tmp_path, **options})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_tried_before_anything_is_measured(fake, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        run_benchmark(quick=True, output=tmp_path / "file", progress=False)
    assert fake == []


def test_command(fake, tmp_path, capsys):
    words = ["--quick", "--suites", "block", "lengths", "--output", str(tmp_path)]
    assert command.run("benchmark", [*words, "--threads", "1", "--repeats", "2"]) == 0
    assert [group.suite for group, _ in fake] == ["block", "lengths"]
    assert {effort.repeats for _, effort in fake} == {2}
    text = (tmp_path / "benchmark.md").read_text()
    expected = "s4audio benchmark --suites block lengths --quick --threads 1 --repeats 2"
    assert f"`{expected}`" in text


def test_help_lists_the_options(capsys):
    with pytest.raises(SystemExit) as caught:
        command.run("benchmark", ["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: s4audio benchmark")
    for option in ("--suites", "--quick", "--output", "--threads", "--repeats", "convolution"):
        assert option in text


def test_published_that_would_measure_nothing_is_refused(fake, tmp_path):
    words = ["--quick", "--output", str(tmp_path / "report"), "--published"]
    with pytest.raises(UserError, match="nowhere: no such folder"):
        command.run("benchmark", [*words, str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="add it to --suites"):
        command.run("benchmark", [*words, str(tmp_path), "--suites", "kernels"])
    assert not fake


def test_published_layers_are_added(fake, tmp_path):
    words = ["--quick", "--published", str(tmp_path), "--output", str(tmp_path / "report")]
    assert command.run("benchmark", words) == 0
    assert {group.suite for group, _ in fake} == set(suites.SUITES)
    folders = {
        case.parameters["folder"]
        for group, _ in fake
        for case in group.cases
        if case.subject == "published"
    }
    assert folders == {str(tmp_path.resolve())}


def run_script(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *map(str, words)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_script(monkeypatch, tmp_path, capsys):
    """The real thing, as small as it gets."""
    small = replace(suites.QUICK, channels=2, length=64, batch=1)
    monkeypatch.setattr(run, "QUICK", small)
    run_script(monkeypatch, "--quick", "--suites", "convolution", "--output", tmp_path)
    assert "Convolution, causal: batch 1, 2 channels, L=64" in capsys.readouterr().out
    (group,) = json.loads((tmp_path / "benchmark.json").read_text())["groups"]
    assert [row["failure"] for row in group["rows"]] == [None] * 3
    assert group["rows"][0]["error"] < 1e-5


def test_script_tells_of_mistakes_in_one_line(monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        run_script(monkeypatch, "--suites", "convolutions")
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("benchmark: unknown suite 'convolutions'")

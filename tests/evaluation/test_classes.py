"""The report of a classifier, whatever it classifies."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from s4audio.errors import UserError
from s4audio.evaluation import Answers, report_classes

FILES = {
    "report.json",
    "report.md",
    "classes.csv",
    "predictions.csv",
    "confusion_matrix.png",
    "confusion_matrix.svg",
}


@pytest.fixture
def answers() -> Answers:
    return Answers(
        predictions=np.array([0, 1, 1, -1]),
        targets=np.array([0, 0, 1, 1]),
        names=("a", "b", "c", "d"),
        labels=("cat", "dog"),
    )


def test_prints_and_writes(answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    report_classes(answers, tmp_path / "new" / "folder")
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == FILES
    document = json.loads((tmp_path / "new" / "folder" / "report.json").read_text())
    assert document["accuracy"] == 0.5
    assert document["count"] == 4
    assert document["non_finite"] == 1
    assert document["confusion_matrix"] == [[1, 1], [0, 1]]
    with (tmp_path / "new" / "folder" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"name": "b", "target": "cat", "prediction": "dog"}
    assert rows[3]["prediction"] == ""
    printed = capsys.readouterr().out
    assert "50.0 (15.0-85.0) % of 4 right" in printed
    assert "dog (1)" in printed


def test_nothing_speaks_of_sample_rates(
    answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    report_classes(answers, tmp_path)
    texts = [(tmp_path / name).read_text() for name in FILES if not name.endswith("png")]
    for text in (capsys.readouterr().out, *texts):
        assert "Hz" not in text
        assert "clip" not in text.replace("clip-path", "").replace("clipPath", "")


def test_a_reader_of_the_table_that_leaves_does_not_lose_the_report(
    answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(table: object) -> None:
        raise SystemExit(1)  # as rich does when stdout is closed

    monkeypatch.setattr("s4audio.evaluation.classes.print_table", leave)
    with pytest.raises(SystemExit):
        report_classes(answers, tmp_path / "out")
    assert (tmp_path / "out" / "report.json").is_file()


def test_a_folder_that_cannot_be_written_does_not_lose_the_table(
    answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be written to .*file.*--report\.output"):
        report_classes(answers, tmp_path / "file")
    assert "of 4 right" in capsys.readouterr().out

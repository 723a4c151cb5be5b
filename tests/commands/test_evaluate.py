"""`s4audio evaluate` from the command line: what is scored, also where a rate fails."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from torch import Tensor

from s4audio.cli import main
from s4audio.models import SequenceClassifier


@pytest.fixture(scope="session")
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


def names(report: Path) -> set[str]:
    with (report / "predictions.csv").open(newline="") as file:
        return {row["name"] for row in csv.DictReader(file)}


def test_the_folder_of_the_training_gives_its_test_split(
    checkpoint: str, tones: Path, tmp_path: Path
) -> None:
    given = {
        "none": [],
        "same": ["--data", os.path.relpath(tones / "high" / "..")],
        "other": ["--data", str(shutil.copytree(tones, tmp_path / "copy"))],
    }
    for name, words in given.items():
        output = ["--output", str(tmp_path / name), "--rates", "16000"]
        assert main(["evaluate", checkpoint, *words, *output]) == 0
    assert names(tmp_path / "same") == names(tmp_path / "none")
    assert names(tmp_path / "same") < names(tmp_path / "other")
    assert len(names(tmp_path / "other")) == 20


def test_a_rate_that_fails_does_not_skip_robustness(
    checkpoint: str,
    tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    forward = SequenceClassifier.forward

    def short(
        self: SequenceClassifier, x: Tensor, lengths: Tensor | None = None, rate: float = 1.0
    ) -> Tensor:
        if rate != 1:
            raise ValueError("too short")
        return forward(self, x, lengths, rate)

    monkeypatch.setattr(SequenceClassifier, "forward", short)
    data = ["--data", str(shutil.copytree(tones, tmp_path / "copy"))]
    words = ["--rates", "16000", "8000", "--robustness", "--output", str(tmp_path / "report")]
    assert main(["evaluate", checkpoint, *data, *words]) == 2
    captured = capsys.readouterr()
    assert "8 kHz" in captured.err
    assert "too short" in captured.err
    assert "every place" in captured.out
    found = json.loads((tmp_path / "report" / "robustness.json").read_text())
    assert found["clips"] == 20

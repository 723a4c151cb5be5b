"""The commands on data that is not audio."""

import csv
from pathlib import Path

import numpy as np
import pytest

from s4audio.cli import main

RECIPE = """
seed_everything: 3
model:
  class_path: s4audio.tasks.ClassificationTask
  init_args:
    network: {{kind: s4d, d_model: 8, n_layers: 1, d_state: 4, length: 784}}
    schedule: {{kind: plateau, patience: 1}}
data:
  class_path: s4audio.data.pixels.SequentialMnist
  init_args: {{root: {root}, batch_size: 4}}
trainer: {{max_epochs: 1, default_root_dir: {runs}, accelerator: cpu}}
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random digits, 20 to train and 8 to test."""
    random = np.random.default_rng(0)
    arrays = {
        f"{kind}_{part}": random.integers(0, 256 if kind == "x" else 10, size, np.uint8)
        for part, count in (("train", 20), ("test", 8))
        for kind, size in (("x", (count, 28, 28)), ("y", (count,)))
    }
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def finished(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run; do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "pixels.yaml").write_text(RECIPE.format(root=digits, runs=folder / "runs"))
    assert main(["fit", "--config", str(folder / "pixels.yaml")]) == 0
    return folder / "runs" / "pixels" / "version_0"


@pytest.fixture
def recipe(digits: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pixels.yaml"
    path.write_text(RECIPE.format(root=digits, runs=tmp_path / "runs"))
    return path


def complaint(words: list[str], capsys: pytest.CaptureFixture) -> str:
    capsys.readouterr()
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def best(run: Path) -> str:
    return str(run / "checkpoints" / "best.ckpt")


def test_the_report_knows_no_sample_rate(
    finished: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert not (finished / "rates.csv").exists()
    words = ["--config", str(recipe), "--report.output", str(tmp_path / "out"), "--ckpt_path"]
    for command in ("validate", "test", "predict"):
        assert main([command, *words, best(finished)]) == 0
    printed = capsys.readouterr().out
    assert "Hz" not in printed
    assert "validation accuracy" in printed
    assert "8 rows of predictions" in printed
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [f"test:{n}" for n in range(8)]


def test_evaluate_at_other_rates(finished: Path, capsys: pytest.CaptureFixture) -> None:
    line = complaint(["evaluate", best(finished), "--rates", "16000", "8000"], capsys)
    assert "SequentialMnist, the data of this checkpoint, is not audio" in line


def test_report_rates(recipe: Path, capsys: pytest.CaptureFixture) -> None:
    line = complaint(["fit", "--config", str(recipe), "--report.rates", "[8000]"], capsys)
    assert "report.rates is for classifiers of audio" in line


def test_a_network_of_other_features(recipe: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["fit", "--config", str(recipe), "--model.init_args.network.d_input", "2"]
    line = complaint(words, capsys)
    assert "has 1 features a step and network.d_input is 2" in line


def test_data_without_what_the_task_needs(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    content = recipe.read_text().replace("pixels.SequentialMnist", "forecasting.Forecasting")
    recipe.write_text(content.replace("root:", "path:"))
    line = complaint(["fit", "--config", str(recipe)], capsys)
    assert "ClassificationTask needs labels, which Forecasting does not have" in line


def test_a_checkpoint_of_another_task(
    finished: Path, recipe: Path, capsys: pytest.CaptureFixture
) -> None:
    recipe.write_text(recipe.read_text().replace("ClassificationTask", "RetrievalTask"))
    words = ["test", "--config", str(recipe), "--ckpt_path", best(finished)]
    assert "of a ClassificationTask, the recipe's model is a RetrievalTask" in complaint(
        words, capsys
    )

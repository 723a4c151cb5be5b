"""Language and density: figures are exact, and a model learns what there is to learn."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from s4audio.data.density import Cifar10Density
from s4audio.data.language import CharacterText
from s4audio.data.tokens import TokenBatch
from s4audio.models import ClassifierConfig
from s4audio.models.autoregressive import AutoregressiveConfig
from s4audio.tasks import OptimizerConfig
from s4audio.tasks.density import DensityTask
from s4audio.tasks.language import LanguageTask

BACKBONE = ClassifierConfig(kind="s4d", d_model=16, n_layers=1, d_state=8, length=32, norm="layer")
# Of Lightning's own making.
pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec.*:FutureWarning",
)

NETWORK = AutoregressiveConfig(BACKBONE)


def trainer(folder: Path, epochs: int = 1) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@pytest.fixture
def data(tmp_path: Path) -> CharacterText:
    # Of each pair, the second letter follows from the first: half a bit a character.
    first = np.random.default_rng(0).choice(["ax", "by"], 2_000)
    (tmp_path / "text.txt").write_text("".join(first))
    return CharacterText(tmp_path / "text.txt", length=32, context=16, batch_size=16)


def test_a_model_learns_the_rule(data: CharacterText, tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = LanguageTask(NETWORK, data.labels, OptimizerConfig(learning_rate=0.02))
    run = trainer(tmp_path, epochs=6)
    run.fit(task, datamodule=data)
    (scores,) = run.test(task, datamodule=data, verbose=False)
    assert scores["test/bits"] == pytest.approx(0.5, abs=0.06)
    assert scores["test/perplexity"] == pytest.approx(math.exp(scores["test/loss"]))
    assert scores["test/bits"] == pytest.approx(scores["test/loss"] / math.log(2))
    assert task.test_tokens == len(data.tokens("testing")) - 1


def test_figures_do_not_depend_on_the_batches(data: CharacterText, tmp_path: Path) -> None:
    task = LanguageTask(NETWORK, data.labels).eval()
    found = []
    for size in (1, 3, 50):
        data.batch_size = size
        (scores,) = trainer(tmp_path).test(task, datamodule=data, verbose=False)
        found.append(scores["test/loss"])
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)
    task.write_test(tmp_path / "out", data)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["tokens"] == len(data.tokens("testing")) - 1
    figures = report["figures"]
    assert figures["model"]["loss"] == pytest.approx(found[0])
    # Four letters, and of pairs half are certain and half a coin.
    assert figures["single tokens"]["bits"] == pytest.approx(2, abs=0.02)
    assert figures["pairs of tokens"]["bits"] == pytest.approx(0.5, abs=0.02)
    assert [name for name, _ in task.test_figures()] == ["test perplexity", "test bits"]


def test_predictions_are_the_text_with_its_nats(data: CharacterText, tmp_path: Path) -> None:
    task = LanguageTask(NETWORK, data.labels)
    run = trainer(tmp_path)
    outputs = run.predict(task, datamodule=data)
    count = task.write_predictions(tmp_path / "scores.csv", outputs, data)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = "".join(data.labels[token] for token in data.tokens("testing"))
    assert "".join(row["symbol"] for row in rows) == text[1:]
    assert count == len(rows)
    (scores,) = run.test(task, datamodule=data, verbose=False)
    mean = np.mean([float(row["nats"]) for row in rows])
    assert mean == pytest.approx(scores["test/loss"], abs=1e-5)


def test_density(tmp_path: Path) -> None:
    task = DensityTask(NETWORK, [str(value) for value in range(256)]).eval()
    assert task.scores(math.log(256)) == {"bits_per_dim": pytest.approx(8)}
    targets = torch.randint(256, (3, 3072))
    inputs = torch.cat([torch.zeros(3, 1, dtype=torch.int64), targets[:, :-1]], dim=1)
    with torch.no_grad():
        surprise = task.predict_step(TokenBatch(inputs, targets, torch.arange(3)), 0)
    task.write_predictions(tmp_path / "scores.csv", [surprise], None)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    bits = [float(row["bits_per_dim"]) for row in rows]
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    with torch.no_grad():
        nats = task.network.negative_log_likelihood(inputs, targets)
    assert np.mean(bits) == pytest.approx(float(nats.mean()) / math.log(2), rel=1e-4)
    task.test_scores, task.test_tokens = {"loss": 5.0, "bits_per_dim": 7.2}, 3072
    pictures = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), np.uint8)
    np.savez(
        tmp_path / "pictures.npz",
        x_train=pictures[:20],
        x_test=pictures[20:],
        y_train=np.zeros(20, int),
        y_test=np.zeros(4, int),
    )
    task.write_test(tmp_path, Cifar10Density(tmp_path / "pictures.npz"))
    assert (tmp_path / "samples.png").stat().st_size > 1_000
    figures = json.loads((tmp_path / "report.json").read_text())["figures"]
    assert figures["histogram of each colour"]["bits_per_dim"] == pytest.approx(8, abs=0.02)
    assert task.description()["picture"] == [32, 32, 3]


def test_a_validation_in_words(data: CharacterText) -> None:
    task = LanguageTask(NETWORK, data.labels)
    scores = {"val/loss": 1.5, "val/perplexity": 4.4817}
    assert task.validation_line(scores) == "loss 1.500, perplexity 4.482"

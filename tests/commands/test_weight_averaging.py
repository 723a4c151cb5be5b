"""Training with a moving average of the weights: what is validated, kept, tested and continued."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import s4audio
from s4audio.cli import main
from s4audio.data import from_description
from s4audio.tasks import ClassificationTask

DECAY = 0.3
State = dict[str, Tensor]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The state after every step of a training that follows."""
    states: list[State] = []

    def record(self: ClassificationTask, *args: object) -> None:
        states.append({name: value.clone() for name, value in self.state_dict().items()})

    monkeypatch.setattr(ClassificationTask, "on_train_batch_end", record)
    return states


def fit(recipe: Path, *words: str) -> int:
    return main(["fit", "--config", str(recipe), f"--weight_averaging.decay={DECAY}", *words])


def read(recipe: Path, name: str, run: str = "tiny") -> dict[str, Any]:
    folder = recipe.parent / "runs" / run / "version_0" / "checkpoints"
    checkpoint: dict[str, Any] = torch.load(folder / name, weights_only=True)
    return checkpoint


def averaged(states: list[State]) -> State:
    """By the formula, in double precision."""
    average = {name: value.double() for name, value in states[0].items()}
    for step, state in enumerate(states[1:], start=1):
        share = max(1 - DECAY, 9 / (9 + step + 1))
        for name, value in state.items():
            average[name] += share * (value.double() - average[name])
    return average


def losses(recipe: Path, split: str) -> float:
    """Mean loss of the best checkpoint, loaded as a user would."""
    checkpoint = read(recipe, "best.ckpt")
    data = from_description(checkpoint["s4audio"]["data"])
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    model = s4audio.load(recipe.parent / "runs/tiny/version_0/checkpoints/best.ckpt")
    loader = {"val": data.val_dataloader, "test": data.test_dataloader}[split]()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in loader:
            logits = model(batch.inputs, lengths=batch.lengths)
            total += float(F.cross_entropy(logits, batch.targets, reduction="sum"))
            count += len(batch.targets)
    return total / count


def interrupt(
    monkeypatch: pytest.MonkeyPatch, method: str, when: Callable[[ClassificationTask], bool]
) -> None:
    original = getattr(ClassificationTask, method)

    def step(self: ClassificationTask, batch: object, batch_idx: int) -> object:
        if when(self):
            raise KeyboardInterrupt
        return original(self, batch, batch_idx)

    monkeypatch.setattr(ClassificationTask, method, step)


def test_checkpoints_hold_the_average(recipe: Path, steps: list[State]) -> None:
    assert fit(recipe) == 0
    last = read(recipe, "last.ckpt")
    assert len(steps) == last["global_step"] > 3
    expected = averaged(steps)
    for name, value in last["state_dict"].items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
        assert last["current_model_state"][name].equal(steps[-1][name]), name
    weight = "network.decoder.weight"
    assert not last["state_dict"][weight].equal(last["current_model_state"][weight])


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_average_is_validated_loaded_and_tested(recipe: Path, precision: str) -> None:
    # Large steps, so that the last weights are far from their average.
    words = ["--model.init_args.optimizer.learning_rate=0.3", f"--trainer.precision={precision}"]
    assert fit(recipe, *words) == 0
    with (recipe.parent / "runs/tiny/version_0/metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    best = read(recipe, "best.ckpt")
    (validated,) = [
        float(row["val/loss"])
        for row in rows
        if row["val/loss"] and int(row["step"]) == best["global_step"] - 1
    ]
    (tested,) = [float(row["test/loss"]) for row in rows if row["test/loss"]]
    assert losses(recipe, "val") == pytest.approx(validated, rel=1e-4)
    assert losses(recipe, "test") == pytest.approx(tested, rel=1e-4)


def test_an_interrupted_training_continues_to_the_same_end(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit(recipe, "--name=whole") == 0
    whole = read(recipe, "last.ckpt", "whole")
    with monkeypatch.context() as patch:
        half = whole["global_step"] // 2
        interrupt(patch, "training_step", lambda task: task.global_step == half)
        assert fit(recipe, "--name=part") == 130
    assert fit(recipe, "--name=part", "--ckpt_path=last") == 0
    last = read(recipe, "last.ckpt", "part")
    for part in ("state_dict", "current_model_state"):
        for name, value in whole[part].items():
            assert last[part][name].equal(value), (part, name)


def test_interrupted_in_a_validation(
    recipe: Path, steps: list[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, "validation_step", lambda task: task.global_step > 3)
        assert fit(recipe) == 130
    last = read(recipe, "last.ckpt")
    weight = "network.decoder.weight"
    torch.testing.assert_close(last["state_dict"][weight].double(), averaged(steps)[weight])
    assert last["current_model_state"][weight].equal(steps[-1][weight])


def test_the_saved_configuration_serves_every_command(
    recipe: Path, capsys: pytest.CaptureFixture
) -> None:
    assert fit(recipe) == 0
    run = recipe.parent / "runs" / "tiny" / "version_0"
    words = ["--config", str(run / "config.yaml"), "--report.output", str(recipe.parent / "out")]
    for command in ("validate", "test", "predict"):
        assert main([command, *words, "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert capsys.readouterr().err == ""


def test_a_decay_out_of_range(recipe: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["fit", "--config", str(recipe), "--weight_averaging.decay=1.5"]) == 2
    assert "weight_averaging.decay is 1.5; give a number in [0, 1)" in capsys.readouterr().err

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch.nn import functional
from torch.utils.data import DataLoader

from s4audio import load
from s4audio.data import Batch
from s4audio.data.augment import mixup
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.tasks import ClassificationTask, OptimizerConfig, ScheduleConfig

LABELS = ["low", "high"]
pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec.*:FutureWarning",
)


class Tones(LightningDataModule):
    """Sixteen short tones of two pitches, batches of four."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.targets = torch.arange(16) % 2
        time = torch.arange(64) / 64
        pitch = 2.0 + 10 * self.targets
        self.inputs = scale * torch.sin(2 * torch.pi * pitch[:, None] * time)[..., None]

    def train_dataloader(self) -> DataLoader:
        rows = [range(start, start + 4) for start in range(0, 16, 4)]
        batches = [
            Batch(
                self.inputs[list(row)],
                torch.full((4,), 64),
                self.targets[list(row)],
                torch.tensor(list(row)),
            )
            for row in rows
        ]
        return DataLoader(batches, batch_size=None)

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader

    def statistics(self) -> tuple[float, float]:
        return 0.25, 4.0

    def describe(self) -> dict:
        return {"class": "Tones", "arguments": {}}


def task(normalization: str = "none", **options: object) -> ClassificationTask:
    torch.manual_seed(0)
    config = ClassifierConfig(
        kind="s4d", d_model=8, n_layers=1, d_state=4, length=64, normalization=normalization
    )
    schedule = ScheduleConfig(kind="constant")
    return ClassificationTask(config, LABELS, 64, schedule=schedule, **options)


def trainer(folder: Path, epochs: int = 1) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_learns_what_can_be_learnt_and_logs_it(tmp_path: Path) -> None:
    module, fitting = task(), trainer(tmp_path, epochs=15)
    fitting.fit(module, datamodule=Tones())
    figures = fitting.callback_metrics
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy"} <= figures.keys()
    assert figures["val/accuracy"] == 1
    (scores,) = fitting.test(module, datamodule=Tones(), verbose=False)
    assert scores["test/accuracy"] == scores["test/macro_f1"] == 1


def test_keeps_the_logits_of_the_test(tmp_path: Path) -> None:
    module, data = task(), Tones()
    trainer(tmp_path).test(module, datamodule=data, verbose=False)
    kept = module.test_predictions
    module.eval()
    torch.testing.assert_close(kept.logits, module.network(data.inputs).detach())
    assert kept.targets.equal(data.targets)
    assert kept.indices.equal(torch.arange(16))


def test_lengths_are_passed_only_when_a_clip_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    module, seen = task(), []
    monkeypatch.setattr(
        module.network, "forward", lambda x, lengths=None: seen.append(lengths) or x[:, 0]
    )
    inputs, numbers = torch.zeros(2, 8, 1), torch.zeros(2, dtype=torch.int64)
    module(Batch(inputs, torch.tensor([8, 8]), numbers, numbers))
    module(Batch(inputs, torch.tensor([8, 5]), numbers, numbers))
    assert seen[0] is None
    assert seen[1].tolist() == [8, 5]


def test_label_smoothing_enters_the_training_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    module = task(label_smoothing=0.2)
    monkeypatch.setattr(module, "log", lambda *args, **options: None)
    batch = next(iter(Tones().train_dataloader()))
    module.eval()
    expected = functional.cross_entropy(module(batch), batch.targets, label_smoothing=0.2)
    torch.testing.assert_close(module.training_step(batch, 0), expected)


def test_label_smoothing_out_of_range() -> None:
    with pytest.raises(ValueError, match="label_smoothing is 1"):
        task(label_smoothing=1.0)


def test_mixup_enters_the_training_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    module = task(mixup_alpha=1.0)
    monkeypatch.setattr(module, "log", lambda *args, **options: None)
    batch = next(iter(Tones().train_dataloader()))
    module.eval()
    random = np.random.default_rng([torch.initial_seed(), 0, 0])
    mixed = mixup(batch.inputs, batch.lengths, torch.eye(2)[batch.targets], 1.0, random)
    expected = functional.cross_entropy(module.network(mixed.inputs), mixed.targets)
    loss = module.training_step(batch, 0)
    torch.testing.assert_close(loss, expected)
    assert loss.item() != functional.cross_entropy(module(batch), batch.targets).item()


def test_mixup_out_of_range() -> None:
    with pytest.raises(ValueError, match="mixup_alpha is -1"):
        task(mixup_alpha=-1.0)


def test_statistics_come_from_the_data(tmp_path: Path) -> None:
    module = task("standardize")
    trainer(tmp_path).fit(module, datamodule=Tones())
    expected = task("standardize").network
    expected.set_input_statistics(0.25, 4.0)
    state = module.network.state_dict()
    names = [name for name, _ in expected.named_buffers() if "mean" in name or "std" in name]
    assert names
    for name in names:
        if "running" not in name:
            assert state[name].equal(expected.state_dict()[name])


def test_divergence_stops_with_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"kernel_learning_rate.*gradient_clip_val"):
        trainer(tmp_path).fit(task(), datamodule=Tones(scale=float("nan")))


def test_checkpoint_is_plain_and_loads_as_a_model(tmp_path: Path) -> None:
    module, fitting, path = task(), trainer(tmp_path), tmp_path / "x.ckpt"
    fitting.fit(module, datamodule=Tones())
    fitting.save_checkpoint(path)
    entry = torch.load(path, weights_only=True)["s4audio"]
    assert json.loads(json.dumps(entry)) == entry
    assert entry["labels"] == LABELS
    assert entry["sample_rate"] == 64
    assert entry["data"] == {"class": "Tones", "arguments": {}}
    model, inputs = load(path), Tones().inputs
    module.eval()
    torch.testing.assert_close(model(inputs), module.network(inputs))


def test_continued_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole, first, second = task(), task(), task()
    trainer(tmp_path, epochs=4).fit(whole, datamodule=Tones())
    fitting = trainer(tmp_path, epochs=2)
    fitting.fit(first, datamodule=Tones())
    fitting.save_checkpoint(tmp_path / "half.ckpt")
    trainer(tmp_path, epochs=4).fit(
        second, datamodule=Tones(), ckpt_path=tmp_path / "half.ckpt", weights_only=True
    )
    for name, value in whole.network.state_dict().items():
        assert second.network.state_dict()[name].equal(value), name


@pytest.mark.parametrize("kind", ["cosine", "plateau", "constant"])
def test_every_schedule_trains(kind: str, tmp_path: Path) -> None:
    module = task(optimizer=OptimizerConfig(learning_rate=0.5))
    module.schedule = ScheduleConfig(kind=kind, patience=0, factor=0.5)
    fitting = trainer(tmp_path, epochs=3)
    fitting.fit(module, datamodule=Tones())
    rate = fitting.optimizers[0].param_groups[0]["lr"]
    assert rate == pytest.approx(0, abs=1e-9) if kind == "cosine" else rate > 0.1

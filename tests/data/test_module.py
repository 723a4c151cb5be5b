"""Data modules inside the trainer and the configuration files."""

from pathlib import Path

import jsonargparse
import pytest
import torch
from lightning import LightningModule, Trainer

from s4audio.data import AudioDataModule, AudioFolder, AugmentConfig, Batch


class Probe(LightningModule):
    """A model that only remembers which clips it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: dict[str, list[list[int]]] = {"train": [], "validation": [], "testing": []}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        assert isinstance(batch, Batch)
        self.seen["train"].append(batch.indices.tolist())
        return self.weight * batch.inputs.mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["validation"].append(batch.indices.tolist())

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["testing"].append(batch.indices.tolist())


def run(data: AudioDataModule, folder: Path, epochs: int, checkpoint: Path | None = None) -> Probe:
    probe = Probe()
    trainer = Trainer(
        default_root_dir=folder,
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(probe, data, ckpt_path=checkpoint, weights_only=True)
    trainer.save_checkpoint(folder / "last.ckpt")
    trainer.test(probe, data, verbose=False)
    return probe


# Advice and deprecations inside the trainer are not the subject here.
IGNORE = [
    "ignore:.*does not have many workers",
    "ignore:.*isinstance.treespec, LeafSpec:FutureWarning",
]


@pytest.mark.filterwarnings(*IGNORE)
def test_the_trainer_sees_every_clip_and_resumes_the_order(folder: Path, tmp_path: Path):
    def data() -> AudioFolder:
        return AudioFolder(folder, validation=0.2, testing=0.2, batch_size=4)

    whole = run(data(), tmp_path / "whole", epochs=3)
    first = run(data(), tmp_path / "part", epochs=2)
    second = run(data(), tmp_path / "part", epochs=3, checkpoint=tmp_path / "part" / "last.ckpt")
    assert first.seen["train"] + second.seen["train"] == whole.seen["train"]
    splits = data()
    for name in ("validation", "testing"):
        scored = [index for batch in second.seen[name] for index in batch]
        assert scored == list(range(len(splits.split(name))))


def parse(text: str) -> AudioDataModule:
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(AudioDataModule, "data")
    parsed = parser.parse_string(text)
    return parser.instantiate(parsed).data


def test_configuration_files(folder: Path):
    data = parse(
        f"""
        data:
          class_path: s4audio.data.AudioFolder
          init_args:
            root: {folder}
            seconds: 1
            augment: {{shift_ms: 100, gain_db: [-6, 6], speed: [0.9, 1.1]}}
        """
    )
    assert isinstance(data, AudioFolder)
    assert data.augment == AugmentConfig(shift_ms=100.0, gain_db=(-6.0, 6.0), speed=(0.9, 1.1))
    assert next(iter(data.train_dataloader())).inputs.shape[1:] == (16000, 1)


@pytest.mark.parametrize("words", ["10", "35", "[go, stop]"])
def test_configuration_of_speech_commands(words: str):
    data = parse(
        f"""
        data:
          class_path: s4audio.data.SpeechCommands
          init_args: {{root: data, words: {words}, amplitude: papers}}
        """
    )
    assert len(data.labels) == {"10": 10, "35": 35}.get(words, 2)
    assert data.describe()["arguments"]["root"] == "data"

"""Training, validation and testing of a sequence classifier."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

import s4audio
from s4audio.data import Batch
from s4audio.data.augment import mixup
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.checkpoint import check_same_network
from s4audio.tasks.optimizer import OptimizerConfig, build_optimizer
from s4audio.tasks.schedule import ScheduleConfig, build_schedule


class Predictions(NamedTuple):
    """What the network said about some clips.

    Args:
        logits: (clips, classes) float32.
        targets: (clips,) int64.
        indices: (clips,) int64, row of each clip in its split.
    """

    logits: Tensor
    targets: Tensor
    indices: Tensor


class ClassificationTask(LightningModule):
    """A `SequenceClassifier` trained with cross entropy.

    Logs `train/loss`, `train/accuracy`, `val/loss`, `val/accuracy`, `test/loss`, `test/accuracy`
    and `test/macro_f1` an epoch, and `train/loss_step` within it.

    Args:
        network: The classifier's configuration.
        labels: Class names; the row of a name is its target. Linked to the data by the command
            line.
        sample_rate: Rate of the training audio in Hz. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        mixup_alpha: Mix the training clips of a batch in pairs, in shares of Beta(alpha, alpha);
            0 for none.

    Raises:
        ValueError: `label_smoothing` or `mixup_alpha` is out of range, or the network's
            configuration is invalid.
    """

    def __init__(
        self,
        network: ClassifierConfig,
        labels: list[str],
        sample_rate: int = 16_000,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
        label_smoothing: float = 0.0,
        mixup_alpha: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}; give a number in [0, 1)")
        if not 0 <= mixup_alpha <= 100:
            raise ValueError(f"mixup_alpha is {mixup_alpha}; give a number in [0, 100]")
        self.network = SequenceClassifier(network, labels, sample_rate)
        self.optimizer = optimizer
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.mixup_alpha = mixup_alpha
        self.train_accuracy = MulticlassAccuracy(len(labels), average="micro")
        self.val_accuracy = MulticlassAccuracy(len(labels), average="micro")
        self.test_accuracy = MulticlassAccuracy(len(labels), average="micro")
        self.test_macro_f1 = MulticlassF1Score(len(labels), average="macro")
        self.test_predictions: Predictions | None = None
        self.test_seconds = 0.0
        self._test_started = 0.0
        self._test_batches: list[Predictions] = []

    def forward(self, batch: Batch) -> Tensor:
        """Classify a batch.

        Args:
            batch: Inputs, lengths, targets and indices.

        Returns:
            Logits (batch, classes).
        """
        time = batch.inputs.shape[1]
        # A mask that hides nothing costs time in every layer.
        padded = bool((batch.lengths < time).any())
        logits: Tensor = self.network(batch.inputs, lengths=batch.lengths if padded else None)
        return logits

    def on_fit_start(self) -> None:
        """Take the input statistics from the training split; a resumed network has its own."""
        if self.network.config.normalization == "standardize" and self.trainer.ckpt_path is None:
            mean, std = self._data().statistics()
            self.network.set_input_statistics(mean, std)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy of one batch; stops the training when it is not finite."""
        batch, targets = self._mixed(batch)
        logits = self(batch)
        loss = functional.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)
        self._stop_if_diverged(loss)
        self.train_accuracy(logits, batch.targets)
        size = len(batch.targets)
        self.log("train/loss_step", loss, on_step=True, on_epoch=False, batch_size=size)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=size)
        self.log("train/accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy."""
        logits = self(batch)
        loss = functional.cross_entropy(logits, batch.targets)
        self._stop_if_diverged(loss)
        self.val_accuracy(logits, batch.targets)
        self.log("val/loss", loss, batch_size=len(batch.targets))
        self.log("val/accuracy", self.val_accuracy, prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self._test_batches = []
        self.test_predictions = None
        self._test_started = time.perf_counter()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss, accuracy and macro F1, and keep the logits."""
        logits = self(batch)
        self.test_accuracy(logits, batch.targets)
        self.test_macro_f1(logits, batch.targets)
        loss = functional.cross_entropy(logits, batch.targets)
        self.log("test/loss", loss, batch_size=len(batch.targets))
        self.log("test/accuracy", self.test_accuracy)
        self.log("test/macro_f1", self.test_macro_f1)
        self._test_batches.append(_on_cpu(logits, batch))

    def on_test_epoch_end(self) -> None:
        """Join the kept logits into `test_predictions` (of this process)."""
        self.test_predictions = join_predictions(self._test_batches)
        self.test_seconds = time.perf_counter() - self._test_started
        self._test_batches = []

    def predict_step(self, batch: Batch, batch_idx: int) -> Predictions:
        """Logits of one batch on the CPU."""
        return _on_cpu(self(batch), batch)

    def configure_optimizers(self) -> Any:
        """AdamW in parameter groups and the schedule, in the form Lightning reads."""
        optimizer = build_optimizer(self.network, self.optimizer)
        steps = self.trainer.estimated_stepping_batches
        scheduler = build_schedule(optimizer, self.schedule, steps)
        if scheduler is None:
            return optimizer
        each: dict[str, Any] = {"scheduler": scheduler, "interval": "step"}
        if self.schedule.kind == "plateau":
            each = {
                "scheduler": scheduler,
                "interval": "epoch",
                "monitor": self.schedule.monitor,
            }
        return {"optimizer": optimizer, "lr_scheduler": each}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what it takes to rebuild the network and its data, as plain JSON types."""
        checkpoint["s4audio"] = {
            "config": self.network.config.to_dict(),
            "labels": list(self.network.labels),
            "sample_rate": self.network.sample_rate,
            "data": self._data().describe(),
            "version": s4audio.__version__,
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Refuse a checkpoint of another network in one readable line."""
        check_same_network(checkpoint, self.network, self.state_dict())

    def _data(self) -> Any:
        """The trainer's data module (Lightning sets the attribute without declaring it)."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def _mixed(self, batch: Batch) -> tuple[Batch, Tensor]:
        """The batch and the targets of its loss, mixed in pairs where that is asked for."""
        if self.mixup_alpha == 0:
            return batch, batch.targets
        # The step decides, so that a resumed run mixes what it would have mixed.
        random = np.random.default_rng([torch.initial_seed(), self.global_step, self.global_rank])
        shares = functional.one_hot(batch.targets, len(self.network.labels)).float()
        inputs, lengths, shares = mixup(
            batch.inputs, batch.lengths, shares, self.mixup_alpha, random
        )
        return Batch(inputs, lengths, shares.argmax(1), batch.indices), shares

    def _stop_if_diverged(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged; lower "
                f"optimizer.kernel_learning_rate (now {self.optimizer.kernel_learning_rate:g}) or "
                "clip the gradients (--trainer.gradient_clip_val 1)"
            )


def join_predictions(batches: list[Predictions]) -> Predictions:
    """Concatenate the predictions of several batches, in order.

    Args:
        batches: At least one.

    Returns:
        All clips together.
    """
    logits, targets, indices = zip(*batches, strict=True)
    return Predictions(torch.cat(logits), torch.cat(targets), torch.cat(indices))


def _on_cpu(logits: Tensor, batch: Batch) -> Predictions:
    return Predictions(logits.detach().float().cpu(), batch.targets.cpu(), batch.indices.cpu())

"""Training, validation and testing of a network that predicts one number."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError

from s4audio.data import Batch
from s4audio.data.bidmc import BIDMC
from s4audio.errors import UserError
from s4audio.evaluation.regression import prediction_rows, report_regression
from s4audio.evaluation.tables import write_csv
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.base import Task
from s4audio.tasks.classes import check_inputs, padded_lengths
from s4audio.tasks.figures import figure
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class Numbers(NamedTuple):
    """Predictions of some windows in the target's unit, on the CPU.

    Attributes:
        predictions: (windows,).
        targets: (windows,).
    """

    predictions: Tensor
    targets: Tensor


class RegressionTask(Task):
    """A `SequenceClassifier` with one output, trained with the mean squared error.

    The network's output is standardised: (number - mean) / deviation of the training targets, which
    are kept as `target_mean` and `target_std`.

    Logs `train/loss`, `val/loss` (standardised MSE), `val/rmse`, `test/rmse` and `test/mae` (in the
    target's unit) an epoch, and `train/loss_step` within it.

    Args:
        network: The network's configuration.
        labels: Name of the target, one. Linked to the data by the command line.
        sample_rate: Rate of the training series in Hz. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.

    Raises:
        ValueError: There is not one label, the network would standardize its input, or its
            configuration is invalid.
    """

    monitor = "val/loss"
    network: SequenceClassifier
    target_mean: Tensor
    target_std: Tensor

    def __init__(
        self,
        network: ClassifierConfig,
        labels: list[str],
        sample_rate: int = 16_000,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
    ) -> None:
        super().__init__(optimizer, schedule)
        if len(labels) != 1:
            raise ValueError(f"a regression has one target, got {len(labels)}: {labels}")
        if network.normalization == "standardize":
            raise UserError(
                "normalization='standardize' needs statistics of the input, which a regression "
                "does not take: choose none, clip or level"
            )
        self.network = SequenceClassifier(network, labels, sample_rate)
        self.register_buffer("target_mean", torch.zeros(()))
        self.register_buffer("target_std", torch.ones(()))
        self.val_rmse = MeanSquaredError(squared=False)
        self.test_rmse = MeanSquaredError(squared=False)
        self.test_mae = MeanAbsoluteError()
        self._test_batches: list[Numbers] = []

    def setup(self, stage: str) -> None:
        """Compare the network's input with the data's."""
        check_inputs(self.network.config, self._data())

    def on_fit_start(self) -> None:
        """Take the targets' statistics from the training split; a resumed task has its own."""
        if self.trainer.ckpt_path is None:
            mean, std = self._data().target_statistics()
            self.target_mean.fill_(mean)
            self.target_std.fill_(std if std > 0 else 1.0)

    def forward(self, batch: Batch) -> Tensor:
        """Standardised predictions (batch,) of a batch."""
        outputs: Tensor = self.network(batch.inputs, lengths=padded_lengths(batch))
        return outputs[:, 0]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Squared error of one batch; stops the training when it is not finite."""
        loss = self._loss(self(batch), batch)
        self.log_loss(loss, len(batch.targets))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and RMSE."""
        outputs = self(batch)
        loss = self._loss(outputs, batch)
        self.stop_if_diverged(loss)
        self.val_rmse(self._in_unit(outputs), batch.targets)
        self.log("val/loss", loss, batch_size=len(batch.targets))
        self.log("val/rmse", self.val_rmse, prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self._test_batches = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log both errors, and keep the predictions."""
        predictions = self._in_unit(self(batch))
        self.test_rmse(predictions, batch.targets)
        self.test_mae(predictions, batch.targets)
        self.log("test/rmse", self.test_rmse)
        self.log("test/mae", self.test_mae)
        self._test_batches.append(Numbers(predictions.cpu(), batch.targets.cpu()))

    def predict_step(self, batch: Batch, batch_idx: int) -> Numbers:
        """Predictions of one batch on the CPU."""
        return Numbers(self._in_unit(self(batch)).cpu(), batch.targets.cpu())

    def description(self) -> dict[str, Any]:
        """Options of the network, the target and the sample rate."""
        return {
            "config": self.network.config.to_dict(),
            "labels": list(self.network.labels),
            "sample_rate": self.network.sample_rate,
        }

    def test_figures(self) -> list[tuple[str, str]]:
        """Both errors."""
        metrics = self.trainer.callback_metrics
        return [
            ("test RMSE", figure("rmse", float(metrics["test/rmse"]))),
            ("test MAE", figure("mae", float(metrics["test/mae"]))),
        ]

    def write_test(self, output: Path, data: BIDMC) -> None:
        """Errors, predictions, and a plot of prediction against truth."""
        predictions, truth = _joined(self._test_batches)
        report_regression(predictions, truth, self.network.labels[0], data.unit, output)

    def write_predictions(self, path: Path, outputs: Sequence[Any], data: BIDMC) -> int:
        """One row a window: its number in the test split, prediction and truth."""
        rows = prediction_rows(*_joined(outputs))
        write_csv(path, rows)
        return len(rows)

    def validation_line(self, scores: Mapping[str, float]) -> str:
        """RMSE and loss."""
        return f"RMSE {scores['val/rmse']:.4f}, loss {scores['val/loss']:.4f}"

    def _loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        wanted = (batch.targets - self.target_mean) / self.target_std
        return (outputs - wanted).square().mean()

    def _in_unit(self, outputs: Tensor) -> Tensor:
        return outputs.detach().float() * self.target_std + self.target_mean


def _joined(batches: Sequence[Numbers]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions and targets of several batches, in order."""
    predictions, targets = zip(*batches, strict=True)
    return torch.cat(predictions).double().numpy(), torch.cat(targets).double().numpy()

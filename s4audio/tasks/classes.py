"""What every task with classes shares: its figures, its report, its predictions."""

import csv
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from s4audio.data import Batch
from s4audio.errors import UserError
from s4audio.evaluation import Answers, predicted_classes, report_classes
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.logmel import LogMelConfig, LogMelNetwork
from s4audio.models.pairs import PairClassifier
from s4audio.models.pooling import lengths_if_padded
from s4audio.tasks.base import Task
from s4audio.tasks.figures import figure
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class Predictions(NamedTuple):
    """What the network said about some rows of a split.

    Args:
        logits: (rows, classes) float32.
        targets: (rows,) int64.
        indices: (rows,) int64, row in the split.
    """

    logits: Tensor
    targets: Tensor
    indices: Tensor


class ClassTask(Task):
    """Base of the tasks that tell classes apart with cross entropy.

    Logs `val/loss`, `val/accuracy`, `test/loss`, `test/accuracy` and `test/macro_f1` an epoch.

    Args:
        network: Its output are logits, its `labels` the names of the classes.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
    """

    monitor = "val/accuracy"
    network: SequenceClassifier | PairClassifier | LogMelNetwork

    def __init__(
        self,
        network: SequenceClassifier | PairClassifier | LogMelNetwork,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network = network
        classes = len(network.labels)
        if classes < 2:
            raise UserError(
                f"one class only ({', '.join(network.labels)}): a classifier needs two or more"
            )
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(classes, average="micro")
        self.test_macro_f1 = MulticlassF1Score(classes, average="macro")
        self.test_predictions: Predictions | None = None
        self._test_batches: list[Predictions] = []

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, classes) of a batch."""

    def setup(self, stage: str) -> None:
        """Compare the network's input with the data's."""
        check_inputs(self.network.config, self._data())

    def log_training(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Log loss and accuracy of a training batch; stop when the loss is not finite.

        Args:
            loss: ().
            logits: (batch, classes).
            targets: (batch,).
        """
        self.log_loss(loss, len(targets))
        self.train_accuracy(logits, targets)
        self.log("train/accuracy", self.train_accuracy, on_step=False, on_epoch=True)

    def precise(self, batch: Batch) -> Tensor:
        """Logits in the precision of the weights, as every other command gives them.

        Args:
            batch: To classify; autocast is for training alone.

        Returns:
            Logits (batch, classes).
        """
        with torch.autocast(self.device.type, enabled=False):
            logits: Tensor = self(batch)
        return logits

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy."""
        logits = self.precise(batch)
        loss = functional.cross_entropy(logits, batch.targets)
        self.stop_if_diverged(loss)
        self.val_accuracy(logits, batch.targets)
        self.log("val/loss", loss, batch_size=len(batch.targets))
        self.log("val/accuracy", self.val_accuracy, prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Forget the predictions of an earlier test."""
        self._test_batches = []
        self.test_predictions = None

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss, accuracy and macro F1, and keep the logits."""
        logits = self.precise(batch)
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
        self._test_batches = []

    def predict_step(self, batch: Batch, batch_idx: int) -> Predictions:
        """Logits of one batch on the CPU."""
        return _on_cpu(self.precise(batch), batch)

    def test_figures(self) -> list[tuple[str, str]]:
        """Accuracy and macro F1."""
        metrics = self.trainer.callback_metrics
        return [
            ("test accuracy", figure("accuracy", float(metrics["test/accuracy"]))),
            ("test macro F1", figure("f1", float(metrics["test/macro_f1"]))),
        ]

    def write_test(self, output: Path, data: Any) -> None:
        """The classes as table and files, the confusion matrix, and every prediction."""
        assert self.test_predictions is not None
        logits, targets, indices = self.test_predictions
        names = data.split("testing").names
        answers = Answers(
            predictions=predicted_classes(logits),
            targets=targets.numpy(),
            names=tuple(names[index] for index in indices.tolist()),
            labels=self.network.labels,
        )
        report_classes(answers, output)

    def write_predictions(self, path: Path, outputs: Sequence[Any], data: Any) -> int:
        """One row each: name, label given, and the probability of every class."""
        predictions = join_predictions(list(outputs))
        labels, names = self.network.labels, data.split("testing").names
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "label", *labels])
            for index, scores in zip(
                predictions.indices.tolist(), predictions.logits.softmax(-1), strict=True
            ):
                best = labels[int(scores.argmax())]
                shares = [f"{score:.6f}" for score in scores.tolist()]
                writer.writerow([names[index], best, *shares])
        return len(predictions.targets)

    def validation_line(self, scores: Mapping[str, float]) -> str:
        """Accuracy and loss."""
        return f"accuracy {scores['val/accuracy']:.2%}, loss {scores['val/loss']:.4f}"


def padded_lengths(batch: Batch) -> Tensor | None:
    """Lengths of a batch, or None if nothing is padded."""
    return lengths_if_padded(batch.lengths, batch.inputs.shape[1])


def check_inputs(config: ClassifierConfig | LogMelConfig, data: Any) -> None:
    """Whether a network can take what a data set gives.

    Args:
        config: Of the network.
        data: A data module.

    Raises:
        UserError: It has another number of features, or more tokens than the network knows.
    """
    features, tokens = getattr(data, "d_input", None), getattr(data, "vocabulary", None)
    # A network without these options reads one feature, and no tokens.
    d_input, vocabulary = getattr(config, "d_input", 1), getattr(config, "vocabulary", None)
    name = type(data).__name__
    if tokens is not None and (vocabulary is None or vocabulary < tokens):
        raise UserError(
            f"{name} has {tokens} tokens and network.vocabulary is {vocabulary}: set it to {tokens}"
        )
    if features not in (None, d_input):
        raise UserError(
            f"{name} has {features} features a step and network.d_input is {d_input}: set it to "
            f"{features}"
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

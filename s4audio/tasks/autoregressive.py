"""What the tasks that predict the next token share."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import MeanMetric

from s4audio.data.tokens import TokenBatch
from s4audio.evaluation.tables import TextTable, print_table, write_text
from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel
from s4audio.tasks.base import Task
from s4audio.tasks.figures import figure
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class Surprise(NamedTuple):
    """How unlikely the tokens of some rows were, on the CPU.

    Attributes:
        nats: float32 (rows, time), NaN where nothing is scored.
        targets: int64 (rows, time).
        indices: int64 (rows,), row in the split.
    """

    nats: Tensor
    targets: Tensor
    indices: Tensor


class AutoregressiveTask(Task):
    """Base of the tasks that train an `AutoregressiveModel` with cross entropy.

    Logs `train/loss` and, of validation and test, `loss` (nats a token) and the figures of
    `scores` an epoch, and `train/loss_step` within it. Every scored token counts the same.

    Args:
        network: Options of the model.
        labels: The vocabulary.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
    """

    network: AutoregressiveModel

    def __init__(
        self,
        network: AutoregressiveConfig,
        labels: list[str],
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
    ) -> None:
        super().__init__(optimizer, schedule)
        self.network = AutoregressiveModel(network, labels)
        self.val_nats = MeanMetric()
        self.test_nats = MeanMetric()
        self.test_scores: dict[str, float] = {}
        self.test_tokens = 0

    @abstractmethod
    def scores(self, nats: float) -> dict[str, float]:
        """Figures of the field, by name, of a mean of so many nats a token."""

    @abstractmethod
    def caption(self) -> str:
        """Title of the table of a test."""

    @abstractmethod
    def baselines(self, data: Any) -> dict[str, float]:
        """Nats a token of the test split by counting alone, by name."""

    def training_step(self, batch: TokenBatch, batch_idx: int) -> Tensor:
        """Cross entropy of one batch; stops the training when it is not finite."""
        loss = self.network.negative_log_likelihood(batch.inputs, batch.targets).mean()
        self.log_loss(loss, len(batch.inputs))
        return loss

    def validation_step(self, batch: TokenBatch, batch_idx: int) -> None:
        """Gather the loss."""
        self.val_nats.update(self.network.negative_log_likelihood(batch.inputs, batch.targets))

    def on_validation_epoch_end(self) -> None:
        """Log loss and figures."""
        nats = self.val_nats.compute()
        self.val_nats.reset()
        self.stop_if_diverged(nats)
        self._log_all("val", float(nats))

    def on_test_epoch_start(self) -> None:
        """Forget an earlier test."""
        self.test_tokens = 0

    def test_step(self, batch: TokenBatch, batch_idx: int) -> None:
        """Gather the loss."""
        nats = self.network.negative_log_likelihood(batch.inputs, batch.targets)
        self.test_tokens += len(nats)
        self.test_nats.update(nats)

    def on_test_epoch_end(self) -> None:
        """Log loss and figures."""
        nats = float(self.test_nats.compute())
        self.test_nats.reset()
        self.test_scores = self._log_all("test", nats)

    def predict_step(self, batch: TokenBatch, batch_idx: int) -> Surprise:
        """Nats of every scored token of one batch on the CPU."""
        found = self.network.negative_log_likelihood(batch.inputs, batch.targets)
        nats = torch.full(batch.targets.shape, torch.nan, device=found.device)
        nats[batch.targets >= 0] = found.float()
        return Surprise(nats.cpu(), batch.targets.cpu(), batch.indices.cpu())

    def description(self) -> dict[str, Any]:
        """Options of the network and the vocabulary."""
        return {"config": self.network.config.to_dict(), "labels": list(self.network.labels)}

    def test_figures(self) -> list[tuple[str, str]]:
        """The figures of the field."""
        return [
            (f"test {_words(name)}", figure(name, value))
            for name, value in self.test_scores.items()
            if name != "loss"
        ]

    def write_test(self, output: Path, data: Any) -> None:
        """The figures beside those of the baselines: a table, report.md and report.json."""
        baselines = self.baselines(data)
        rows = {"model": self.test_scores}
        rows |= {name: {"loss": nats, **self.scores(nats)} for name, nats in baselines.items()}
        cells = [(name, *(figure(k, x) for k, x in row.items())) for name, row in rows.items()]
        headers = ("", *(_words(name) for name in self.test_scores))
        note = f"{self.test_tokens:,} tokens; the baselines only count the training split."
        table = TextTable(self.caption(), headers, tuple(cells), words=1, notes=(note,))
        print_table(table)
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "report.md", table.markdown())
        document = {"tokens": self.test_tokens, "figures": rows}
        write_text(output / "report.json", json.dumps(document, indent=1) + "\n")

    def validation_line(self, scores: Mapping[str, float]) -> str:
        """All figures."""
        parts = [f"{_words(key)} {figure(key, value)}" for key, value in scores.items()]
        return ", ".join(parts)

    def _log_all(self, stage: str, nats: float) -> dict[str, float]:
        scores = {"loss": nats, **self.scores(nats)}
        for name, value in scores.items():
            self.log(f"{stage}/{name}", value)
        return scores


def in_order(outputs: Sequence[Surprise]) -> list[tuple[int, Tensor, Tensor]]:
    """Index, nats and targets of each row, only what is scored."""
    rows = []
    for batch in outputs:
        indices = batch.indices.tolist()
        for index, nats, targets in zip(indices, batch.nats, batch.targets, strict=True):
            scored = targets >= 0
            rows.append((index, nats[scored], targets[scored]))
    return rows


def _words(name: str) -> str:
    return name.removeprefix("val/").replace("_", " ")

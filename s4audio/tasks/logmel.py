"""Training, validation and testing of the log-mel network, the peer of our keyword spotters."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional

from s4audio.data import Batch
from s4audio.errors import UserError
from s4audio.models.logmel import LogMelConfig, LogMelNetwork
from s4audio.models.pretrained import load_weights, network_weights, read_checkpoint
from s4audio.tasks.classes import ClassTask
from s4audio.tasks.initial import take_weights
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class LogMelTask(ClassTask):
    """A `LogMelNetwork` trained with cross entropy; logs the figures of `ClassificationTask`.

    Args:
        network: Options of the network.
        labels: Class names. Linked to the data by the command line.
        sample_rate: Rate of the training audio in Hz. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        initial: Checkpoint of such a network to start from, as for `ClassificationTask`; None for
            random weights.
    """

    network: LogMelNetwork

    def __init__(
        self,
        network: LogMelConfig,
        labels: list[str],
        sample_rate: int = 16_000,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
        label_smoothing: float = 0.0,
        initial: Path | None = None,
    ) -> None:
        super().__init__(LogMelNetwork(network, labels, sample_rate), optimizer, schedule)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}; give a number in [0, 1)")
        self.label_smoothing = label_smoothing
        self.initial = initial

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, classes)."""
        logits: Tensor = self.network(batch.inputs)
        return logits

    def description(self) -> dict[str, Any]:
        """Options of the network, labels and sample rate."""
        return {
            "config": self.network.config.to_dict(),
            "labels": list(self.network.labels),
            "sample_rate": self.network.sample_rate,
        }

    def on_fit_start(self) -> None:
        """Take initial weights; a network that is resumed has its own."""
        if self.initial is not None and self.trainer.ckpt_path is None:
            take_weights(self.network, _load(self.initial), str(self.initial))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy of one batch; stops the training when it is not finite."""
        logits = self(batch)
        smoothing = self.label_smoothing
        loss = functional.cross_entropy(logits, batch.targets, label_smoothing=smoothing)
        self.log_training(loss, logits, batch.targets)
        return loss


def _load(path: Path) -> LogMelNetwork:
    checkpoint = read_checkpoint(path)
    there = checkpoint["s4audio"]
    task = there.get("task", "ClassificationTask")  # the first ones do not say
    if task != LogMelTask.__name__:
        raise UserError(f"initial={path} is a checkpoint of a {task}; give one of a LogMelTask")
    config = LogMelConfig(**there["config"])
    network = LogMelNetwork(config, there["labels"], there["sample_rate"])
    load_weights(network, network_weights(checkpoint), path)
    return network

"""Training, validation and testing of a classifier of pairs."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from s4audio.data import Batch
from s4audio.models import ClassifierConfig
from s4audio.models.pairs import PairClassifier
from s4audio.tasks.classes import ClassTask, padded_lengths
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class RetrievalTask(ClassTask):
    """A `PairClassifier` trained with cross entropy: do two documents belong together?

    Logs the figures of `ClassificationTask`. Batches hold pair i in rows 2 i and 2 i + 1.

    Args:
        network: Configuration of the network that reads each document.
        labels: Class names. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
    """

    def __init__(
        self,
        network: ClassifierConfig,
        labels: list[str],
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
    ) -> None:
        super().__init__(PairClassifier(network, labels), optimizer, schedule)

    def forward(self, batch: Batch) -> Tensor:
        """Logits (pairs, classes)."""
        logits: Tensor = self.network(batch.inputs, padded_lengths(batch))
        return logits

    def description(self) -> dict[str, Any]:
        """Options of the network, and labels."""
        return {"config": self.network.config.to_dict(), "labels": list(self.network.labels)}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy of one batch; stops the training when it is not finite."""
        logits = self(batch)
        loss = functional.cross_entropy(logits, batch.targets)
        self.log_training(loss, logits, batch.targets)
        return loss

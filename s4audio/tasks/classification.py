"""Training, validation and testing of a sequence classifier."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from s4audio.data import Batch
from s4audio.data.augment import mixup
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.pretrained import load
from s4audio.tasks.classes import ClassTask, padded_lengths
from s4audio.tasks.initial import take_weights
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class ClassificationTask(ClassTask):
    """A `SequenceClassifier` trained with cross entropy.

    Logs `train/loss`, `train/accuracy`, `val/loss`, `val/accuracy`, `test/loss`, `test/accuracy`
    and `test/macro_f1` an epoch, and `train/loss_step` within it.

    Args:
        network: The classifier's configuration.
        labels: Class names; the row of a name is its target. Linked to the data by the command
            line.
        sample_rate: Rate of the training audio in Hz. Linked to the data by the command line; of
            no meaning for other data.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        mixup_alpha: Mix the training rows of a batch in pairs, in shares of Beta(alpha, alpha);
            0 for none.
        initial: Weights to start from: a checkpoint, a folder or a shipped name of a network of
            the same configuration. Of its classes those that are here too keep their rows of the
            decoder; new classes start at random. None: everything starts at random.

    Raises:
        ValueError: `label_smoothing` or `mixup_alpha` is out of range, or the network's
            configuration is invalid.
    """

    network: SequenceClassifier

    def __init__(
        self,
        network: ClassifierConfig,
        labels: list[str],
        sample_rate: int = 16_000,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
        label_smoothing: float = 0.0,
        mixup_alpha: float = 0.0,
        initial: Path | None = None,
    ) -> None:
        super().__init__(SequenceClassifier(network, labels, sample_rate), optimizer, schedule)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}; give a number in [0, 1)")
        if not 0 <= mixup_alpha <= 100:
            raise ValueError(f"mixup_alpha is {mixup_alpha}; give a number in [0, 100]")
        self.label_smoothing = label_smoothing
        self.mixup_alpha = mixup_alpha
        self.initial = initial

    def forward(self, batch: Batch) -> Tensor:
        """Classify a batch.

        Args:
            batch: Inputs, lengths, targets and indices.

        Returns:
            Logits (batch, classes).
        """
        logits: Tensor = self.network(batch.inputs, lengths=padded_lengths(batch))
        return logits

    def description(self) -> dict[str, Any]:
        """Options of the network, labels and sample rate."""
        return {
            "config": self.network.config.to_dict(),
            "labels": list(self.network.labels),
            "sample_rate": self.network.sample_rate,
        }

    def on_fit_start(self) -> None:
        """Take initial weights or input statistics; a network that is resumed has its own."""
        if self.trainer.ckpt_path is not None:
            return
        if self.initial is not None:
            take_weights(self.network, load(self.initial), str(self.initial))
        elif self.network.config.normalization == "standardize":
            mean, std = self._data().statistics()
            self.network.set_input_statistics(mean, std)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross entropy of one batch; stops the training when it is not finite."""
        batch, targets = self._mixed(batch)
        logits = self(batch)
        loss = functional.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)
        self.log_training(loss, logits, batch.targets)
        return loss

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

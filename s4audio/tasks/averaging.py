"""An exponential moving average of the weights, which is what a training then keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor


@dataclass(frozen=True)
class WeightAveragingConfig:
    """Whether and how long weights are averaged.

    Args:
        decay: Share of the old average after a step, in [0, 1): 0.995 looks back some 200 steps.
    """

    decay: float

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"weight_averaging.decay is {self.decay}; give a number in [0, 1)")


class AverageWeights(WeightAveraging):
    """Validates and keeps the average of the weights over the last steps.

        average <- average + share (weights - average),    share = max(1 - decay, 9 / (9 + steps))

    The larger share of the first steps lets the average forget the weights that it began with.
    Statistics of batch norms are averaged too. A checkpoint has the average as its weights, and the
    weights of the last step beside it, for a training that is continued.

    Args:
        decay: Share of the old average after a step, in [0, 1).

    Source: Tarvainen, Valpola, "Mean teachers are better role models", arXiv 1703.01780, section 2,
        who raise the decay during the training too.
    """

    def __init__(self, decay: float) -> None:
        def update(averages: Any, weights: Any, steps: Tensor | int) -> None:
            _move(averages, weights, max(1 - decay, 9 / (10 + int(steps))))

        super().__init__(multi_avg_fn=update)
        self._validating = False

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate the average."""
        super().on_validation_epoch_start(trainer, pl_module)
        self._validating = True

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the weights of the last step."""
        super().on_validation_epoch_end(trainer, pl_module)
        self._validating = False

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Put both in their places before anything is saved, if this happens in a validation."""
        if self._validating:
            self.on_validation_epoch_end(trainer, pl_module)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue a training with both; a test after the training is of the average."""
        if trainer.state.fn == TrainerFn.FITTING:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)


@torch.no_grad()
def _move(averages: Sequence[Tensor], weights: Sequence[Tensor], share: float) -> None:
    """Move averages towards the weights; counters are taken as they are."""
    for average, weight in zip(averages, weights, strict=True):
        if average.is_floating_point() or average.is_complex():
            average.lerp_(weight, share)
        else:
            average.copy_(weight)

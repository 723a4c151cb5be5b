"""Learning rate schedules: warm-up with cosine decay, reduction on a plateau, constant."""

import math
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from s4audio.tasks.figures import better


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rates of all groups change during training.

    Args:
        kind: "cosine" (linear warm-up, then half a cosine to zero, every step), "plateau"
            (multiplied by `factor` when `monitor` stops improving, every epoch) or "constant".
        warmup_steps: Steps of the linear warm-up ("cosine"), 0 or more.
        total_steps: Steps until zero, warm-up included ("cosine"). None: the whole training.
        factor: Multiplier on a plateau, in (0, 1).
        patience: Epochs without improvement before the rate falls ("plateau"), 0 or more.
        monitor: Logged figure to watch ("plateau"). None: the one that the task chooses its best
            checkpoint by.

    Raises:
        ValueError: A figure is out of its range.
    """

    kind: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_steps: int = 0
    total_steps: int | None = None
    factor: float = 0.2
    patience: int = 10
    monitor: str | None = None

    def __post_init__(self) -> None:
        if self.warmup_steps < 0:
            raise ValueError(f"schedule.warmup_steps is {self.warmup_steps}; give 0 or more")
        if self.total_steps is not None and self.total_steps < 1:
            raise ValueError(f"schedule.total_steps is {self.total_steps}; give 1 or more")
        if not 0 < self.factor < 1:
            raise ValueError(f"schedule.factor is {self.factor}; give a number between 0 and 1")
        if self.patience < 0:
            raise ValueError(f"schedule.patience is {self.patience}; give 0 or more")


def cosine_factor(step: int, warmup_steps: int, total_steps: int) -> float:
    """Multiplier of the learning rate at an optimiser step.

    Args:
        step: Steps taken so far, from 0.
        warmup_steps: Length of the linear rise; the first step already has a rate above 0.
        total_steps: Step at which the rate reaches zero and stays there.

    Returns:
        A number in [0, 1].
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def build_schedule(
    optimizer: Optimizer, config: ScheduleConfig, training_steps: float, monitor: str
) -> LRScheduler | ReduceLROnPlateau | None:
    """The scheduler of a configuration.

    Args:
        optimizer: Whose rates change.
        config: What they do.
        training_steps: Optimiser steps of the whole training; infinite when it has no end.
        monitor: Figure that a plateau is one of, where `config` names none.

    Returns:
        A scheduler to be stepped every step ("cosine") or every epoch ("plateau"), or None.

    Raises:
        ValueError: A cosine needs an end and neither the training nor `total_steps` has one.
    """
    if config.kind == "constant":
        return None
    if config.kind == "plateau":
        mode = better(config.monitor or monitor)
        return ReduceLROnPlateau(
            optimizer, mode=mode, factor=config.factor, patience=config.patience
        )
    total = training_steps if config.total_steps is None else config.total_steps
    if math.isinf(total):
        raise ValueError(
            "schedule.kind cosine needs an end: set trainer.max_epochs, trainer.max_steps or "
            "schedule.total_steps"
        )
    steps = int(total)
    return LambdaLR(optimizer, lambda step: cosine_factor(step, config.warmup_steps, steps))

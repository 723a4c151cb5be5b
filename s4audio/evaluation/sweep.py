"""What a sweep over sample rates found, and the words for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from s4audio.evaluation.metrics import IntArray

Method = Literal["native", "decimation", "resampling"]


@dataclass(frozen=True)
class RateRow:
    """The result of one pass over the clips.

    Attributes:
        sample_rate: Sample rate of the audio the model was given, in hertz.
        method: How that audio was made: "native" (the clips as they are), "decimation" (every
            k-th sample), "resampling" (band-limited).
        rescaled: Whether the step was rescaled. At the model's own rate, where rescaling changes
            nothing, there is one row and it counts as rescaled.
        rate: Factor on the step: (sample rate of training) / `sample_rate` if rescaled, else 1.
        accuracy: Share of clips classified right, in [0, 1].
        interval: 95 % Wilson interval of the accuracy.
        macro_f1: Mean F1 of the classes, in [0, 1].
        clips: Number of clips.
        non_finite: Clips whose logits held NaN or infinity; each counts as a wrong answer.
        seconds: Time spent in the model, without reading and resampling.
    """

    sample_rate: int
    method: Method
    rescaled: bool
    rate: float
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    clips: int
    non_finite: int
    seconds: float


@dataclass(frozen=True)
class RateFailure:
    """A rate and method at which the model could not be evaluated, and why."""

    sample_rate: int
    method: Method
    message: str


@dataclass(frozen=True, eq=False)
class RateSweep:
    """One model at many sample rates.

    Attributes:
        rows: Results, from the highest rate to the lowest; decimation before resampling, rescaled
            before not rescaled.
        failures: Rates and methods that could not be evaluated.
        predictions: Predicted classes (rows, clips), `NO_PREDICTION` where logits are not finite.
        targets: True classes (clips,).
        names: Names of the clips.
        labels: Names of the classes.
        model_rate: Sample rate of training, in hertz.
        clips_rate: Sample rate of the clips before decimation or resampling, in hertz.
    """

    rows: tuple[RateRow, ...]
    failures: tuple[RateFailure, ...]
    predictions: IntArray
    targets: IntArray
    names: tuple[str, ...]
    labels: tuple[str, ...]
    model_rate: int
    clips_rate: int

    def main_row(self) -> int:
        """Index of the row that details are shown for: rescaled, nearest the model's own rate."""
        rescaled = [index for index, row in enumerate(self.rows) if row.rescaled]
        return min(rescaled, key=lambda index: abs(np.log(self.rows[index].rate)))


def methods(clips_rate: int, sample_rate: int) -> tuple[Method, ...]:
    """Ways to make audio of one sample rate from clips of another.

    Args:
        clips_rate: Sample rate of the clips, in hertz.
        sample_rate: Sample rate wanted, in hertz.

    Returns:
        Decimation only where a whole number of samples, at least 2, makes one.

    Example:
        >>> methods(16000, 8000)
        ('decimation', 'resampling')
        >>> methods(16000, 11025), methods(16000, 16000)
        (('resampling',), ('native',))
    """
    if sample_rate == clips_rate:
        return ("native",)
    if clips_rate % sample_rate == 0:
        return ("decimation", "resampling")
    return ("resampling",)


def kilohertz(sample_rate: int) -> str:
    """A sample rate for people: 11025 -> "11.025 kHz"."""
    return f"{sample_rate / 1000:.12g} kHz"


def condition(sample_rate: int, method: Method) -> str:
    """Name of one kind of input, such as "8 kHz, decimation"."""
    return kilohertz(sample_rate) + ("" if method == "native" else f", {method}")

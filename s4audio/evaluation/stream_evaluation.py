"""A stream's scores at every threshold, and a closer look at one of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from s4audio.errors import UserError
from s4audio.evaluation.detection import Timeline
from s4audio.evaluation.outcome import Outcome, judge
from s4audio.evaluation.tradeoff import Curve, candidate_thresholds, pool, sweep

TARGETS = (0.1, 0.5, 1.0)
"""False accepts an hour at which misses are reported."""

CLOSER_TARGET = 0.5
"""False accepts an hour at whose threshold words, latencies and mistakes are looked at."""


@dataclass(frozen=True, eq=False)
class StreamEvaluation:
    """Everything the report is made of.

    Attributes:
        curves: One a recording.
        pooled: All recordings at one threshold.
        outcomes: One a recording, at the closer look's threshold.
        threshold: The closer look's, the same for all recordings.
        smoothing: Time over which posteriors are averaged, in seconds.
        refractory: Least time between two events, in seconds.
        tolerance: Seconds after the end of a word in which an event still hits it.
    """

    curves: tuple[Curve, ...]
    pooled: Curve
    outcomes: tuple[Outcome, ...]
    threshold: float
    smoothing: float
    refractory: float
    tolerance: float

    @property
    def names(self) -> list[str]:
        """Names of the recordings."""
        return [outcome.timeline.name for outcome in self.outcomes]

    @property
    def words(self) -> tuple[str, ...]:
        """The keywords."""
        return self.outcomes[0].timeline.words


def evaluate_timelines(
    timelines: Sequence[Timeline],
    smoothing: float,
    refractory: float,
    tolerance: float,
    threshold: float | None = None,
) -> StreamEvaluation:
    """Sweep the threshold, then look closer at one.

    Args:
        timelines: One a recording, at least one, with the same words.
        smoothing: Time over which their posteriors were averaged, in seconds.
        refractory: Least time between two events, in seconds, >= 0.
        tolerance: Seconds after the end of a word in which an event still hits it, >= 0.
        threshold: Of the closer look, 0 < threshold <= 1; None for the best one at `CLOSER_TARGET`
            false accepts an hour.

    Returns:
        The evaluation.

    Raises:
        UserError: No keyword is spoken, or a number is out of range.
    """
    check_options(refractory, tolerance, threshold)
    if not any(timeline.keywords for timeline in timelines):
        raise UserError(
            f"no keyword is spoken in {', '.join(each.name for each in timelines)}: make the "
            f"recording longer, or list its words; known are {', '.join(timelines[0].words)}"
        )
    thresholds = candidate_thresholds(timelines, tolerance)
    curves = tuple(sweep(each, thresholds, refractory, tolerance) for each in timelines)
    pooled = pool(curves)
    if threshold is None:
        threshold = closer_threshold(pooled)
    return StreamEvaluation(
        curves=curves,
        pooled=pooled,
        outcomes=tuple(judge(each, threshold, refractory, tolerance) for each in timelines),
        threshold=threshold,
        smoothing=smoothing,
        refractory=refractory,
        tolerance=tolerance,
    )


def check_options(refractory: float, tolerance: float, threshold: float | None) -> None:
    """Refuse numbers that `evaluate_timelines` cannot take.

    Args:
        refractory: Least time between two events, in seconds, >= 0.
        tolerance: Seconds after the end of a word in which an event still hits it, >= 0.
        threshold: 0 < threshold <= 1, or None.

    Raises:
        UserError: One of them is out of range.
    """
    for name, seconds in (("refractory", refractory), ("tolerance", tolerance)):
        if not 0 <= seconds < math.inf:
            raise UserError(f"{name} must be at least 0 seconds, got {seconds}")
    if threshold is not None and not 0 < threshold <= 1:
        raise UserError(f"threshold must be above 0 and at most 1, got {threshold}")


def closer_threshold(pooled: Curve) -> float:
    """The best threshold at `CLOSER_TARGET`, or at the fewest false accepts that detect a word."""
    detecting = pooled.false_accepts_per_hour[pooled.hits > 0]
    fewest = float(detecting.min()) if len(detecting) else 0.0
    return float(pooled.thresholds[pooled.best(max(CLOSER_TARGET, fewest))])

"""The trade-off between misses and false accepts as the threshold moves.

The miss rate at T false accepts an hour is the smallest among the thresholds with at most T,
without interpolation, with one threshold for all words. At the end of the scale stands a threshold
that nothing reaches: all words missed, no false accept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s4audio.evaluation.detection import (
    NOT_A_HIT,
    ScoreArray,
    Timeline,
    counted_false_accepts,
    find_events,
    match,
    rows_of,
)
from s4audio.evaluation.metrics import FloatArray, IntArray

# Thresholds are whole multiples of this, so that a printed one can be given to `s4audio listen`.
_STEP = 1e-4
_LOWEST_THRESHOLD = 0.02
_QUANTILES = 100
_FALSE_PEAKS = 150


@dataclass(frozen=True, eq=False)
class Curve:
    """Hits and false accepts at many thresholds.

    Attributes:
        thresholds: Rising, (thresholds,); the last one is infinite.
        hits: int64 (thresholds,).
        false_accepts: int64 (thresholds,).
        keywords: Number of spoken keywords.
        hours: Length of the audio in which false accepts are counted.
    """

    thresholds: FloatArray
    hits: IntArray
    false_accepts: IntArray
    keywords: int
    hours: float

    @property
    def miss_rates(self) -> FloatArray:
        """Share of spoken keywords that are missed, (thresholds,); 1 where none is spoken."""
        rates: FloatArray = 1 - self.hits / max(self.keywords, 1)
        return rates

    @property
    def false_accepts_per_hour(self) -> FloatArray:
        """Of all audio in which they are counted, speech included, (thresholds,)."""
        rates: FloatArray = self.false_accepts / self.hours
        return rates

    def best(self, per_hour: float) -> int:
        """Index of the threshold with the fewest misses at a number of false accepts an hour.

        Args:
            per_hour: Highest number of false accepts an hour, >= 0.

        Returns:
            Among equal numbers of misses the one with the fewest false accepts, then the highest
            threshold.
        """
        allowed = np.flatnonzero(self.false_accepts_per_hour <= per_hour)
        order = np.lexsort(
            (-self.thresholds[allowed], self.false_accepts[allowed], -self.hits[allowed])
        )
        return int(allowed[order[0]])

    def staircase(self) -> tuple[FloatArray, FloatArray]:
        """The detection error trade-off: the smallest miss rate at each number of false accepts.

        Returns:
            False accepts an hour, rising, and miss rates, falling; from no false accept on.
        """
        order = np.lexsort((-self.hits, self.false_accepts))
        rates, misses = self.false_accepts_per_hour[order], self.miss_rates[order]
        smallest = np.minimum.accumulate(misses)
        better = np.concatenate([[True], smallest[1:] < smallest[:-1]])
        return rates[better], smallest[better]


def candidate_thresholds(timelines: Sequence[Timeline], tolerance: float) -> FloatArray:
    """Thresholds at which the numbers of misses and false accepts change.

    They are quantiles of the peaks of the scores, for the whole curve, and just above each of the
    highest peaks outside the spoken keywords, where the false accepts vanish one by one.

    Args:
        timelines: Recordings that the thresholds are for.
        tolerance: As in `match`.

    Returns:
        Rising, in (0, 1], multiples of 0.0001.
    """
    peaks, false_peaks = [], []
    for timeline in timelines:
        peaks.append(_peaks(timeline.scores, timeline.row_seconds))
        outside = np.array(timeline.scores)
        numbers = {word: number for number, word in enumerate(timeline.words)}
        for spoken in timeline.keywords:
            first = int(spoken.start / timeline.row_seconds)
            last = int((spoken.end + tolerance) / timeline.row_seconds) + 1
            outside[first:last, numbers[spoken.word]] = 0
        false_peaks.append(_peaks(outside, timeline.row_seconds))
    quantiles = np.quantile(np.concatenate(peaks), np.linspace(0, 1, _QUANTILES))
    highest = np.sort(np.concatenate(false_peaks))[-_FALSE_PEAKS:] + _STEP / 2
    steps = np.unique(np.ceil(np.concatenate([quantiles, highest]) / _STEP).astype(np.int64))
    allowed = (steps * _STEP >= _LOWEST_THRESHOLD) & (steps * _STEP <= 1)
    thresholds: FloatArray = np.round(steps[allowed] * _STEP, 4)
    return thresholds


def sweep(timeline: Timeline, thresholds: FloatArray, refractory: float, tolerance: float) -> Curve:
    """Hits and false accepts at many thresholds.

    Args:
        timeline: Scores and spoken words.
        thresholds: Rising, > 0.
        refractory: Least time between two events, in seconds.
        tolerance: As in `match`.

    Returns:
        The curve, with an infinite threshold at its end.
    """
    hits, false_accepts = [0], [0]
    for threshold in thresholds[::-1]:
        events = find_events(timeline.scores, threshold, rows_of(refractory, timeline.row_seconds))
        matched = match(events, timeline, tolerance)
        hits.append(int((matched != NOT_A_HIT).sum()))
        false_accepts.append(int(counted_false_accepts(events, matched, timeline).sum()))
    return Curve(
        thresholds=np.append(thresholds, np.inf),
        hits=np.array(hits[::-1], np.int64),
        false_accepts=np.array(false_accepts[::-1], np.int64),
        keywords=len(timeline.keywords),
        hours=timeline.hours,
    )


def pool(curves: Sequence[Curve]) -> Curve:
    """All recordings together, at one threshold for all.

    Args:
        curves: At least one, all with the same thresholds.
    """
    hits = np.array([curve.hits for curve in curves]).sum(axis=0)
    false_accepts = np.array([curve.false_accepts for curve in curves]).sum(axis=0)
    return Curve(
        thresholds=curves[0].thresholds,
        hits=hits,
        false_accepts=false_accepts,
        keywords=sum(curve.keywords for curve in curves),
        hours=sum(curve.hours for curve in curves),
    )


def _peaks(scores: ScoreArray, row_seconds: float) -> FloatArray:
    """Highest score of any word in each second."""
    highest = scores.max(axis=1)
    starts = np.arange(0, len(highest), max(1, round(1 / row_seconds)))
    peaks: FloatArray = np.maximum.reduceat(highest, starts).astype(np.float64)
    return peaks

"""From a stream's logits to events: which word, how sure, when.

Row n = 0, 1, ... of the logits covers the stream's time from n to n + 1 rows.

1. Posterior: the softmax of a row.
2. Score: the mean posterior of the last W rows, W = `smoothing` in rows and at least 1. Rows before
   the stream began count as zeros, so a stream cannot open with an event.
3. Rise: the rows in a row in which a word's score is at least half its threshold. A rise gives at
   most one event, so a long word, or one that wavers around its threshold, is reported once.
4. Event: the first row of a rise in which the score reaches the threshold and at least
   `refractory` seconds have passed since the last event of any word. Of two words in one row the
   higher score wins.

An event starts where its rise starts and ends where its row ends. A classifier that pools over a
window lags behind the sound, so these are times of the evidence, not borders of the spoken word.

Classes named with a leading underscore (`_silence_`, `_unknown_`) are never events.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from s4audio.errors import UserError, unknown_name

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Posteriors are summed as multiples of 1 / _UNITS: a running sum of whole numbers cannot drift, and
# does not depend on how the rows were split into calls.
_UNITS = 2**30


@dataclass(frozen=True)
class Event:
    """A word that was heard.

    Attributes:
        word: Its label.
        score: Smoothed posterior in the row of the event, threshold <= score <= 1.
        start: Where the score rose above half the threshold, in seconds of stream time.
        end: Where the evidence ends: the end of the row of the event, in seconds of stream time.
    """

    word: str
    score: float
    start: float
    end: float


@final
class Detector:
    """Turns rows of logits into events; the module's docstring has the exact definition.

    Args:
        labels: Names of the classes, in the order of the logits.
        row_seconds: Time between two rows of logits in seconds, > 0; of a `Stream`,
            ``stream.chunk / stream.sample_rate``.
        threshold: Score of an event, 0 < threshold <= 1.
        thresholds: Other thresholds for some of the words.
        smoothing: Time over which posteriors are averaged, in seconds; 0 takes each row as it is.
        refractory: Least time between two events, in seconds.

    Raises:
        UserError: A value is outside its range, a threshold is for a word that is no event, or
            no class can be one.

    Example:
        >>> detector = Detector(["_silence_", "yes"], row_seconds=0.25, smoothing=0.5)
        >>> detector.push(np.array([[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]))
        [Event(word='yes', score=0.9998766053467989, start=0.25, end=0.75)]
    """

    def __init__(
        self,
        labels: Sequence[str],
        row_seconds: float,
        threshold: float = 0.8,
        thresholds: Mapping[str, float] | None = None,
        smoothing: float = 0.3,
        refractory: float = 1.0,
    ) -> None:
        if not 0 < row_seconds < math.inf:
            raise UserError(f"row_seconds must be positive, got {row_seconds}")
        for name, seconds in (("smoothing", smoothing), ("refractory", refractory)):
            if not 0 <= seconds < math.inf:
                raise UserError(f"{name} must be at least 0 seconds, got {seconds}")
        self.labels = tuple(labels)
        self.row_seconds = row_seconds
        self._thresholds = _class_thresholds(self.labels, threshold, thresholds or {})
        self._window = max(1, round(smoothing / row_seconds))
        # The margin keeps 0.3 s of 0.1 s rows at three rows, not four.
        self._refractory_rows = math.ceil(refractory / row_seconds - 1e-9)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard, as if the stream began anew."""
        self._rows = 0
        self._resume = 0
        self._recent = np.zeros((self._window, len(self.labels)), np.int64)
        self._rise = np.full(len(self.labels), -1)
        self._reported = np.zeros(len(self.labels), bool)

    @property
    def scores(self) -> FloatArray:
        """Smoothed posteriors of the newest row, shape (classes,); zeros before the first."""
        scores: FloatArray = self._recent.sum(axis=0) / (self._window * _UNITS)
        return scores

    def push(self, logits: npt.NDArray[np.floating]) -> list[Event]:
        """Hear more rows; how they are split into calls does not change the events.

        Args:
            logits: Shape (rows, classes), any number of rows.

        Returns:
            Events in the order of time.

        Raises:
            UserError: The shape is another, or a value is not finite; nothing is changed then.
        """
        posteriors = _posteriors(logits, len(self.labels))
        rows = np.concatenate([self._recent, posteriors])
        sums = rows.cumsum(axis=0)
        scores = (sums[self._window :] - sums[: -self._window]) / (self._window * _UNITS)
        self._recent = rows[len(posteriors) :].copy()  # a view would keep all rows
        events = [self._hear(row, score) for row, score in enumerate(scores, self._rows)]
        self._rows += len(posteriors)
        return [event for event in events if event is not None]

    def _hear(self, row: int, scores: FloatArray) -> Event | None:
        rising = scores >= self._thresholds / 2
        self._rise[rising & (self._rise < 0)] = row
        self._rise[~rising] = -1
        self._reported &= rising
        ready = (scores >= self._thresholds) & ~self._reported
        if row < self._resume or not ready.any():
            return None
        word = int(np.where(ready, scores, -1.0).argmax())
        self._reported[word] = True
        self._resume = row + self._refractory_rows
        return Event(
            word=self.labels[word],
            score=float(scores[word]),
            start=int(self._rise[word]) * self.row_seconds,
            end=(row + 1) * self.row_seconds,
        )


def is_event(label: str) -> bool:
    """Whether a class is a word, and not background such as `_silence_`."""
    return not label.startswith("_")


def _class_thresholds(
    labels: tuple[str, ...], threshold: float, thresholds: Mapping[str, float]
) -> FloatArray:
    """One threshold a class, infinite for those that are no events."""
    words = [label for label in labels if is_event(label)]
    if not words:
        raise UserError(f"none of the classes {', '.join(labels) or '(none)'} is a word to detect")
    for word in thresholds:
        if word not in words:
            raise UserError(unknown_name("word with a threshold", str(word), words))
    for name, value in (("threshold", threshold), *thresholds.items()):
        if not 0 < value <= 1:
            raise UserError(f"{name}: a threshold must be above 0 and at most 1, got {value}")
    values = [
        float(thresholds.get(label, threshold)) if is_event(label) else math.inf for label in labels
    ]
    return np.array(values)


def _posteriors(logits: npt.NDArray[np.floating], classes: int) -> IntArray:
    """Softmax of each row in whole units."""
    if logits.ndim != 2 or logits.shape[1] != classes:
        raise UserError(f"logits have shape {logits.shape}, expected (rows, {classes})")
    if not np.isfinite(logits).all():
        raise UserError("logits contain NaN or infinity: reset the stream and check its model")
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    posteriors = powers / powers.sum(axis=1, keepdims=True)
    units: IntArray = np.rint(posteriors * _UNITS).astype(np.int64)
    return units

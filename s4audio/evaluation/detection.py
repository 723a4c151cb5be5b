"""Which words a stream's scores find: hits, misses and false accepts at one threshold.

- Event: what `s4audio.streaming.detector.Detector` reports, at one threshold for all words. Here it
  is found for many thresholds from the scores of a whole recording, without running the detector
  anew for each.
- Hit: an event of word w, at a time from the start of a spoken w to `tolerance` seconds after its
  end. A spoken word is hit at most once: in the order of time, each event takes the earliest one
  that is not hit yet. The time of an event is the end of its evidence: when it is reported.
- False accept: every other event. One that repeats a hit is one, and so is the wrong word for a
  spoken one (which is then a miss too). Where a recording has a part without keywords, those in
  that part are counted, and divided by its length.
- Miss: a spoken keyword that is not hit. Other spoken words are no misses.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s4audio.data.annotations import Spoken
from s4audio.evaluation.metrics import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
ScoreArray = npt.NDArray[np.floating]

NOT_A_HIT = -1


@dataclass(frozen=True, eq=False)
class Timeline:
    """Scores of one recording, and what is spoken in it.

    Attributes:
        name: Of the recording or its condition.
        scores: Smoothed posteriors (rows, words) of the keywords; row n covers the time from n to
            n + 1 rows.
        row_seconds: Length of a row.
        words: Names of the keywords.
        spoken: Words in the recording, other words included.
        negatives_from: Where the part without keywords begins, in seconds; 0 if there is none.
    """

    name: str
    scores: ScoreArray
    row_seconds: float
    words: tuple[str, ...]
    spoken: tuple[Spoken, ...]
    negatives_from: float = 0.0

    @property
    def hours(self) -> float:
        """Length of the part in which false accepts are counted."""
        return len(self.scores) * self.row_seconds / 3600 - self.negatives_from / 3600

    @property
    def keywords(self) -> list[Spoken]:
        """Spoken words that are keywords, in the order of their ends."""
        known = set(self.words)
        return sorted((s for s in self.spoken if s.word in known), key=lambda s: (s.end, s.start))


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one recording in the order of time.

    Attributes:
        rows: int64 (events,), row in which the score reached the threshold.
        words: int64 (events,), column of the word in the scores.
    """

    rows: IntArray
    words: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def times(self, row_seconds: float) -> FloatArray:
        """When each is reported, in seconds, float64 (events,)."""
        return np.asarray((self.rows + 1) * row_seconds, np.float64)


def find_events(scores: ScoreArray, threshold: float, refractory: int) -> Events:
    """The events of the detector at one threshold for all words.

    Instead of walking through all rows it jumps: from an event to the earliest row, at least
    `refractory` rows on, in which the score of some word reaches the threshold in a rise that has
    not been reported.

    Args:
        scores: Smoothed posteriors (rows, words).
        threshold: > 0.
        refractory: Least number of rows between two events.

    Returns:
        The events.
    """
    candidates = [_Candidates(column, threshold) for column in scores.T]
    following = [word.next_row(0) for word in candidates]
    rows: list[int] = []
    words: list[int] = []
    while following and (row := min(following)) < len(scores):
        tied = [word for word, at in enumerate(following) if at == row]
        word = max(tied, key=lambda word: (scores[row, word], -word))
        rows.append(row)
        words.append(word)
        candidates[word].report(row)
        resume = row + max(refractory, 1)
        for other, at in enumerate(following):
            if at < resume:
                following[other] = candidates[other].next_row(resume)
    return Events(np.array(rows, np.int64), np.array(words, np.int64))


class _Candidates:
    """Rows in which one word could be an event."""

    def __init__(self, scores: ScoreArray, threshold: float) -> None:
        self._rows = np.flatnonzero(scores >= threshold)
        self._below = np.flatnonzero(scores < threshold / 2)
        self._size = len(scores)
        self._reported_until = 0

    def report(self, row: int) -> None:
        """An event in this row: the rest of its rise is none."""
        self._reported_until = self._at(self._below, row)

    def next_row(self, start: int) -> int:
        """Earliest candidate from a row on; the number of rows if there is none."""
        return self._at(self._rows, max(start, self._reported_until))

    def _at(self, rows: IntArray, start: int) -> int:
        place = int(rows.searchsorted(start))
        return int(rows[place]) if place < len(rows) else self._size


def match(events: Events, timeline: Timeline, tolerance: float) -> IntArray:
    """Which spoken keyword each event hits.

    Args:
        events: Of this timeline.
        timeline: Scores and spoken words.
        tolerance: Seconds after the end of a word in which an event still hits it, >= 0.

    Returns:
        int64 (events,): row of `timeline.keywords`, `NOT_A_HIT` for a false accept.
    """
    numbers = {word: number for number, word in enumerate(timeline.words)}
    windows: list[list[tuple[int, float, float]]] = [[] for _ in timeline.words]
    for row, spoken in enumerate(timeline.keywords):
        windows[numbers[spoken.word]].append((row, spoken.start, spoken.end + tolerance))
    waiting = [0] * len(windows)
    hits = np.full(len(events), NOT_A_HIT, np.int64)
    times = events.times(timeline.row_seconds)
    for event, (time, word) in enumerate(zip(times.tolist(), events.words.tolist(), strict=True)):
        own, first = windows[word], waiting[word]
        while first < len(own) and own[first][2] < time:
            first += 1
        if first < len(own) and own[first][1] <= time:
            hits[event] = own[first][0]
            first += 1
        waiting[word] = first
    return hits


def counted_false_accepts(events: Events, hits: IntArray, timeline: Timeline) -> BoolArray:
    """Which events are false accepts that count.

    Args:
        events: Of this timeline.
        hits: What `match` says of them.
        timeline: Scores and spoken words.

    Returns:
        bool (events,).
    """
    late = events.times(timeline.row_seconds) > timeline.negatives_from
    return np.asarray((hits == NOT_A_HIT) & late)


def rows_of(seconds: float, row_seconds: float) -> int:
    """Rows in a refractory time, as the detector counts them."""
    # The margin keeps 0.3 s of 0.1 s rows at three rows, not four.
    return int(np.ceil(seconds / row_seconds - 1e-9))

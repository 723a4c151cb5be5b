"""What every event at one threshold was, and what became of every spoken keyword."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from s4audio.evaluation.detection import (
    NOT_A_HIT,
    BoolArray,
    Events,
    Timeline,
    counted_false_accepts,
    find_events,
    match,
    rows_of,
)
from s4audio.evaluation.metrics import FloatArray, IntArray

Cause = Literal["hit", "repeat", "keyword", "other word", "noise"]

FALSE_ACCEPTS: tuple[Cause, ...] = ("keyword", "other word", "noise", "repeat")
"""What a false accept may come from: the word that is spoken then, if any, or a hit before."""

OTHER_WORDS, NO_SPEECH, NOTHING = "other words", "no speech", "nothing"


@dataclass(frozen=True, eq=False)
class Outcome:
    """A recording at one threshold.

    Attributes:
        timeline: Its scores and spoken words.
        events: What was detected.
        hits: int64 (events,), row of `timeline.keywords`, `NOT_A_HIT` for a false accept.
        during: For each event the word, keyword or not, that is spoken at its time, or the last
            one that ended at most `tolerance` before; None if there is none.
        causes: For each event what it is.
    """

    timeline: Timeline
    events: Events
    hits: IntArray
    during: tuple[str | None, ...]
    causes: tuple[Cause, ...]

    @property
    def times(self) -> FloatArray:
        """When each event is reported, in seconds, (events,)."""
        return self.events.times(self.timeline.row_seconds)

    @property
    def false_accepts(self) -> BoolArray:
        """Which events are false accepts that count, bool (events,)."""
        return counted_false_accepts(self.events, self.hits, self.timeline)

    @property
    def latencies(self) -> FloatArray:
        """Seconds from the end of each hit word to its event, (hits,); negative for early ones."""
        ends = np.array([spoken.end for spoken in self.timeline.keywords])
        hit = self.hits != NOT_A_HIT
        latencies: FloatArray = self.times[hit] - ends[self.hits[hit]]
        return latencies

    def count(self, cause: Cause) -> int:
        """Number of events of one kind, in the whole recording."""
        return self.causes.count(cause)

    def counted(self, cause: Cause) -> int:
        """Number of false accepts of one kind that count; over all kinds, all that do."""
        false_accepts = zip(self.causes, self.false_accepts, strict=True)
        return [own for own, counts in false_accepts if counts].count(cause)


def judge(timeline: Timeline, threshold: float, refractory: float, tolerance: float) -> Outcome:
    """Look at one threshold closely.

    Args:
        timeline: Scores and spoken words.
        threshold: For all words; infinite for no events.
        refractory: Least time between two events, in seconds.
        tolerance: Seconds after the end of a word in which an event still hits it.

    Returns:
        The outcome.
    """
    events = find_events(timeline.scores, threshold, rows_of(refractory, timeline.row_seconds))
    hits = match(events, timeline, tolerance)
    spoken = sorted(timeline.spoken, key=lambda s: s.start)
    starts = np.array([word.start for word in spoken])
    during: list[str | None] = []
    causes: list[Cause] = []
    for row, word, hit in zip(events.rows, events.words, hits, strict=True):
        time = (int(row) + 1) * timeline.row_seconds
        last = int(starts.searchsorted(time, side="right")) - 1
        near = last >= 0 and time <= spoken[last].end + tolerance
        present = spoken[last].word if near else None
        during.append(present)
        causes.append(_cause(present, timeline.words, int(word), hit != NOT_A_HIT))
    return Outcome(timeline, events, hits, tuple(during), tuple(causes))


def confusion(outcomes: Sequence[Outcome]) -> IntArray:
    """What was detected while what was spoken.

    Args:
        outcomes: At least one, all of the same words.

    Returns:
        int64 (words + 2, words + 1). Rows: the keywords, other words, no speech. Columns: the
        keywords, nothing. The diagonal holds hits; "nothing" keywords that were neither hit nor
        taken for another one. Repeats of a hit are left out.
    """
    words = outcomes[0].timeline.words
    numbers = {word: number for number, word in enumerate(words)}
    counts = np.zeros((len(words) + 2, len(words) + 1), np.int64)
    for outcome in outcomes:
        for word, present, cause in zip(
            outcome.events.words, outcome.during, outcome.causes, strict=True
        ):
            if cause == "hit":
                counts[word, word] += 1
            elif cause != "repeat":
                row = len(words) + 1 if present is None else numbers.get(present, len(words))
                counts[row, word] += 1
    spoken = keyword_counts(outcomes)
    counts[: len(words), -1] = np.maximum(spoken - counts[: len(words), :-1].sum(axis=1), 0)
    return counts


def keyword_counts(outcomes: Sequence[Outcome]) -> IntArray:
    """How often each keyword is spoken, int64 (words,)."""
    words = outcomes[0].timeline.words
    spoken = [s.word for outcome in outcomes for s in outcome.timeline.keywords]
    return np.array([spoken.count(word) for word in words], np.int64)


def word_counts(outcomes: Sequence[Outcome], word: int) -> tuple[int, int]:
    """Hits of one word, by its number, and false accepts that count."""
    events = [(outcome, outcome.events.words == word) for outcome in outcomes]
    hits = sum(int((outcome.hits[own] != NOT_A_HIT).sum()) for outcome, own in events)
    return hits, sum(int(outcome.false_accepts[own].sum()) for outcome, own in events)


def word_latencies(outcomes: Sequence[Outcome], word: int) -> FloatArray:
    """Latencies of the hits of one word, by its number."""
    latencies = [
        outcome.latencies[outcome.events.words[outcome.hits != NOT_A_HIT] == word]
        for outcome in outcomes
    ]
    return np.concatenate(latencies)


def _cause(present: str | None, words: Sequence[str], word: int, hit: bool) -> Cause:
    if hit:
        return "hit"
    if present is None:
        return "noise"
    if present not in words:
        return "other word"
    return "repeat" if present == words[word] else "keyword"

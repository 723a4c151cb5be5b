"""Events, hits and false accepts against the detector itself and against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio.data.annotations import Spoken
from s4audio.evaluation.detection import NOT_A_HIT, Events, Timeline, find_events, match
from s4audio.evaluation.outcome import confusion, judge, keyword_counts
from s4audio.evaluation.tradeoff import Curve, candidate_thresholds, pool, sweep
from s4audio.streaming.detector import Detector

WORDS = ("yes", "no", "go")
ROW = 0.1


def timeline_of(scores: np.ndarray, spoken: list[Spoken]) -> Timeline:
    return Timeline("test", scores, ROW, WORDS[: scores.shape[1]], tuple(spoken))


def posteriors(seed: int, rows: int) -> np.ndarray:
    """Posteriors of three words that rise and fall slowly, as a classifier's do."""
    walk = np.random.default_rng(seed).normal(0, 1.5, (rows, 3)).cumsum(axis=0)
    powers = np.exp(walk - walk.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(0, 120),
    threshold=st.floats(0.05, 0.99),
    refractory=st.integers(0, 12),
)
def test_events_are_those_of_the_detector(seed, rows, threshold, refractory):
    scores = posteriors(seed, rows)
    detector = Detector(WORDS, ROW, threshold, smoothing=0, refractory=refractory * ROW)
    expected = detector.push(np.log(scores))
    events = find_events(scores, threshold, refractory)
    assert [WORDS[word] for word in events.words] == [event.word for event in expected]
    assert [(row + 1) * ROW for row in events.rows] == pytest.approx([e.end for e in expected])


@st.composite
def spoken_words(draw: st.DrawFn) -> list[Spoken]:
    """Words one after the other, at times on no row's border."""
    spoken, time = [], 0.0
    for word in draw(st.lists(st.sampled_from([*WORDS, "other"]), max_size=8)):
        start = time + draw(st.integers(0, 20)) * ROW + 0.03
        time = start + draw(st.integers(1, 8)) * ROW
        spoken.append(Spoken(word, start, time))
    return spoken


@st.composite
def event_lists(draw: st.DrawFn) -> Events:
    rows = sorted(draw(st.sets(st.integers(0, 150), max_size=20)))
    words = draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    return Events(np.array(rows, np.int64), np.array(words, np.int64))


def match_by_loops(events: Events, timeline: Timeline, tolerance: float) -> list[int]:
    taken: set[int] = set()
    hits = []
    for row, word in zip(events.rows, events.words, strict=True):
        time, hit = (row + 1) * ROW, NOT_A_HIT
        for number, spoken in enumerate(timeline.keywords):
            own = spoken.word == WORDS[word] and number not in taken
            if hit == NOT_A_HIT and own and spoken.start <= time <= spoken.end + tolerance:
                hit = number
                taken.add(number)
        hits.append(hit)
    return hits


@given(events=event_lists(), spoken=spoken_words(), tolerance=st.sampled_from([0.0, 0.25, 0.75, 3]))
def test_match_against_plain_loops(events, spoken, tolerance):
    timeline = timeline_of(np.zeros((160, 3)), spoken)
    assert match(events, timeline, tolerance).tolist() == match_by_loops(
        events, timeline, tolerance
    )


@given(
    events=event_lists(),
    spoken=spoken_words(),
    kept=st.lists(st.booleans(), min_size=20, max_size=20),
    tolerance=st.sampled_from([0.0, 0.75, 3]),
)
def test_fewer_events_have_no_more_hits_and_no_more_false_accepts(events, spoken, kept, tolerance):
    timeline = timeline_of(np.zeros((160, 3)), spoken)
    some = np.array(kept[: len(events)], bool)
    fewer = match(Events(events.rows[some], events.words[some]), timeline, tolerance)
    all_ = match(events, timeline, tolerance)
    assert (fewer >= 0).sum() <= (all_ >= 0).sum()
    assert (fewer < 0).sum() <= (all_ < 0).sum()


@given(events=event_lists(), spoken=spoken_words())
def test_each_word_is_hit_once_and_patience_only_helps(events, spoken):
    timeline = timeline_of(np.zeros((160, 3)), spoken)
    found = []
    for tolerance in (0.0, 0.3, 0.75, 2.0):
        hits = match(events, timeline, tolerance)
        assert len(set(hits[hits >= 0])) == (hits >= 0).sum()
        found.append((hits >= 0).sum())
    assert found == sorted(found)


@given(
    peaks=st.lists(st.tuples(st.integers(0, 2), st.floats(0.05, 1.0)), max_size=12),
    spoken=spoken_words(),
    thresholds=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6, unique=True),
)
def test_false_accepts_fall_as_the_threshold_rises(peaks, spoken, thresholds):
    """With peaks apart from each other; in general rises merge at low thresholds."""
    scores = np.zeros((160, 3))
    for number, (word, height) in enumerate(peaks):
        scores[12 * number + 5, word] = height
    timeline = timeline_of(scores, [*spoken, Spoken("yes", 30, 30.5)])
    curve = sweep(timeline, np.sort(thresholds), refractory=1.0, tolerance=0.75)
    assert (np.diff(curve.false_accepts) <= 0).all()
    assert (np.diff(curve.hits) <= 0).all()


def test_sweep_by_hand():
    scores = np.zeros((100, 2))
    scores[14:17, 0] = 0.9  # hits "yes", whose end is at 1.5 s
    scores[50, 0] = 0.6  # nobody speaks
    scores[70, 1] = 0.8  # "no" for "yes"
    scores[90, 1] = 0.3  # hits "no"
    spoken = [Spoken("yes", 1, 1.5), Spoken("yes", 6.5, 7), Spoken("no", 8.5, 9)]
    timeline = timeline_of(scores, [*spoken, Spoken("maybe", 3, 3.4)])
    curve = sweep(timeline, np.array([0.2, 0.5, 0.7, 0.85]), 1.0, 0.75)
    assert curve.hits.tolist() == [2, 1, 1, 1, 0]
    assert curve.false_accepts.tolist() == [2, 2, 1, 0, 0]
    assert curve.thresholds[-1] == math.inf
    assert curve.miss_rates.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3, 1])
    assert curve.best(0) == 3
    assert curve.best(2 / timeline.hours) == 0
    rates, misses = curve.staircase()
    assert rates.tolist() == pytest.approx([0, 2 / timeline.hours])
    assert misses.tolist() == pytest.approx([2 / 3, 1 / 3])

    outcome = judge(timeline, 0.2, 1.0, 0.75)
    assert outcome.causes == ("hit", "noise", "keyword", "hit")
    assert outcome.during == ("yes", None, "yes", "no")
    assert outcome.latencies.tolist() == pytest.approx([0.0, 0.1])
    assert keyword_counts([outcome]).tolist() == [2, 1]
    assert confusion([outcome]).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_repeats_and_other_words_are_false_accepts_of_their_own_kind():
    scores = np.zeros((60, 2))
    scores[[14, 20, 40], [0, 0, 1]] = 0.9
    timeline = timeline_of(scores, [Spoken("yes", 1, 1.5), Spoken("maybe", 3.5, 4)])
    outcome = judge(timeline, 0.5, 0.3, 0.75)
    assert outcome.causes == ("hit", "repeat", "other word")
    assert confusion([outcome]).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    size = draw(st.integers(0, 8))
    counts = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    thresholds = [(number + 1) / 10 for number in range(size)]
    return Curve(
        np.array([*thresholds, math.inf]),
        np.array([*draw(counts), 0], np.int64),
        np.array([*draw(counts), 0], np.int64),
        keywords=9,
        hours=draw(st.sampled_from([0.5, 2.0])),
    )


@given(curve=curves(), allowed=st.lists(st.floats(0, 20), min_size=2, max_size=5))
def test_best_is_the_smallest_miss_rate_allowed(curve, allowed):
    found = []
    for per_hour in sorted(allowed):
        index = curve.best(per_hour)
        pairs = zip(curve.false_accepts_per_hour, curve.miss_rates, strict=True)
        assert curve.miss_rates[index] == min(miss for rate, miss in pairs if rate <= per_hour)
        assert curve.false_accepts_per_hour[index] <= per_hour
        rates, misses = curve.staircase()
        assert curve.miss_rates[index] == misses[rates <= per_hour][-1]
        found.append(curve.miss_rates[index])
    assert found == sorted(found, reverse=True)


def test_pooling_adds_at_equal_thresholds():
    thresholds = np.array([0.5, math.inf])
    one = Curve(thresholds, np.array([3, 0]), np.array([1, 0]), keywords=4, hours=1.0)
    both = pool([one, Curve(thresholds, np.array([1, 0]), np.array([4, 0]), 6, 0.5)])
    assert both.hits.tolist() == [4, 0]
    assert both.false_accepts_per_hour.tolist() == pytest.approx([5 / 1.5, 0])
    assert both.miss_rates.tolist() == pytest.approx([0.6, 1])


def test_thresholds_separate_the_highest_false_peaks():
    scores = np.zeros((400, 2))
    false_peaks = [0.4, 0.50001, 0.61, 0.7]
    for number, height in enumerate(false_peaks):
        scores[20 + 60 * number, 1] = height
    scores[300:303, 0] = 0.65
    timeline = timeline_of(scores, [Spoken("yes", 29.8, 30.4)])
    thresholds = candidate_thresholds([timeline], 0.75)
    assert (np.diff(thresholds) > 0).all()
    assert 0 < thresholds[0] <= thresholds[-1] <= 1
    np.testing.assert_allclose(thresholds * 1e4, np.rint(thresholds * 1e4), atol=1e-6)
    curve = sweep(timeline, thresholds, 1.0, 0.75)
    assert set(curve.false_accepts) == {0, 1, 2, 3, 4}
    assert curve.miss_rates[curve.best(1 / timeline.hours)] == 0

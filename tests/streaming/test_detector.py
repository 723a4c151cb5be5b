import math
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio.errors import UserError
from s4audio.streaming.detector import Detector, Event

LABELS = ("_silence_", "yes", "no", "_unknown_", "go")
ROW_SECONDS = 0.01


@dataclass(frozen=True)
class Options:
    """Arguments of a detector but labels and row time."""

    threshold: float = 0.8
    thresholds: tuple[tuple[str, float], ...] = ()
    smoothing: float = 0.05
    refractory: float = 0.2

    def detector(self) -> Detector:
        return Detector(
            LABELS,
            ROW_SECONDS,
            self.threshold,
            dict(self.thresholds),
            self.smoothing,
            self.refractory,
        )


OPTIONS = st.builds(
    Options,
    threshold=st.floats(0.05, 1.0),
    thresholds=st.dictionaries(st.sampled_from(["yes", "no", "go"]), st.floats(0.05, 1.0)).map(
        lambda x: tuple(x.items())
    ),
    smoothing=st.sampled_from([0.0, 0.01, 0.034, 0.05, 0.3]),
    refractory=st.sampled_from([0.0, 0.01, 0.105, 0.2, 1.0]),
)


@st.composite
def recordings(draw: st.DrawFn) -> np.ndarray:
    """Logits in which one class after another is loud for a while, with noise."""
    segments = draw(
        st.lists(st.tuples(st.integers(0, len(LABELS) - 1), st.integers(1, 40)), max_size=8)
    )
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    loudness = draw(st.sampled_from([1.0, 3.0, 8.0, 400.0]))
    rows = [random.normal(0, 1, (0, len(LABELS)))]
    for winner, length in segments:
        piece = random.normal(0, 1, (length, len(LABELS)))
        piece[:, winner] += loudness
        rows.append(piece)
    return np.concatenate(rows).astype(np.float32)


def plain_scores(logits: np.ndarray, smoothing: float) -> list[dict[str, float]]:
    """Smoothed posteriors of each row, by definition."""
    posteriors = []
    for row in logits.tolist():
        powers = [math.exp(value - max(row)) for value in row]
        posteriors.append([power / sum(powers) for power in powers])
    window = max(1, round(smoothing / ROW_SECONDS))
    return [
        {
            label: math.fsum(p[k] for p in posteriors[max(0, n - window + 1) : n + 1]) / window
            for k, label in enumerate(LABELS)
        }
        for n in range(len(posteriors))
    ]


def plain_events(logits: np.ndarray, options: Options) -> list[tuple[str, int, int]]:
    """(word, first row of its rise, row of the event), by a loop over rows and words."""
    thresholds = dict.fromkeys(("yes", "no", "go"), options.threshold)
    thresholds.update(options.thresholds)
    events: list[tuple[str, int, int]] = []
    rises: dict[str, int] = {}
    reported: set[str] = set()
    for n, scores in enumerate(plain_scores(logits, options.smoothing)):
        for word, threshold in thresholds.items():
            if scores[word] < threshold / 2:
                rises.pop(word, None)
                reported.discard(word)
            else:
                rises.setdefault(word, n)
        if events and (n - events[-1][2]) * ROW_SECONDS < options.refractory - 1e-6:
            continue
        ready = [w for w, x in thresholds.items() if scores[w] >= x and w not in reported]
        if ready:
            word = max(ready, key=lambda word: scores[word])
            reported.add(word)
            events.append((word, rises[word], n))
    return events


def split(logits: np.ndarray, cuts: Sequence[int]) -> list[np.ndarray]:
    return np.split(logits, sorted(min(cut, len(logits)) for cut in cuts))


def loud(word: str, rows: int, posterior: float = 0.97) -> np.ndarray:
    """Rows in which a word has this posterior and the others share the rest."""
    p = np.full((rows, len(LABELS)), (1 - posterior) / (len(LABELS) - 1))
    p[:, LABELS.index(word)] = posterior
    return np.log(p)


@given(recordings(), OPTIONS)
def test_against_plain_loop(logits: np.ndarray, options: Options) -> None:
    # A score that equals a threshold to the last digit may fall on either side.
    scores = plain_scores(logits, options.smoothing)
    levels = {options.threshold, *(x for _, x in options.thresholds)}
    for level in [x * share for x in levels for share in (0.5, 1)]:
        if any(abs(score - level) < 1e-7 for row in scores for score in row.values()):
            return
    events = options.detector().push(logits)
    rows = [
        (event.word, round(event.start / ROW_SECONDS), round(event.end / ROW_SECONDS) - 1)
        for event in events
    ]
    assert rows == plain_events(logits, options)
    for event, (word, _, row) in zip(events, rows, strict=True):
        assert event.score == pytest.approx(scores[row][word], abs=1e-7)


@given(recordings(), OPTIONS, st.lists(st.integers(0, 300), max_size=12))
def test_any_split_gives_the_same_events(
    logits: np.ndarray, options: Options, cuts: list[int]
) -> None:
    whole, pieces = options.detector(), options.detector()
    expected = whole.push(logits)
    assert [event for piece in split(logits, cuts) for event in pieces.push(piece)] == expected
    assert np.array_equal(pieces.scores, whole.scores)


@given(recordings(), OPTIONS)
def test_events_keep_to_threshold_refractory_and_order(
    logits: np.ndarray, options: Options
) -> None:
    events = options.detector().push(logits)
    for event in events:
        assert not event.word.startswith("_")
        assert dict(options.thresholds).get(event.word, options.threshold) <= event.score <= 1
        assert 0 <= event.start < event.end <= len(logits) * ROW_SECONDS + 1e-9
    for earlier, later in pairwise(events):
        assert later.end - earlier.end >= max(options.refractory, ROW_SECONDS) - 1e-9
        if earlier.word == later.word:
            assert later.start >= earlier.end


def test_scores_do_not_drift() -> None:
    random = np.random.default_rng(0)
    detector = Options(smoothing=0.5).detector()
    for _ in range(200):
        logits = random.normal(0, 30, (500, len(LABELS)))
        detector.push(logits)
    expected = plain_scores(logits[-50:], 0.5)[-1]
    assert detector.scores == pytest.approx([expected[label] for label in LABELS], abs=2e-9)


def test_times_of_one_word() -> None:
    detector = Detector(LABELS, 0.1, threshold=0.8, smoothing=0.5, refractory=0)
    logits = np.concatenate([loud("_silence_", 20, 1 - 1e-12), loud("yes", 10, 1 - 1e-12)])
    # Five rows of smoothing: half of 0.8 is reached after two rows of `yes`, 0.8 after four.
    (event,) = detector.push(logits)
    assert event == Event(
        "yes",
        pytest.approx(0.8, abs=1e-6),
        start=pytest.approx(2.1),
        end=pytest.approx(2.4),
    )


def test_a_long_word_is_one_event_and_the_next_one_another() -> None:
    detector = Options(refractory=0).detector()
    assert len(detector.push(loud("yes", 500))) == 1
    assert not detector.push(loud("yes", 5, 0.5))
    assert not detector.push(loud("yes", 500))
    assert not detector.push(loud("_silence_", 10))
    assert len(detector.push(loud("yes", 500))) == 1


def test_refractory_time_holds_for_all_words() -> None:
    detector = Options(refractory=1.0, smoothing=0).detector()
    events = detector.push(np.concatenate([loud("yes", 1), loud("no", 98), loud("go", 30)]))
    assert [(event.word, round(event.end, 6)) for event in events] == [("yes", 0.01), ("go", 1.01)]


def test_thresholds_of_single_words() -> None:
    detector = Options(threshold=0.8, thresholds=(("no", 0.4),), refractory=0).detector()
    assert not detector.push(loud("yes", 50, 0.6))
    assert [event.word for event in detector.push(loud("no", 50, 0.6))] == ["no"]


def test_nothing_at_the_very_beginning() -> None:
    detector = Options(smoothing=0.05).detector()
    assert not detector.push(loud("yes", 4, 0.99))
    assert len(detector.push(loud("yes", 1, 0.99))) == 1


def test_reset_forgets() -> None:
    detector = Options().detector()
    logits = np.concatenate([loud("yes", 30), loud("no", 30)])
    first = detector.push(logits)
    detector.reset()
    assert not detector.scores.any()
    assert detector.push(logits) == first != []


def test_many_rows_are_not_kept() -> None:
    detector, logits = Detector(["yes", "no"], row_seconds=0.01), np.zeros((50_000, 2))
    tracemalloc.start()
    detector.push(logits)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < logits.nbytes / 10


def test_no_rows_are_no_news() -> None:
    detector = Options().detector()
    detector.push(loud("yes", 3))
    before = detector.scores
    assert detector.push(np.zeros((0, len(LABELS)))) == []
    assert np.array_equal(detector.scores, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_logits_leave_the_state_alone(bad: float) -> None:
    logits = loud("yes", 40)
    one, other = Options().detector(), Options().detector()
    one.push(logits[:3])
    other.push(logits[:3])
    broken = logits.copy()
    broken[30, 2] = bad
    with pytest.raises(UserError, match="NaN or infinity"):
        one.push(broken)
    assert one.push(logits) == other.push(logits) != []


@pytest.mark.parametrize("shape", [(5,), (3, 4), (1, 3, 5)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="expected \\(rows, 5\\)"):
        Options().detector().push(np.zeros(shape))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(threshold=0), "threshold"),
        (Options(threshold=1.5), "got 1.5"),
        (Options(threshold=math.nan), "got nan"),
        (Options(thresholds=(("yes", 0.0),)), "yes: a threshold"),
        (Options(thresholds=(("yess", 0.5),)), "did you mean 'yes'"),
        (Options(thresholds=(("_silence_", 0.5),)), "known are yes, no, go"),
        (Options(smoothing=-1), "smoothing"),
        (Options(smoothing=math.inf), "smoothing"),
        (Options(refractory=-0.1), "refractory"),
        (Options(refractory=math.nan), "refractory"),
    ],
)
def test_wrong_options(options: Options, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as error:
        options.detector()
    assert "\n" not in str(error.value)


def test_labels_without_a_word() -> None:
    with pytest.raises(UserError, match="_silence_, _unknown_"):
        Detector(["_silence_", "_unknown_"], ROW_SECONDS)


def test_row_time_must_be_positive() -> None:
    with pytest.raises(UserError, match="row_seconds"):
        Detector(LABELS, 0.0)


@settings(max_examples=20)
@given(st.sampled_from([0.1, 0.3, 0.7, 1.0]), st.sampled_from([0.01, 0.1, 0.008]))
def test_refractory_time_is_not_rounded_up_a_row(seconds: float, row_seconds: float) -> None:
    detector = Detector(LABELS, row_seconds, smoothing=0, refractory=seconds)
    rows = round(10 / row_seconds)
    logits = np.concatenate([loud(("yes", "no")[n % 2], 1) for n in range(rows)])
    gaps = np.diff([event.end for event in detector.push(logits)])
    assert gaps.min() >= seconds - 1e-9
    assert gaps.max() < seconds + row_seconds * 2

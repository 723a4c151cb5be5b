import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from s4audio.errors import UserError
from s4audio.streaming.detector import Detector
from s4audio.streaming.listener import Listener, Report
from s4audio.streaming.source import Block

HIGH, LOW = 3000.0, 300.0


class ToneStream:
    """In place of a trained `Stream`: tells a high tone, a low one and silence apart.

    It has rows of 10 ms that look at nothing but their own samples.
    """

    labels = ("_silence_", "high", "low")
    sample_rate = 16_000
    chunk = 160

    def __init__(self, model: object = None) -> None:
        self.reset()

    def reset(self) -> None:
        self.buffer = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        samples = np.concatenate([self.buffer, samples])
        rows = len(samples) // self.chunk
        self.buffer = samples[rows * self.chunk :]
        return np.array(
            [self.row(block) for block in samples[: rows * self.chunk].reshape(rows, self.chunk)],
            np.float32,
        ).reshape(rows, len(self.labels))

    def row(self, block: np.ndarray) -> list[float]:
        if np.abs(block).max() < 0.05:
            return [9.0, 0.0, 0.0]
        # 10 ms of the high tone change sign 60 times, of the low one 6 times.
        high = np.count_nonzero(np.diff(np.signbit(block))) > 30
        return [0.0, 9.0 * high, 9.0 * (not high)]


def tone(frequency: float, seconds: float, sample_rate: int) -> np.ndarray:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency * time + 0.1)).astype(np.float32)


def high_then_low(sample_rate: int) -> np.ndarray:
    """4 s: the high tone from 0.5 s to 1 s, the low one from 2.5 s to 3 s."""
    gap = np.zeros(round(0.5 * sample_rate), np.float32)
    pieces = [gap, tone(HIGH, 0.5, sample_rate), gap, gap, gap]
    pieces += [tone(LOW, 0.5, sample_rate), gap, gap]
    return np.concatenate(pieces)


def detector() -> Detector:
    return Detector(ToneStream.labels, row_seconds=0.01, smoothing=0.2)


def listener(sample_rate: int) -> Listener:
    stream = ToneStream()
    return Listener(stream, detector(), sample_rate)


def blocks(samples: np.ndarray, size: int) -> Iterator[Block]:
    for start in range(0, len(samples), size):
        yield Block(samples[start : start + size], time.monotonic())


@pytest.mark.parametrize("sample_rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [100, 2205, 10**6])
def test_words_times_and_clocks(sample_rate: int, size: int) -> None:
    heard = listener(sample_rate)
    reports: list[Report] = []
    for block in blocks(high_then_low(sample_rate), size):
        reports += heard.hear(block)
    assert [report.event.word for report in reports] == ["high", "low"]
    for report, begin in zip(reports, (0.5, 2.5), strict=True):
        # 0.2 s of smoothing: half of 0.8 after 0.08 s, 0.8 after 0.16 s.
        assert report.event.start == pytest.approx(begin + 0.08, abs=0.03)
        assert report.event.end == pytest.approx(begin + 0.16, abs=0.03)
    assert heard.audio_seconds == pytest.approx(4.0)
    assert heard.events == 2
    assert 0 < heard.real_time_factor < 2


def test_latency_counts_waiting_and_computation() -> None:
    heard = listener(16_000)
    reports: list[Report] = []
    for block in blocks(high_then_low(16_000), 16_000):
        late = Block(block.samples, block.arrived - 3.0)
        reports += heard.hear(late)
    # Blocks end at whole seconds, evidence at 0.66 s and 2.66 s, and each block waited 3 s.
    assert [report.latency for report in reports] == pytest.approx([3.34, 3.34], abs=0.1)


class LateStream(ToneStream):
    """Says in each row what it heard ten rows ago, as pooling over a window does."""

    def reset(self) -> None:
        super().reset()
        self.late = np.zeros((10, len(self.labels)), np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        rows = np.concatenate([self.late, super().push(samples)])
        self.late = rows[-10:]
        return rows[:-10]


@pytest.mark.parametrize(("silence", "words"), [(0.0, []), (0.2, ["high"])])
def test_word_at_the_very_end_needs_silence_after_it(silence: float, words: list[str]) -> None:
    samples = np.concatenate([np.zeros(8000, np.float32), tone(HIGH, 0.2, 16_000)])
    stream = LateStream()
    heard = Listener(stream, detector(), 16_000)
    assert not [report for block in blocks(samples, 800) for report in heard.hear(block)]
    assert [report.event.word for report in heard.finish(silence)] == words
    assert heard.audio_seconds == pytest.approx(0.7)


def test_finish_hears_the_last_partial_row_and_what_the_resampler_held_back() -> None:
    samples = np.concatenate([np.zeros(24_000, np.float32), tone(HIGH, 0.1685, 48_000)])
    heard = listener(48_000)
    before = [report for block in blocks(samples, 480) for report in heard.hear(block)]
    assert not before
    (report,) = heard.finish(0.0)
    assert report.event.word == "high"
    assert 0 <= report.latency < 1


def test_a_listener_starts_anew() -> None:
    stream = ToneStream()
    same = detector()
    runs = []
    for _ in range(2):
        heard = Listener(stream, same, 16_000)
        samples = high_then_low(16_000)[: 16_000 + 77]
        runs.append(
            [report.event for block in blocks(samples, 800) for report in heard.hear(block)]
        )
    assert runs[0] == runs[1] != []


def test_blocks_without_samples() -> None:
    heard = listener(16_000)
    assert heard.real_time_factor == 0
    assert heard.hear(Block(np.zeros(0, np.float32), time.monotonic())) == []
    assert heard.audio_seconds == 0


def test_events_are_in_order() -> None:
    samples = np.tile(high_then_low(16_000), 4)
    heard = listener(16_000)
    ends = [r.event.end for block in blocks(samples, 800) for r in heard.hear(block)]
    assert len(ends) == 8
    assert all(earlier < later for earlier, later in pairwise(ends))


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_bad_block_changes_nothing(sample_rate: int) -> None:
    one, other = listener(sample_rate), listener(sample_rate)
    first, second = np.split(high_then_low(sample_rate), [sample_rate * 3 // 5])
    bad = Block(np.full(1600, np.nan, np.float32), time.monotonic())
    for heard in (one, other):
        heard.hear(Block(first, time.monotonic()))
    with pytest.raises(UserError, match="NaN"):
        one.hear(bad)
    reports = [heard.hear(Block(second, time.monotonic())) for heard in (one, other)]
    events = [[report.event for report in some] for some in reports]
    assert events[0] == events[1] != []
    assert one.audio_seconds == other.audio_seconds

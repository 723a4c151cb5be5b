import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio.errors import UserError
from s4audio.streaming.resampler import StreamResampler


def noise(length: int) -> np.ndarray:
    return np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)


@settings(max_examples=40)
@given(
    st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    st.sampled_from([8000, 16_000]),
    st.integers(0, 20_000),
    st.lists(st.integers(0, 20_000), max_size=8),
)
def test_blocks_joined_are_the_whole(
    from_rate: int, to_rate: int, length: int, cuts: list[int]
) -> None:
    samples = noise(length)
    resampler = StreamResampler(from_rate, to_rate)
    blocks = np.split(samples, sorted(min(cut, length) for cut in cuts))
    resampled = np.concatenate([*map(resampler.push, blocks), resampler.flush()])
    if from_rate == to_rate:
        assert np.array_equal(resampled, samples)
        return
    assert resampled.dtype == np.float32
    expected = soxr.resample(samples, from_rate, to_rate, quality="HQ")
    assert len(resampled) == len(expected)
    assert np.abs(resampled - expected).max(initial=0) < 1e-5


def test_flush_begins_anew() -> None:
    resampler = StreamResampler(48_000, 16_000)
    samples = noise(4800)
    first = np.concatenate([resampler.push(samples), resampler.flush()])
    second = np.concatenate([resampler.push(samples), resampler.flush()])
    assert np.array_equal(first, second)
    assert len(first) == 1600


def test_holds_back_less_than_50_ms() -> None:
    resampler = StreamResampler(48_000, 16_000)
    received = 0
    for block in range(1, 101):
        received += len(resampler.push(noise(480)))
        assert block * 160 - received < 800


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, 0), (-1, 16_000)])
def test_rates_must_be_positive(rates: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="positive"):
        StreamResampler(*rates)


@pytest.mark.parametrize("from_rate", [16_000, 48_000])
@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (np.full(100, np.nan, np.float32), "NaN"),
        (np.full(100, -np.inf, np.float32), "infinity"),
        (np.zeros(100), "float64"),
        (np.zeros(100, np.int16), "int16"),
        (np.zeros((100, 2), np.float32), "shape"),
    ],
)
def test_bad_samples_leave_the_state_alone(from_rate: int, bad: np.ndarray, expected: str) -> None:
    samples = noise(4800)
    resampler = StreamResampler(from_rate, 16_000)
    first = resampler.push(samples[:2000])
    with pytest.raises(UserError, match=expected):
        resampler.push(bad)
    rest = [resampler.push(samples[2000:]), resampler.flush()]
    whole = StreamResampler(from_rate, 16_000)
    once = [whole.push(samples), whole.flush()]
    assert np.concatenate([first, *rest]) == pytest.approx(np.concatenate(once), abs=1e-6)

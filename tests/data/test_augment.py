"""Augmentation: each change alone, and all of them together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from s4audio.data import AugmentConfig, Clips
from s4audio.data.augment import (
    augment,
    change_speed,
    coloured_noise,
    gain,
    mask,
    mix,
    shift,
)
from s4audio.data.cache import Store
from s4audio.errors import UserError

EVERYTHING = AugmentConfig(
    shift_ms=5.0,
    gain_db=(-6.0, 6.0),
    speed=(0.9, 1.1),
    noise_probability=0.5,
    background_probability=0.5,
    mask_probability=0.5,
    mask_ms=5.0,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise_batch(batch: int, time: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, time, generator=seeded(seed))


@pytest.fixture(scope="module")
def background() -> Clips:
    samples = np.random.default_rng(0).integers(-9999, 9999, 5000).astype(np.int16)
    ends = np.array([0, 3000])
    lengths = np.array([3000, 2000])
    store = Store(Path("unused"), 16000, samples, ends, lengths, ["a", "b"], ["", ""], [])
    return Clips(store, np.arange(2), [])


def run(
    config: AugmentConfig,
    waveforms: Tensor,
    lengths: Tensor | None = None,
    background: Clips | None = None,
    seed: int = 0,
) -> Tensor:
    if lengths is None:
        lengths = torch.full((len(waveforms),), waveforms.shape[1])
    return augment(
        waveforms,
        lengths,
        config,
        sample_rate=16000,
        generator=seeded(seed),
        background=background,
    )


@given(st.integers(1, 5), st.integers(1, 300))
def test_off_is_the_identity(batch: int, time: int):
    waveforms = noise_batch(batch, time)
    assert torch.equal(run(AugmentConfig(), waveforms), waveforms)


def test_the_seed_decides(background: Clips):
    waveforms = noise_batch(8, 1000)
    first = run(EVERYTHING, waveforms, background=background)
    assert torch.equal(first, run(EVERYTHING, waveforms, background=background))
    assert not torch.equal(first, run(EVERYTHING, waveforms, background=background, seed=1))


@given(st.integers(0, 1000))
def test_padding_stays_silent(background: Clips, seed: int):
    lengths = torch.tensor([1, 400, 999, 1000])
    waveforms = noise_batch(4, 1000) * (torch.arange(1000) < lengths.unsqueeze(1))
    changed = run(EVERYTHING, waveforms, lengths, background, seed)
    assert changed.isfinite().all()
    for row, length in zip(changed, lengths.tolist(), strict=True):
        assert (row[length:] == 0).all()


def test_input_is_not_modified(background: Clips):
    waveforms = noise_batch(4, 500)
    before = waveforms.clone()
    run(EVERYTHING, waveforms, background=background)
    assert torch.equal(waveforms, before)


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=4))
def test_shift_against_a_loop(shifts: list[int]):
    waveforms = noise_batch(len(shifts), 10)
    shifted = shift(waveforms, torch.tensor(shifts))
    for row, samples in enumerate(shifts):
        for time in range(10):
            origin = time - samples
            expected = waveforms[row, origin].item() if 0 <= origin < 10 else 0.0
            assert shifted[row, time].item() == expected


def test_shift_range_is_in_milliseconds():
    impulse = torch.zeros(500, 1001)
    impulse[:, 500] = 1.0
    places = run(AugmentConfig(shift_ms=10.0), impulse).argmax(1) - 500
    assert places.min() < -150
    assert places.max() > 150
    assert places.abs().max() <= 160


def test_gain_in_decibels():
    louder = gain(torch.ones(3, 2), torch.tensor([0.0, 20.0, -6.0206]))
    torch.testing.assert_close(louder[:, 0], torch.tensor([1.0, 10.0, 0.5]))


def test_speed_one_is_the_identity():
    waveforms = noise_batch(2, 101)
    changed = change_speed(waveforms, torch.tensor([101, 101]), torch.ones(2))
    torch.testing.assert_close(changed, waveforms)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_changes_the_frequency_about_the_middle(factor: float):
    time = torch.arange(2001) / 16000
    middle = 1000 / 16000
    slow = torch.cos(2 * torch.pi * 200 * (time - middle)).unsqueeze(0)
    expected = torch.cos(2 * torch.pi * 200 * factor * (time - middle))
    changed = change_speed(slow, torch.tensor([2001]), torch.tensor([factor]))[0]
    inside = (torch.arange(2001) - 1000).abs() * factor <= 1000
    torch.testing.assert_close(changed[inside], expected[inside], atol=2e-3, rtol=0)
    assert (changed[~inside] == 0).all()


def test_speed_does_not_stretch_into_the_padding():
    waveforms = torch.ones(1, 100)
    waveforms[0, 60:] = 0
    changed = change_speed(waveforms, torch.tensor([60]), torch.tensor([1.5]))[0]
    assert changed[10:50].tolist() == [1.0] * 40
    assert (changed[60:] == 0).all()
    assert changed[:9].tolist() == [0.0] * 9


@given(st.integers(0, 9), st.integers(0, 12))
def test_mask_silences_one_stretch(start: int, width: int):
    masked = mask(torch.ones(1, 10), torch.tensor([start]), torch.tensor([width]))[0]
    expected = [0.0 if start <= time < start + width else 1.0 for time in range(10)]
    assert masked.tolist() == expected


@given(st.floats(-20, 40), st.integers(10, 200))
def test_noise_has_the_drawn_ratio(snr_db: float, length: int):
    waveforms, noise = noise_batch(1, 200), 7 * noise_batch(1, 200, seed=1)
    waveforms[:, length:] = 0
    noisy = mix(waveforms, noise, torch.tensor([snr_db]), torch.tensor([length]))
    added = (noisy - waveforms).double()
    ratio = waveforms.double().square().sum() / added.square().sum()
    assert 10 * torch.log10(ratio).item() == pytest.approx(snr_db, abs=0.05)
    assert (added[:, length:] == 0).all()


def test_ratio_range_of_whole_batches(background: Clips):
    config = AugmentConfig(background_probability=1.0, background_snr_db=(3.0, 9.0))
    waveforms = noise_batch(200, 400)
    added = run(config, waveforms, background=background) - waveforms
    decibels = 10 * torch.log10(waveforms.square().sum(1) / added.square().sum(1))
    assert decibels.min() >= 2.99
    assert decibels.max() <= 9.01
    assert decibels.max() - decibels.min() > 5


def test_silence_stays_silent_and_silent_noise_adds_nothing():
    waveforms, lengths = noise_batch(1, 50), torch.tensor([50])
    silence, snr_db = torch.zeros(1, 50), torch.tensor([10.0])
    assert torch.equal(mix(silence, waveforms, snr_db, lengths), silence)
    assert torch.equal(mix(waveforms, silence, snr_db, lengths), waveforms)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_slope_of_the_noise_spectrum(slope: float):
    noise = coloured_noise(4096, torch.full((64,), slope), seeded()).double()
    power = torch.fft.rfft(noise).abs().square().mean(0)[1:-1]
    frequency = torch.arange(1, len(power) + 1).double()
    fit = np.polyfit(frequency.log().numpy(), power.log().numpy(), 1)
    assert -fit[0] == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("option", ["noise", "background", "mask"])
def test_probability_is_the_share_of_changed_clips(background: Clips, option: str):
    waveforms = noise_batch(1000, 160)
    for probability in (0.0, 0.3, 1.0):
        config = replace(AugmentConfig(), **{f"{option}_probability": probability, "mask_ms": 9.0})
        changed = (run(config, waveforms, background=background) != waveforms).any(1)
        assert changed.float().mean().item() == pytest.approx(probability, abs=0.06)


def test_background_without_recordings():
    with pytest.raises(UserError, match="no _background_noise_ folder"):
        run(AugmentConfig(background_probability=0.1), noise_batch(1, 10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_probability": 1.5}, "noise_probability=1.5: a probability"),
        ({"mask_probability": -0.1}, "mask_probability=-0.1: a probability"),
        ({"shift_ms": -1.0}, "shift_ms=-1.0: a duration"),
        ({"mask_ms": float("nan")}, "mask_ms=nan: a duration"),
        ({"gain_db": (3.0, -3.0)}, "gain_db=.*lowest, highest"),
        ({"noise_snr_db": (0.0, float("inf"))}, "noise_snr_db=.*lowest, highest"),
        ({"speed": (0.0, 1.0)}, "speed=.*greater than 0"),
    ],
)
def test_impossible_options(options: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**options)


@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 50))
def test_clips_of_any_length_survive_everything(
    background: Clips, batch: int, time: int, seed: int
):
    changed = run(EVERYTHING, noise_batch(batch, time), background=background, seed=seed)
    assert changed.shape == (batch, time)
    assert changed.isfinite().all()

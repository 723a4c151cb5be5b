"""The whole augmentation: reproducibility, independence of the batch, and what is drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.data import AugmentConfig, Clips
from s4audio.data.augment import Draws, augment, clip_seeds
from s4audio.data.cache import Store
from s4audio.errors import UserError

SHARES = (
    *("pitch", "place", "reverberation", "mask", "notch", "noise", "background"),
    *("speech", "clipping", "band", "telephone"),
)
EVERYTHING = AugmentConfig(
    shift_ms=5.0,
    gain_db=(-6.0, 6.0),
    speed=(0.9, 1.1),
    mask_ms=5.0,
    **{f"{name}_probability": 0.5 for name in SHARES},
)


def noise_batch(batch: int, time: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, time, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def recordings() -> Clips:
    samples = np.random.default_rng(0).integers(-9999, 9999, 50000).astype(np.int16)
    ends = np.array([0, 30000])
    lengths = np.array([30000, 20000])
    store = Store(Path("unused"), 16000, samples, ends, lengths, ["a", "b"], ["", ""], [])
    return Clips(store, np.arange(2), [])


def seeds_of(batch: int, seed: int = 0, epoch: int = 0) -> Tensor:
    return clip_seeds(seed, np.full(batch, epoch), np.arange(batch))


def run(
    config: AugmentConfig,
    waveforms: Tensor,
    lengths: Tensor | None = None,
    recordings: Clips | None = None,
    seeds: Tensor | None = None,
) -> Tensor:
    if lengths is None:
        lengths = torch.full((len(waveforms),), waveforms.shape[1])
    return augment(
        waveforms,
        lengths,
        config,
        sample_rate=16000,
        seeds=seeds_of(len(waveforms)) if seeds is None else seeds,
        background=recordings,
        speech=recordings,
    )


@given(st.integers(1, 5), st.integers(1, 300))
def test_off_is_the_identity(batch: int, time: int):
    waveforms = noise_batch(batch, time)
    assert torch.equal(run(AugmentConfig(), waveforms), waveforms)


def test_seed_epoch_and_clip_decide(recordings: Clips):
    waveforms = noise_batch(1, 4000).expand(8, -1)
    first = run(EVERYTHING, waveforms, recordings=recordings)
    assert torch.equal(first, run(EVERYTHING, waveforms, recordings=recordings))
    for seeds in (seeds_of(8, seed=1), seeds_of(8, epoch=1), seeds_of(9)[1:]):
        other = run(EVERYTHING, waveforms, recordings=recordings, seeds=seeds)
        assert (first != other).any(1).all()
    assert (first[1:] != first[:-1]).any(1).all()


@pytest.mark.parametrize("name", ["speed", "shift", "gain", *SHARES, "everything"])
def test_a_clip_does_not_depend_on_its_batch(recordings: Clips, name: str):
    on = {f"{name}_probability": 1.0} if name in SHARES else {}
    if name in ("speed", "shift", "gain"):
        key = {"speed": "speed", "shift": "shift_ms", "gain": "gain_db"}[name]
        on = {key: getattr(EVERYTHING, key)}
    config = EVERYTHING if name == "everything" else replace(AugmentConfig(), **on)
    lengths = torch.tensor([9000, 2500, 16000, 4000, 40, 8001])
    waveforms = noise_batch(6, 16000) * (torch.arange(16000) < lengths.unsqueeze(1))
    seeds = seeds_of(6)
    together = run(config, waveforms, lengths, recordings, seeds)
    for row, length in enumerate(lengths.tolist()):
        alone = run(
            config,
            waveforms[row : row + 1, :length],
            lengths[row : row + 1],
            recordings,
            seeds[row : row + 1],
        )
        torch.testing.assert_close(alone[0], together[row, :length], atol=2e-5, rtol=0)


def test_one_effect_more_leaves_the_draws_of_the_others():
    waveforms = noise_batch(50, 400)
    shifted = run(AugmentConfig(shift_ms=5.0), waveforms)
    louder = run(AugmentConfig(shift_ms=5.0, gain_db=(6.0, 6.0)), waveforms)
    torch.testing.assert_close(louder, shifted * 10 ** (6 / 20))


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_padding_stays_silent(recordings: Clips, seed: int):
    lengths = torch.tensor([1, 400, 999, 1000])
    waveforms = noise_batch(4, 1000) * (torch.arange(1000) < lengths.unsqueeze(1))
    changed = run(EVERYTHING, waveforms, lengths, recordings, seeds_of(4, seed))
    assert changed.isfinite().all()
    for row, length in zip(changed, lengths.tolist(), strict=True):
        assert (row[length:] == 0).all()


def test_input_is_not_modified(recordings: Clips):
    waveforms = noise_batch(4, 500)
    before = waveforms.clone()
    run(EVERYTHING, waveforms, recordings=recordings)
    assert torch.equal(waveforms, before)


@settings(max_examples=25)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 50))
def test_clips_of_any_length_survive_everything(
    recordings: Clips, batch: int, time: int, seed: int
):
    changed = run(
        EVERYTHING, noise_batch(batch, time), recordings=recordings, seeds=seeds_of(batch, seed)
    )
    assert changed.shape == (batch, time)
    assert changed.isfinite().all()


def test_silence_survives_everything(recordings: Clips):
    assert (run(EVERYTHING, torch.zeros(20, 4000), recordings=recordings) == 0).all()


def test_shift_range_is_in_milliseconds():
    impulse = torch.zeros(500, 1001)
    impulse[:, 500] = 1.0
    places = run(AugmentConfig(shift_ms=10.0), impulse).argmax(1) - 500
    assert places.min() < -150
    assert places.max() > 150
    assert places.abs().max() <= 160


@pytest.mark.parametrize("name", ["noise", "background", "speech"])
def test_ratio_range_of_whole_batches(recordings: Clips, name: str):
    config = AugmentConfig(**{f"{name}_probability": 1.0, f"{name}_snr_db": (3.0, 9.0)})
    waveforms = noise_batch(200, 4000)
    added = run(config, waveforms, recordings=recordings) - waveforms
    decibels = 10 * torch.log10(waveforms.square().sum(1) / added.square().sum(1))
    assert decibels.min() >= 2.99
    assert decibels.max() <= 9.01
    assert decibels.max() - decibels.min() > 5


@pytest.mark.parametrize("name", SHARES)
def test_probability_is_the_share_of_changed_clips(recordings: Clips, name: str):
    waveforms = noise_batch(500, 640)
    if name == "place":
        waveforms[:, 160:] = 0  # room for the word
    for probability in (0.0, 0.3, 1.0):
        config = AugmentConfig(**{f"{name}_probability": probability, "mask_ms": 40.0})
        changed = (run(config, waveforms, recordings=recordings) != waveforms).any(1)
        assert changed.float().mean().item() == pytest.approx(probability, abs=0.07)


@pytest.mark.parametrize(
    ("option", "message"),
    [("background", "no _background_noise_ folder"), ("speech", "no other clips")],
)
def test_recordings_that_are_missing(option: str, message: str):
    with pytest.raises(UserError, match=message):
        run(AugmentConfig(**{f"{option}_probability": 1.0}), noise_batch(1, 10))


def test_drawn_numbers_are_uniform_and_unrelated():
    draws = Draws(seeds_of(20000))
    first, second = draws.uniform("first"), draws.uniform("second", -1.0, 1.0)
    assert 0 <= first.min() < 0.001
    assert 0.999 < first.max() < 1
    counts = torch.histc(first, bins=20, min=0, max=1)
    assert counts.sub(1000).abs().max() < 150
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1].item()) < 0.03
    neighbours = torch.stack([first[1:], first[:-1]])
    assert abs(torch.corrcoef(neighbours)[0, 1].item()) < 0.03


def test_no_two_clips_share_a_seed():
    seeds = [seeds_of(500, seed, epoch) for seed in range(4) for epoch in range(4)]
    assert len(torch.cat(seeds).unique()) == 16 * 500
    assert seeds_of(3, seed=-1).dtype == torch.int64


def test_drawn_noise_belongs_to_the_clip():
    draws = Draws(seeds_of(4))
    noise = draws.normal("noise", 5000)
    assert noise.std().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(draws.select(torch.tensor([2])).normal("noise", 5000)[0], noise[2])
    assert abs(torch.corrcoef(noise)[0, 1].item()) < 0.1

"""Convolutions over bands and time: causal, in parts as at once, at other sampling rates."""

import math

import pytest
import torch
from torch import Tensor

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.spectral import BandConvolutions, SpectralEncoder

STRIDE, BANDS, CHANNELS = 640, 12, 5


def encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(4, STRIDE, STRIDE, BANDS, CHANNELS, 16_000).eval()


def chirp(sample_rate: int) -> Tensor:
    time = torch.arange(sample_rate, dtype=torch.float64) / sample_rate
    return (2 * math.pi * (200 * time + 500 * time**2)).sin().float().reshape(1, -1, 1)


@pytest.mark.parametrize("samples", [640, 1_279, 16_000])
def test_one_frame_for_each_whole_stride(samples: int) -> None:
    frames = encoder()(torch.randn(2, samples, 1), torch.tensor([samples, 640]), 1.0)
    assert frames.x.shape == (2, 4, samples // STRIDE)
    assert frames.lengths is not None
    assert frames.lengths.tolist() == [samples // STRIDE, 1]


def test_nothing_looks_ahead() -> None:
    model, x = encoder(), torch.randn(1, 6_400, 1)
    changed = x.clone()
    changed[:, 3_200:] = 0
    before, after = (model(waveform, None, 1.0).x for waveform in (x, changed))
    assert torch.equal(before[..., :5], after[..., :5])
    assert not torch.equal(before[..., 5], after[..., 5])


def test_in_parts_as_at_once() -> None:
    torch.manual_seed(0)
    model, x = BandConvolutions(CHANNELS).eval(), torch.randn(2, BANDS, 24)
    at_once, _ = model(x, model.silence(2, BANDS, x))
    parts, pasts = [], model.silence(2, BANDS, x)
    for part in x.split([4, 12, 8], dim=-1):
        y, pasts = model(part, pasts)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=-1), at_once)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 32_000])
def test_other_sampling_rates(sample_rate: int) -> None:
    model, rate = encoder(), 16_000 / sample_rate
    native, other = model(chirp(16_000), None, 1.0), model(chirp(sample_rate), None, rate)
    frames = min(native.x.shape[-1], other.x.shape[-1])
    assert abs(other.rate - 1) < 0.01
    apart = (native.x[..., :frames] - other.x[..., :frames]).abs().mean()
    assert apart < 0.1 * native.x.std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band_channels": 0, "bands": 8, "stem_stride": 16}, "at least 1, got 0"),
        ({"band_channels": 4, "bands": 2, "stem_stride": 16}, "got bands=2"),
        ({"band_channels": 4, "stem_stride": 16}, "got bands=None"),
        ({"band_channels": 4, "bands": 8, "stem_stride": 18}, "stem_stride=18"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ClassifierConfig("s4d", **options)


def test_too_short_an_input() -> None:
    config = ClassifierConfig("s4d", 1, 4, 1, stem_stride=640, bands=8, band_channels=2)
    with pytest.raises(ValueError, match="one frame takes 640"):
        SequenceClassifier(config, ["a"])(torch.zeros(1, 639, 1))

"""Convolutions over bands and time: causal, in parts as at once, at other sampling rates."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.spectral import BandConvolutions, SpectralEncoder

STRIDE, KERNEL, BANDS, CHANNELS = 320, 400, 13, 5


def encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    model = SpectralEncoder(4, STRIDE, KERNEL, BANDS, CHANNELS, 16_000)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


def classifier() -> SequenceClassifier:
    torch.manual_seed(0)
    config = ClassifierConfig(
        "s4d", 1, 8, 1, stem_stride=320, bands=9, band_channels=3, normalization="level"
    )
    return SequenceClassifier(config, ["a", "b"])


def chirp(sample_rate: int) -> Tensor:
    time = torch.arange(sample_rate, dtype=torch.float64) / sample_rate
    return (2 * math.pi * (200 * time + 500 * time**2)).sin().float().reshape(1, -1, 1)


@pytest.mark.parametrize("samples", [320, 639, 16_000])
def test_one_frame_for_each_whole_stride(samples: int) -> None:
    frames = encoder()(torch.randn(2, samples, 1), torch.tensor([samples, 320]), 1.0)
    assert frames.x.shape == (2, 4, samples // STRIDE)
    assert frames.lengths is not None
    assert frames.lengths.tolist() == [samples // STRIDE, 1]


def test_nothing_looks_ahead() -> None:
    model, x = encoder(), torch.randn(1, 6_400, 1)
    changed = x.clone()
    changed[:, 3_200:] = 0  # the start of frame 10
    before, after = (model(waveform, None, 1.0).x for waveform in (x, changed))
    assert torch.equal(before[..., :10], after[..., :10])
    assert not torch.equal(before[..., 10], after[..., 10])


def test_in_parts_as_at_once() -> None:
    torch.manual_seed(0)
    model, x = BandConvolutions(CHANNELS).eval(), torch.randn(2, 1, BANDS, 24)
    at_once, _ = model(x)
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
    assert abs(other.rate - 1) < 0.02  # 112 samples of 11,025 Hz stand for 110.25
    apart = (native.x[..., :frames] - other.x[..., :frames]).abs().mean()
    assert apart < 0.1 * native.x.std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band_channels": 0, "bands": 8, "stem_stride": 16}, "at least 1, got 0"),
        ({"band_channels": 4, "bands": 2, "stem_stride": 16}, "got bands=2"),
        ({"band_channels": 4, "stem_stride": 16}, "got bands=None"),
        ({"band_channels": 4, "bands": 8, "stem_stride": 12}, "multiple of 8.*stem_stride=12"),
        ({"band_channels": 4, "bands": 8}, "a multiple of 4"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ClassifierConfig("s4d", **options)


def test_too_short_an_input() -> None:
    with pytest.raises(ValueError, match="has 319 samples, but one frame takes 320"):
        classifier()(torch.zeros(1, 319, 1))
    with pytest.raises(ValueError, match="has 161 samples, but one frame takes 168"):
        classifier()(torch.zeros(1, 161, 1), rate=1.9)


def test_only_the_filters_are_not_trained() -> None:
    model = classifier().encoder
    weights = dict(model.named_parameters())
    assert "weight" not in weights
    model(torch.randn(2, 3_200, 1), None, 1.0).x.square().sum().backward()
    assert all(parameter.grad is not None for parameter in weights.values())


def test_training_in_bfloat16_keeps_the_energies_in_float32() -> None:
    model, x = classifier().train(), 0.1 * torch.randn(4, 6_400, 1)
    seen: dict[str, torch.dtype] = {}
    watched = {
        "waveform": model.encoder,
        "energies": model.encoder.norm,
        "maps": model.encoder.convolutions.layers[0].norm,
    }
    for name, module in watched.items():
        module.register_forward_pre_hook(
            lambda module, inputs, name=name: seen.update({name: inputs[0].dtype})
        )
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(model(x).float(), torch.tensor([0, 1, 0, 1]))
    loss.backward()
    assert seen == {
        "waveform": torch.float32,
        "energies": torch.float32,
        "maps": torch.bfloat16,
    }
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name

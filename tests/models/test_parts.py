"""Encoders, normalisation and pooling by themselves."""

import inspect
import math
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.models import ClassifierConfig, SequenceClassifier, block, create_model
from s4audio.models.build import make_backbone
from s4audio.models.config import Kind
from s4audio.models.encoder import StridedEncoder, resample_filters
from s4audio.models.normalization import SMALLEST_PEAK, ClipNormalize, LevelFollower
from s4audio.models.pooling import frame_mask, pool


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 9), st.sampled_from(["mean", "last", "max"]))
def test_pooling_against_a_plain_loop(batch: int, frames: int, pooling: str) -> None:
    x = torch.randn(batch, 3, frames)
    lengths = torch.randint(1, frames + 1, (batch,))
    rows = [x[i, :, : lengths[i]] for i in range(batch)]
    plain = {
        "mean": lambda row: row.mean(-1),
        "last": lambda row: row[:, -1],
        "max": lambda row: row.max(-1).values,
    }[pooling]
    torch.testing.assert_close(pool(x, lengths, pooling), torch.stack([plain(r) for r in rows]))
    torch.testing.assert_close(
        pool(x, None, pooling), pool(x, torch.full((batch,), frames), pooling)
    )


def test_frame_mask() -> None:
    mask = frame_mask(torch.tensor([1, 3]), 3)
    assert mask.tolist() == [[[True, False, False]], [[True, True, True]]]


def test_clip_normalisation_forgets_level_and_offset() -> None:
    x = torch.randn(2, 500, 1)
    normalize = ClipNormalize()
    y = normalize(x, None, 1.0)
    torch.testing.assert_close(y.square().mean(1), torch.ones(2, 1))
    torch.testing.assert_close(normalize(0.01 * x + 0.3, None, 1.0), y, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("masked", [False, True])
def test_clip_normalisation_in_float16(masked: bool) -> None:
    """Its numbers end at 65,504 and, about, at 6e-8."""
    x = 3e-4 * torch.sin(torch.arange(70_000.0))[None, :, None]
    mask = torch.ones(1, 70_000, 1) if masked else None
    expected = ClipNormalize()(x, mask, 1.0)
    result = ClipNormalize()(x.half(), None if mask is None else mask.half(), 1.0)
    assert result.dtype == torch.float16
    torch.testing.assert_close(result.float(), expected, rtol=0, atol=5e-3)


def test_mean_over_a_long_clip_in_float16() -> None:
    x, lengths = torch.full((2, 3, 20_000), 5.0).half(), torch.tensor([20_000, 15_000])
    assert torch.equal(pool(x, lengths, "mean"), torch.full((2, 3), 5.0).half())


def test_silence_stays_silent() -> None:
    assert ClipNormalize()(torch.zeros(1, 100, 1), None, 1.0).abs().max() == 0


def test_statistics_belong_to_standardize_only() -> None:
    config = ClassifierConfig(kind="s4d", d_model=4, n_layers=1, normalization="standardize")
    model = SequenceClassifier(config, ["a"])
    model.set_input_statistics(0.5, 2.0)
    assert model.normalization is not None
    assert model.normalization(torch.full((1, 1, 1), 2.5), None, 1.0).item() == 1.0
    with pytest.raises(ValueError, match="must be positive"):
        model.set_input_statistics(0.0, 0.0)
    with pytest.raises(ValueError, match="use normalization='standardize'"):
        SequenceClassifier(ClassifierConfig(n_layers=1), ["a"]).set_input_statistics(0.0, 1.0)


@pytest.mark.parametrize("stride", [1, 4, 16])
def test_strided_encoder_frames(stride: int) -> None:
    encoder = StridedEncoder(1, 3, stride, 4 * stride)
    x = torch.randn(2, 64, 1)
    frames = encoder(x, torch.tensor([64, 30]), 1.0)
    assert frames.x.shape == (2, 3, 64 // stride)
    assert frames.lengths is not None
    assert frames.lengths.tolist() == [64 // stride, 30 // stride]
    # The first frame ends at its last sample: earlier taps see silence.
    taps = encoder.weight[:, 0, -stride:]
    torch.testing.assert_close(frames.x[0, :, 0], taps @ x[0, :stride, 0] + encoder.bias)


@pytest.mark.parametrize("rate", [2.0, 0.5, 16_000 / 11_025])
def test_resampled_filters_answer_a_slow_tone_alike(rate: float) -> None:
    torch.manual_seed(0)
    # Smooth filters: what band-limited interpolation is exact for.
    window = torch.hann_window(64, dtype=torch.float64)
    weight = (window * torch.randn(64, dtype=torch.float64).cumsum(0) / 8)[None, None]
    ours = resample_filters(weight, rate)
    omega = 0.05
    fine = (weight[0, 0] * torch.cos(omega * torch.arange(-63, 1))).sum()
    taps = ours.shape[-1]
    coarse = (ours[0, 0] * torch.cos(omega * rate * torch.arange(1 - taps, 1))).sum()
    torch.testing.assert_close(coarse, fine, rtol=0.02, atol=0.02)


def test_stride_follows_the_rate() -> None:
    encoder = StridedEncoder(1, 2, 16, 64)
    for rate, stride, left in [(2.0, 8, 1.0), (0.5, 32, 1.0), (16_000 / 11_025, 11, 0.99773)]:
        frames = encoder(torch.randn(1, 1600, 1), None, rate)
        assert frames.x.shape[-1] == 1600 // stride
        assert frames.rate == pytest.approx(left, abs=1e-5)


def test_level_follower_against_a_plain_loop():
    x = torch.randn(2, 300, 1)
    follower, peaks = LevelFollower(release=40.0), []
    peak = torch.zeros(2)
    for t in range(300):
        peak = torch.maximum(x[:, t, 0].abs(), peak * math.exp(-2.0 / 40.0))
        peaks.append(peak)
    expected = x / (torch.stack(peaks, 1)[..., None] + SMALLEST_PEAK)
    torch.testing.assert_close(follower(x, None, 2.0), expected, rtol=1e-5, atol=1e-6)


def test_level_follower_ignores_gain_and_keeps_silence_silent():
    x = torch.randn(1, 500, 1)
    follower = LevelFollower(release=100.0)
    quiet, loud = follower(x, None, 1.0), follower(30 * x, None, 1.0)
    torch.testing.assert_close(quiet, loud, rtol=0.3, atol=0.02)
    assert loud.abs().max() <= 1
    assert follower(torch.zeros(1, 50, 1), None, 1.0).abs().max() == 0


def test_level_follower_never_sees_the_future():
    x = torch.randn(1, 200, 1)
    changed = torch.cat([x[:, :120], 50 * x[:, 120:]], 1)
    follower = LevelFollower(release=30.0)
    before, after = follower(x, None, 1.0), follower(changed, None, 1.0)
    assert torch.equal(before[:, :120], after[:, :120])


@pytest.mark.parametrize("masked", [False, True])
def test_norm_and_convolution_in_one_pass(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output, gradients and running statistics are those of the two steps."""
    results = []
    for in_one_pass in (True, False):
        torch.manual_seed(0)
        config = ClassifierConfig(kind="s4d", d_model=6, n_layers=2, d_state=8, length=50)
        backbone = make_backbone(config).double()
        x = (2 * torch.randn(3, 6, 50, dtype=torch.float64) + 1).requires_grad_()
        monkeypatch.setattr(block, "in_tiles", lambda x, now=in_one_pass: now)
        y = backbone(x, torch.tensor([50, 20, 31]) if masked else None)
        y.pow(3).sum().backward()
        gradients = [x.grad, *(parameter.grad for parameter in backbone.parameters())]
        results.append([y.detach(), *gradients, *backbone.buffers()])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)
    assert results[0][-1] == 1, "the last norm has counted the batch"


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", ["s4", "s4d", "dss", "sgconv"])
def test_a_block_trained_in_bfloat16_follows_float32(
    kind: Kind, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(block, "CHUNK_STEPS", 16)
    config = ClassifierConfig(
        kind=kind,
        d_model=8,
        n_layers=1,
        d_state=8,
        length=100,
        version="exp" if kind == "dss" else None,
    )
    layer = make_backbone(config).blocks[0].train()
    chunked = []
    for name in ("chunked_convolution", "normalized_chunked_convolution"):
        form = getattr(block, name)
        monkeypatch.setattr(block, name, lambda *a, f=form: chunked.append(f) or f(*a))
    x = torch.randn(4, 8, 100, requires_grad=True)
    mask = frame_mask(torch.tensor([100, 90, 80, 70]), 100) if masked else None
    cotangent = torch.randn(4, 8, 100)

    def values_and_gradients(low_precision: bool) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=low_precision):
            y = layer(x, mask)
        return [y.float(), *torch.autograd.grad(y, [x, *layer.parameters()], cotangent)]

    expected = values_and_gradients(low_precision=False)
    assert not chunked
    ours = values_and_gradients(low_precision=True)
    assert bool(chunked) == (kind != "sgconv")
    for mine, judge in zip(ours, expected, strict=True):
        assert (mine - judge).norm() < 0.04 * judge.norm()


def test_create_model_has_the_defaults_of_the_config() -> None:
    parameters = inspect.signature(create_model).parameters
    for field in fields(ClassifierConfig):
        if field.name != "kind":
            assert parameters[field.name].default == field.default, field.name


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("stem_stride", [1, 4])
def test_bad_rates(stem_stride: int, rate: float) -> None:
    config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, stem_stride=stem_stride)
    with pytest.raises(ValueError, match=f"rate must be a positive number, got {rate}"):
        SequenceClassifier(config, ["no", "yes"])(torch.zeros(1, 16, 1), rate=rate)

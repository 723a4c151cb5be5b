"""SGConv a chunk at a time against the convolution with the whole kernel."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.kernels import SGConvKernel
from s4audio.streaming import far_pieces, sgconv
from s4audio.streaming.pieces import Piece, end_shape, hat
from s4audio.streaming.sgconv import SGConvStep, divide, groups, pieces_of, support

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}
OPTIONS = [
    {"combination": combination, "decay": decay, "interpolation": interpolation}
    for combination in ("cat", "sum")
    for decay in ("geometric", "power-fixed", "power-learnable")
    for interpolation in ("linear", "nearest")
]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def offline(kernel: SGConvKernel, D: Tensor, u_HBT: Tensor, rate: float = 1.0) -> Tensor:
    """k * u + D u in float64."""
    u, length = u_HBT.double(), u_HBT.shape[-1]
    with torch.no_grad():
        k_HT = copy.deepcopy(kernel).double().sample(length, rate)[0]
        product = torch.fft.rfft(u, 2 * length) * torch.fft.rfft(k_HT, 2 * length)[:, None]
        return torch.fft.irfft(product, 2 * length)[..., :length] + D.double()[:, None, None] * u


def streamed(step: SGConvStep, u_HBT: Tensor, frames: int) -> Tensor:
    """All chunks, one after another."""
    state, outputs = step.initial_state(u_HBT.shape[1]), []
    for chunk in u_HBT.split(frames, dim=-1):
        y, state = step(chunk, state)
        outputs.append(y)
    return torch.cat(outputs, dim=-1)


def error(ours: Tensor, judge: Tensor) -> float:
    """Largest difference, relative to the largest value of the judge."""
    return float((ours - judge).abs().max() / judge.abs().max())


def check(
    kernel: SGConvKernel, frames: int, chunks: int, rate: float = 1.0, streams: int = 2
) -> None:
    D = torch.randn(kernel.channels)
    u_HBT = torch.randn(kernel.channels, streams, frames * chunks, dtype=torch.float64)
    for dtype, tolerance in TOLERANCE.items():
        step = SGConvStep(kernel, D, frames, rate, dtype)
        y_HBT = streamed(step, u_HBT.to(dtype), frames)
        assert y_HBT.dtype == dtype
        assert error(y_HBT, offline(kernel, D, u_HBT.to(dtype), rate)) < tolerance


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.7])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options.values()))
def test_every_option_against_offline(options: dict[str, str], rate: float) -> None:
    kernel = SGConvKernel(6, 200, kernel_dim=8, decay_min=0.5, n_ssm=3, **options)
    for frames in (1, 5, 32):
        check(kernel, frames, 400 // frames, rate)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns for kernels of a few channels."""
    monkeypatch.setattr(sgconv, "SMALLEST_GROUP", 2)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("frames", [10, 24, 64, 100, 160, 700])
def test_pieces_against_offline(interpolation: str, frames: int) -> None:
    kernel = SGConvKernel(8, 4096, kernel_dim=16, interpolation=interpolation, decay_min=0.8)
    near, far = divide(pieces_of(kernel, 1.0), frames)
    assert [p.spacing for p in near] == ([] if frames < 64 else [2, 4, 8, 16])
    assert [p.spacing for p in far] == [32, 64, 128]
    assert groups(far, frames) == (1 if frames == 700 else 4)
    check(kernel, frames, 2 * 4096 // frames)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 150),
    st.integers(1, 20),
    st.integers(1, 12),
    st.integers(0, 2),
    st.sampled_from(["linear", "nearest"]),
)
def test_any_chunk_and_kernel(
    frames: int, kernel_dim: int, channels: int, init_scale: int, interpolation: str
) -> None:
    torch.manual_seed(0)
    kernel = SGConvKernel(
        channels, 1000, kernel_dim=kernel_dim, init_scale=init_scale, interpolation=interpolation
    )
    with pytest.MonkeyPatch.context() as patch:
        smallest = {"LONG_CHUNK": 20, "NEAR_SPACING": 2, "FAR_SPACING": 8, "SMALLEST_GROUP": 1}
        for name, value in smallest.items():
            patch.setattr(sgconv, name, value)
        check(kernel, frames, max(3, 1500 // frames), streams=1)


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.3])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options.values()))
def test_support_is_the_whole_kernel(options: dict[str, str], rate: float) -> None:
    kernel = SGConvKernel(2, 100, kernel_dim=8, init_scale=1, **options)
    taps = support(kernel, rate)
    with torch.no_grad():
        k_HL = kernel.sample(taps + 10, rate)[0]
    assert bool((k_HL[:, :taps][:, -1] != 0).all())
    assert float(k_HL[:, taps:].abs().max()) == 0


def test_impulse_response_is_the_kernel() -> None:
    kernel = SGConvKernel(4, 1024, kernel_dim=16)
    frames, chunks = 32, 40
    D = torch.randn(4)
    impulse = torch.zeros(4, 1, frames * chunks)
    impulse[:, :, 0] = 1
    y = streamed(SGConvStep(kernel, D, frames, 1.0, torch.float32), impulse, frames)[:, 0]
    k = kernel(frames * chunks)[0].detach()
    k[:, 0] += D
    torch.testing.assert_close(y, k, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spacing", [2, 4, 16])
def test_shapes_are_sums_of_finer_ones(spacing: int) -> None:
    def at(lag: int, taps: Tensor) -> Tensor:
        return F.pad(taps, (100 + lag, 100 - lag - len(taps)))

    s = spacing
    fine, wide = hat(s, linear=True), hat(2 * s, linear=True)
    three = at(-s, fine) / 2 + at(0, fine) + at(s, fine) / 2
    torch.testing.assert_close(three, at(-s, wide), rtol=0, atol=1e-12)
    slope = at(0, fine) / 4 - at(-2 * s, fine) / 4
    ends = at(-s, end_shape(2 * s)) + slope
    torch.testing.assert_close(ends, at(-2 * s, end_shape(4 * s)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_shapes_against_interpolate(interpolation: str) -> None:
    """The shapes of all weights and both ends add up to the upsampled piece, and to no more."""
    w_d = torch.randn(5, dtype=torch.float64)
    piece = Piece(w_d[None], spacing=8, start=20, linear=interpolation == "linear")
    kernel = torch.zeros(100, dtype=torch.float64)
    for j, w in enumerate(w_d):
        first = piece.youngest + 8 * j
        kernel[first : first + piece.width] += w * hat(8, piece.linear)
    assert not kernel[: piece.youngest].any()
    assert not kernel[piece.oldest + 1 :].any()
    if piece.linear:
        for lag, w in ((piece.start, w_d[0]), (piece.end, -w_d[-1])):
            kernel[lag - 4 : lag + 4] += w * end_shape(8)
    upsampled = F.interpolate(w_d[None, None], scale_factor=8, mode=interpolation)[0, 0]
    judge = F.pad(upsampled, (piece.start, 100 - piece.end))
    torch.testing.assert_close(kernel, judge, rtol=0, atol=1e-12)


def test_only_the_plain_form_has_pieces() -> None:
    def spacings(rate: float = 1.0, **options: str) -> list[int]:
        kernel = SGConvKernel(4, 1024, kernel_dim=16, **options)
        return [piece.spacing for piece in pieces_of(kernel, rate)]

    assert spacings() == spacings(interpolation="nearest") == [2, 4, 8, 16, 32]
    assert spacings(rate=2.0) == spacings(combination="sum") == spacings(decay="power-fixed") == []


def test_each_call_serves_one_group_of_channels() -> None:
    def turns(channels: int, frames: int) -> int:
        kernel = SGConvKernel(channels, 16_000)
        return groups(divide(pieces_of(kernel, 1.0), frames)[1], frames)

    assert turns(128, 160) == 8
    assert turns(96, 160) == 6
    assert turns(32, 160) == 2
    assert turns(8, 160) == 1
    # A long chunk leaves less time to compute ahead.
    assert turns(128, 600) == 4


def test_state() -> None:
    kernel = SGConvKernel(4, 1024, kernel_dim=16)
    step = SGConvStep(kernel, torch.zeros(4), 32, 1.0, torch.float32)
    assert step.in_place == ("past", "ahead")
    state = step.initial_state(3)
    assert list(state) == ["count", "past", "ahead"]
    for _ in range(5):
        before = {name: x.clone() for name, x in state.items()}
        _, after = step(torch.randn(4, 3, 32), state)
        assert list(after) == list(state)
        for name, x in state.items():
            assert after[name].shape == x.shape
            assert after[name].dtype == torch.float32
            torch.testing.assert_close(x, before[name], rtol=0, atol=0)
        state = after


def test_a_short_kernel_has_a_short_state() -> None:
    kernel = SGConvKernel(4, 500, kernel_dim=64)
    state = SGConvStep(kernel, torch.zeros(4), 5, 1.0, torch.float32).initial_state(2)
    assert {name: tuple(x.shape) for name, x in state.items()} == {"recent": (2, 4, 511)}


def test_streams_do_not_mix() -> None:
    kernel = SGConvKernel(4, 1024, kernel_dim=16)
    step = SGConvStep(kernel, torch.zeros(4), 64, 1.0, torch.float64)
    u_HBT = torch.randn(4, 3, 64 * 30, dtype=torch.float64)
    together = streamed(step, u_HBT, 64)
    alone = torch.cat([streamed(step, u_HBT[:, i : i + 1], 64) for i in range(3)], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("small_groups")
def test_the_next_state_may_lie_in_the_memory_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = SGConvKernel(8, 1024, kernel_dim=16)
    step = SGConvStep(kernel, torch.zeros(8), 40, 1.0, torch.float32)
    assert step.far is not None
    u_HBT = torch.randn(8, 2, 40 * 60)
    copied = streamed(step, u_HBT, 40)

    def put_rows_in_place(x: Tensor, index: Tensor, rows: Tensor) -> Tensor:
        x[:, index] = rows
        return x

    monkeypatch.setattr(far_pieces, "put_rows", put_rows_in_place)
    torch.testing.assert_close(streamed(step, u_HBT, 40), copied, rtol=0, atol=0)


def test_bidirectional_is_refused() -> None:
    kernel = SGConvKernel(2, 64, bidirectional=True)
    with pytest.raises(UserError, match="needs the future: train with bidirectional=False"):
        SGConvStep(kernel, torch.zeros(2), 8, 1.0, torch.float32)

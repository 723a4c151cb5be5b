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
from s4audio.streaming import pieces as pieces_module
from s4audio.streaming.pieces import LongPieces, row_shapes
from s4audio.streaming.sgconv import SGConvStep, long_pieces, support

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


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("frames", [10, 24, 48, 100, 160])
def test_long_pieces_against_offline(interpolation: str, frames: int) -> None:
    kernel = SGConvKernel(8, 2048, kernel_dim=16, interpolation=interpolation, decay_min=0.8)
    chunks = 2 * 2048 // frames
    assert [p.spacing for p in long_pieces(kernel, frames, 1.0)] == [16, 32, 64]
    check(kernel, frames, chunks)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(5, 70),
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
    check(kernel, frames, 1500 // frames, streams=1)


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


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_shapes_against_interpolate(interpolation: str) -> None:
    """The shapes of all weights and both ends add up to the upsampled piece, and to no more."""
    spacing, w_d = 8, torch.randn(5, dtype=torch.float64)
    linear = interpolation == "linear"
    filters = row_shapes(spacing, linear)
    # Row by row the response to a single sample at the start of z, or of v.
    phi = torch.cat([filters[i * spacing] for i in (2, 1, 0)])
    E = torch.cat([filters[i * spacing] for i in (4, 3)]) if linear else torch.zeros(0)
    piece = torch.zeros(8 * spacing, dtype=torch.float64)
    for j, w in enumerate(w_d):
        piece[j * spacing : j * spacing + len(phi)] += w * phi
    piece[: len(E)] += w_d[0] * E
    piece[5 * spacing : 5 * spacing + len(E)] -= w_d[-1] * E
    reach = spacing // 2 if linear else 0
    expected = F.interpolate(w_d[None, None], scale_factor=spacing, mode=interpolation)[0, 0]
    judge = F.pad(expected, (reach, 3 * spacing - reach))
    torch.testing.assert_close(piece, judge, rtol=0, atol=1e-12)


def test_only_the_plain_form_is_computed_by_rows() -> None:
    def spacings(rate: float = 1.0, frames: int = 16, **options: str) -> list[int]:
        kernel = SGConvKernel(4, 1024, kernel_dim=16, **options)
        return [piece.spacing for piece in long_pieces(kernel, frames, rate)]

    assert spacings() == spacings(interpolation="nearest") == [16, 32]
    assert spacings(rate=2.0) == spacings(combination="sum") == spacings(decay="power-fixed") == []
    # A chunk that is longer than the lag at which a piece begins leaves no time to compute ahead.
    assert spacings(frames=300) == [32]


def test_each_call_serves_one_group_of_channels() -> None:
    kernel = SGConvKernel(32, 4096, kernel_dim=32)
    assert [p.groups for p in long_pieces(kernel, 50, 1.0)] == [8, 16, 16]
    assert [p.groups for p in long_pieces(SGConvKernel(6, 4096, kernel_dim=32), 50, 1.0)] == [2] * 3


def test_state() -> None:
    kernel = SGConvKernel(4, 1024, kernel_dim=16)
    step = SGConvStep(kernel, torch.zeros(4), 32, 1.0, torch.float32)
    state = step.initial_state(3)
    assert list(state) == ["recent", "count", "past", "ahead"]
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


def test_the_next_state_may_lie_in_the_memory_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = SGConvKernel(8, 1024, kernel_dim=16)
    step = SGConvStep(kernel, torch.zeros(8), 40, 1.0, torch.float32)
    assert isinstance(step.tail, LongPieces)
    u_HBT = torch.randn(8, 2, 40 * 60)
    copied = streamed(step, u_HBT, 40)

    def put_rows_in_place(x: Tensor, index: Tensor, rows: Tensor) -> Tensor:
        x[:, index] = rows
        return x

    monkeypatch.setattr(pieces_module, "put_rows", put_rows_in_place)
    torch.testing.assert_close(streamed(step, u_HBT, 40), copied, rtol=0, atol=0)


def test_bidirectional_is_refused() -> None:
    kernel = SGConvKernel(2, 64, bidirectional=True)
    with pytest.raises(UserError, match="needs the future: train with bidirectional=False"):
        SGConvStep(kernel, torch.zeros(2), 8, 1.0, torch.float32)

"""Every kernel: shapes, recurrences, backends, rates, sharing, gradients, bad options."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.kernels import (
    DSSKernel,
    Kernel,
    S4DKernel,
    S4Kernel,
    SGConvKernel,
    StateSpaceKernel,
    s4,
)
from s4audio.kernels.base import per_channel
from s4audio.kernels.dss import VERSIONS
from s4audio.kernels.hippo import Measure
from s4audio.kernels.sgconv import resample_kernel
from s4audio.ops import woodbury

CHANNELS, LENGTH = 4, 200

STATE_SPACES: dict[str, Callable[..., StateSpaceKernel]] = {
    # Too short for their state to be made by doubling, unlike the two after them.
    "s4-legs-wide": lambda **o: S4Kernel(CHANNELS, LENGTH, d_state=16, **o),
    "s4-fout-wide": lambda **o: S4Kernel(CHANNELS, LENGTH, d_state=16, init="fout", **o),
    "s4-legs": lambda **o: S4Kernel(CHANNELS, LENGTH, d_state=8, **o),
    "s4-fout": lambda **o: S4Kernel(CHANNELS, LENGTH, d_state=8, init="fout", **o),
    **{
        f"s4d-{init}-{disc}": (
            lambda i, d: (
                lambda **o: S4DKernel(CHANNELS, LENGTH, d_state=8, init=i, discretization=d, **o)
            )
        )(init, disc)
        for init in ("legs", "lin", "inv")
        for disc in ("zoh", "bilinear")
    },
    **{
        f"dss-{version}": (
            lambda v: lambda **o: DSSKernel(CHANNELS, LENGTH, d_state=8, version=v, **o)
        )(version)
        for version in VERSIONS
    },
}
SGCONVS: dict[str, Callable[..., Kernel]] = {
    f"sgconv-{combination}-{init}-{decay}-{interpolation}": (
        lambda c, w, d, i: (
            lambda **o: SGConvKernel(
                CHANNELS,
                LENGTH,
                kernel_dim=8,
                combination=c,
                weight_init=w,
                decay=d,
                decay_min=0.5,
                decay_max=2,
                interpolation=i,
                **o,
            )
        )
    )(combination, init, decay, interpolation)
    for combination in ("cat", "sum")
    for init in ("randn", "cos")
    for decay in ("geometric", "power-fixed", "power-learnable")
    for interpolation in ("linear", "nearest")
}
ALL: dict[str, Callable[..., Kernel]] = {**STATE_SPACES, **SGCONVS}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def error(ours: Tensor, judge: Tensor) -> float:
    """Largest difference, relative to the largest value of the judge."""
    ours, judge = ours.detach(), judge.detach()
    return float((ours - judge).abs().max() / judge.abs().max())


def unrolled(kernel: StateSpaceKernel, length: int, rate: float) -> Tensor:
    """Impulse response of the recurrence, step by step in float64."""
    system = kernel.recurrence(rate)
    state, response = system.B, []
    for _ in range(length):
        response.append((system.C * state).sum(-1))
        state = (system.A @ state[..., None])[..., 0]
    return torch.stack(response, -1)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_shape_and_gradients(name: str, bidirectional: bool) -> None:
    kernel = ALL[name](bidirectional=bidirectional)
    for length in (1, 37, LENGTH, 2 * LENGTH):
        k = kernel(length)
        assert k.shape == (1 + bidirectional, CHANNELS, length)
        assert k.dtype == torch.float32
        assert bool(k.isfinite().all())
    (kernel(LENGTH) * torch.randn(LENGTH)).sum().backward()
    for parameter_name, parameter in kernel.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all())
    named = {n.partition(".")[0] for n, _ in kernel.named_parameters()}
    assert set(kernel.step_parameters) <= named


@pytest.mark.parametrize("length", [1, 37, LENGTH, 2 * LENGTH])
@pytest.mark.parametrize("name", ALL)
def test_a_kernel_may_be_changed_in_place(name: str, length: int) -> None:
    kernel = ALL[name](n_ssm=2)
    with torch.no_grad():
        first = kernel(length)
        judge = first.clone()
        first += torch.rand(first.shape)
        torch.testing.assert_close(kernel(length), judge, rtol=0, atol=0)


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.7])
@pytest.mark.parametrize("name", STATE_SPACES)
def test_kernel_is_the_impulse_response_of_its_recurrence(name: str, rate: float) -> None:
    kernel = STATE_SPACES[name]()
    length = round(LENGTH / rate)
    with torch.no_grad():
        assert error(kernel(length, rate)[0], unrolled(kernel, length, rate)) < 1e-5


@pytest.mark.parametrize("d_state", [8, 16])
@pytest.mark.parametrize("length", [50, LENGTH, 333])
def test_s4_at_other_lengths_than_its_training_length(length: int, d_state: int) -> None:
    kernel = S4Kernel(CHANNELS, LENGTH, d_state=d_state)
    with torch.no_grad():
        assert error(kernel(length)[0], unrolled(kernel, length, 1.0)) < 1e-5


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("init", ["legs", "fout"])
def test_s4_by_doubling_at_full_size(
    monkeypatch: pytest.MonkeyPatch, init: Measure, bidirectional: bool
) -> None:
    kernel = S4Kernel(CHANNELS, 16_000, init=init, bidirectional=bidirectional)
    parameters = list(kernel.parameters())
    doubled = kernel(16_000)
    cotangent = torch.randn_like(doubled)
    gradients = torch.autograd.grad(doubled, parameters, cotangent)
    monkeypatch.setattr(s4, "LONG", math.inf)
    judge = kernel(16_000)
    assert error(doubled, judge) < 2e-6
    expected = torch.autograd.grad(judge, parameters, cotangent)
    for mine, other in zip(gradients, expected, strict=True):
        assert error(mine, other) < 1e-5


@pytest.mark.parametrize("kept", [0, 2**22])
def test_s4_in_groups_of_channels(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    kernel = S4Kernel(CHANNELS, LENGTH, d_state=16)
    parameters = list(kernel.parameters())
    whole = kernel(LENGTH)
    cotangent = torch.randn_like(whole)
    gradients = torch.autograd.grad(whole, parameters, cotangent)
    monkeypatch.setattr(woodbury, "TILE_BYTES", 3 * 4 * (LENGTH // 2 + 1) * 16)
    monkeypatch.setattr(woodbury, "KEPT_SAMPLES", kept)
    grouped = kernel(LENGTH)
    torch.testing.assert_close(grouped, whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        torch.autograd.grad(grouped, parameters, cotangent), gradients, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("backend", ["naive", pytest.param("keops", marks=pytest.mark.compiler)])
@pytest.mark.parametrize("name", ["s4-legs", "s4-fout", "s4d-lin-zoh", "dss-softmax", "dss-exp"])
def test_backends_agree(name: str, backend: str) -> None:
    kernel = STATE_SPACES[name]()
    fast = kernel(LENGTH).detach()
    kernel.backend = backend
    assert error(fast, kernel(LENGTH).detach()) < 1e-5


@pytest.mark.parametrize("name", [*STATE_SPACES, "sgconv-sum-cos-power-fixed-linear"])
def test_coarser_grid_samples_the_same_function_of_time(name: str) -> None:
    kernel = ALL[name](**({} if name.startswith("sgconv") else {"dt_max": 0.01}))
    signal = torch.sin(torch.arange(LENGTH) / 20)
    fine = (kernel(LENGTH)[0] * signal).sum(-1)
    coarse = (kernel(LENGTH // 2, 2.0)[0] * signal[::2]).sum(-1)
    assert error(coarse, fine) < 0.15
    wrong = (kernel(LENGTH // 2)[0] * signal[::2]).sum(-1)
    assert error(coarse, fine) < error(wrong, fine)


@pytest.mark.parametrize("name", ALL)
def test_sharing_has_fewer_parameters(name: str) -> None:
    kernel = ALL[name](n_ssm=2)
    shared = {"A_imag", "Lambda_imag", "weights.0"}
    shapes = [tuple(p.shape) for n, p in kernel.named_parameters() if n in shared]
    assert shapes
    assert all(2 in shape[:2] for shape in shapes)


def test_channels_take_state_spaces_in_turn() -> None:
    assert per_channel(torch.tensor([[0], [1]]), 4).flatten().tolist() == [0, 1, 0, 1]


def test_bandlimit_cuts_fast_eigenvalues() -> None:
    kernel = S4DKernel(2, LENGTH, d_state=8, init="lin", dt_min=0.1, dt_max=0.1, bandlimit=0.25)
    kernel.C.data[:, :, :3] = 0
    # The fourth eigenvalue, 3 pi i, turns 0.15 cycles a step: above 0.25 / 2.
    assert kernel(LENGTH).abs().max() == 0
    kernel.bandlimit = 0.4
    assert kernel(LENGTH).abs().max() > 0


def test_kernels_ignore_autocast() -> None:
    for make in ALL.values():
        kernel = make()
        plain = kernel(LENGTH)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(kernel(LENGTH), plain)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 60), st.floats(0.2, 5), st.integers(0, 99))
def test_resampled_kernel_keeps_its_integral(taps: int, rate: float, seed: int) -> None:
    """Exactly so on a coarser grid, for a kernel that is zero near both ends."""
    torch.manual_seed(seed)
    k = torch.nn.functional.pad(torch.rand(1, 1, taps, dtype=torch.float64), (12, 12))
    # Interpolation on a finer grid is off by 1/8 at most: a single tap at rate 3/4.
    rtol = 1e-12 if rate > 1 else 0.126
    torch.testing.assert_close(resample_kernel(k, rate).sum(), k.sum(), rtol=rtol, atol=0)
    assert resample_kernel(k, 1.0) is k


def test_resampled_kernel_convolves_the_interpolated_input() -> None:
    torch.manual_seed(0)
    k = torch.rand(12, dtype=torch.float64)
    coarse = torch.rand(7, dtype=torch.float64)
    fine = torch.stack([coarse[:-1], (coarse[:-1] + coarse[1:]) / 2], -1).flatten()
    fine = torch.cat([fine, coarse[-1:]])
    expected = sum(k[j] * fine[12 - j] for j in range(12))
    ours = resample_kernel(k[None, None], 2.0)[0, 0]
    result = sum(ours[j] * coarse[6 - j] for j in range(len(ours)))
    # The last tap's neighbour beyond the kernel is the only difference.
    torch.testing.assert_close(result, expected - k[11] / 2 * coarse[0], rtol=1e-12, atol=0)


def test_sgconv_norm_is_frozen() -> None:
    kernel = SGConvKernel(CHANNELS, LENGTH, kernel_dim=8)
    assert kernel.n_scales == 6
    torch.testing.assert_close(kernel(256).norm(dim=-1), torch.ones(1, CHANNELS))
    with torch.no_grad():
        for weights in kernel.weights:
            weights *= 3
    torch.testing.assert_close(kernel(256).norm(dim=-1), 3 * torch.ones(1, CHANNELS))


def test_growing_dss_pole_cannot_be_a_recurrence() -> None:
    kernel = DSSKernel(CHANNELS, LENGTH, d_state=4, version="softmax")
    with torch.no_grad():
        kernel.Lambda_real[0, 1] = 2.0
    assert bool(kernel(LENGTH).isfinite().all())
    with pytest.raises(ValueError, match=r"4 DSS poles lie outside the unit circle.*exp"):
        kernel.recurrence()


@pytest.mark.parametrize("name", STATE_SPACES)
def test_bidirectional_kernel_has_no_recurrence(name: str) -> None:
    with pytest.raises(ValueError, match="bidirectional=False"):
        STATE_SPACES[name](bidirectional=True).recurrence()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S4Kernel(4, 8, d_state=7), "d_state must be even"),
        (lambda: S4Kernel(4, 8, n_ssm=3), "n_ssm=3 must divide"),
        (lambda: S4Kernel(4, 8, init="lin"), "unknown S4 init 'lin'"),
        (lambda: S4DKernel(4, 8, init="fout"), "unknown S4D init 'fout'"),
        (lambda: S4DKernel(4, 8, discretization="euler"), "choose zoh or bilinear"),
        (lambda: S4DKernel(4, 8, dt_min=0.1, dt_max=0.01), "dt_min <= dt_max"),
        (lambda: DSSKernel(4, 8, version="relu"), "unknown DSS version 'relu'"),
        (lambda: DSSKernel(4, 8, d_state=0), "d_state must be at least 1"),
        (lambda: SGConvKernel(4, 8, kernel_dim=0), "kernel_dim=0"),
        (lambda: SGConvKernel(4, 8, combination="mean"), "unknown combination 'mean'"),
        (lambda: S4DKernel(0, 8), "channels=0"),
        (lambda: S4DKernel(4, 8)(0), "at least 1, got 0"),
        (lambda: S4DKernel(4, 8)(5, 0.0), "rate must be a positive number, got 0"),
    ],
)
def test_bad_options(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

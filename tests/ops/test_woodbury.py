"""The joined Cauchy products: fast form against the naive one, whole, in tiles and made again."""

import math

import pytest
import torch
from torch import Tensor

from s4audio.ops import Backend, woodbury, woodbury_kernel

CHANNELS, PAIRS = 5, 4


def poles(directions: int) -> tuple[Tensor, Tensor]:
    """Small numerators, so that 1 + w R_PQ stays away from 0, and decaying log poles."""
    generator = torch.Generator().manual_seed(0)
    real, imag = torch.rand(2, CHANNELS, PAIRS, generator=generator, dtype=torch.float64)
    log_a = torch.complex(-(0.1 ** (1 + real)), 2 * math.pi * (imag - 0.5))
    shape = CHANNELS, 2 * directions + 2, PAIRS
    v = 0.01 * torch.randn(shape, generator=generator, dtype=torch.complex128)
    return v.requires_grad_(), log_a.requires_grad_()


def kernel_and_gradients(
    inputs: tuple[Tensor, Tensor], length: int, backend: Backend = "gemm"
) -> list[Tensor]:
    kernel = woodbury_kernel(*inputs, length, backend)
    cotangent = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(1)).double()
    return [kernel.detach(), *torch.autograd.grad(kernel, inputs, cotangent)]


@pytest.mark.parametrize("backend", ["naive", pytest.param("keops", marks=pytest.mark.compiler)])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("length", [1, 2, 3, 64, 127, 1000])
def test_backends_agree(length: int, directions: int, backend: Backend) -> None:
    inputs = poles(directions)
    fast = kernel_and_gradients(inputs, length)
    assert fast[0].shape == (directions, CHANNELS, length)
    judge = kernel_and_gradients(inputs, length, backend)
    for ours, judged in zip(fast, judge, strict=True):
        torch.testing.assert_close(ours, judged, rtol=1e-9, atol=1e-9 * float(judged.abs().max()))


@pytest.mark.parametrize("kept", [0, 2**22])
def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    inputs = poles(2)
    whole = kernel_and_gradients(inputs, 100)
    monkeypatch.setattr(woodbury, "TILE_BYTES", 2 * 6 * 51 * 16)
    monkeypatch.setattr(woodbury, "KEPT_SAMPLES", kept)
    torch.testing.assert_close(kernel_and_gradients(inputs, 100), whole, rtol=1e-12, atol=1e-12)


def test_gradient_against_differences() -> None:
    v, log_a = poles(1)
    assert torch.autograd.gradcheck(lambda v, log_a: woodbury_kernel(v, log_a, 9), (v, log_a))


def test_unusable_arguments() -> None:
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        woodbury_kernel(*poles(1), 0)
    with pytest.raises(ValueError, match="unknown backend 'fft'"):
        woodbury_kernel(*poles(1), 8, "fft")  # type: ignore[arg-type]

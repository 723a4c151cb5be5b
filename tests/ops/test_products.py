"""The three forms of each product agree: values, gradients, every kind of length."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.ops import Backend, cauchy, vandermonde

LENGTHS = [1, 2, 3, 5, 64, 127, 1000, 4099, 16_000, 65_521, 65_536]
TOLERANCE = 1e-5


def poles(channels: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random coefficients (channels, 2, count) and decaying log poles (channels, count)."""
    generator = torch.Generator().manual_seed(seed)
    real, imag = torch.rand(2, channels, count, generator=generator, dtype=torch.float64)
    log_a = torch.complex(-(0.1 ** (1 + 3 * real)), 2 * math.pi * (imag - 0.5))
    c = torch.randn(channels, 2, count, generator=generator, dtype=torch.complex128)
    return c.requires_grad_(), log_a.requires_grad_()


def error(ours: Tensor, judge: Tensor) -> float:
    """Largest difference, relative to the largest value of the judge."""
    return float((ours.detach() - judge.detach()).abs().max() / judge.detach().abs().max())


def gradients(result: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Gradients of a randomly weighted sum of a real or complex result."""
    flat = torch.view_as_real(result) if result.is_complex() else result
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(flat.shape, generator=generator, dtype=torch.float64)
    return torch.autograd.grad((flat.double() * weight).sum(), inputs)


@pytest.mark.parametrize("backend", ["gemm", pytest.param("keops", marks=pytest.mark.compiler)])
@pytest.mark.parametrize("product", [vandermonde, cauchy])
@pytest.mark.parametrize("length", LENGTHS)
def test_against_naive(product: object, length: int, backend: Backend) -> None:
    assert callable(product)
    inputs = poles(2, 4)
    judge = product(*inputs, length, backend="naive")
    ours = product(*inputs, length, backend=backend)
    assert ours.shape == judge.shape
    assert error(ours, judge) < TOLERANCE
    for gradient, judged in zip(gradients(ours, inputs), gradients(judge, inputs), strict=True):
        if judged.abs().max() > 0:
            assert error(gradient, judged) < TOLERANCE


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3000), st.integers(1, 20), st.integers(0, 1000))
def test_vandermonde_of_any_size(length: int, count: int, seed: int) -> None:
    c, log_a = poles(1, count, seed)
    judge = vandermonde(c, log_a, length, backend="naive")
    assert error(vandermonde(c, log_a, length), judge) < TOLERANCE


@pytest.mark.parametrize(
    "backend", ["gemm", "naive", pytest.param("keops", marks=pytest.mark.compiler)]
)
def test_growing_pole_with_scale_does_not_overflow(backend: Backend) -> None:
    length = 2000
    log_a = torch.tensor([[0.5 + 0.3j, -0.01 + 0.2j]], dtype=torch.complex128)
    scale = torch.where(log_a.real > 0, -(length - 1) * log_a, 0)
    c = torch.ones(1, 1, 2, dtype=torch.complex128)
    time = torch.arange(length, dtype=torch.float64)
    expected = torch.exp(log_a[0, 0] * (time - (length - 1))).real
    expected = expected + torch.exp(log_a[0, 1] * time).real
    ours = vandermonde(c, log_a, length, scale, backend)[0, 0]
    assert error(ours, expected) < TOLERANCE


@pytest.mark.parametrize("length", [1, 2, 7, 16])
def test_cauchy_is_the_fft_of_the_folded_sequence(length: int) -> None:
    v, log_a = (x.detach() for x in poles(1, 3))
    log_a = log_a - 0.1  # so that a few hundred steps are as good as endless
    steps = torch.arange(400 * length, dtype=torch.float64)
    endless = 2 * (v @ (log_a[..., None] * steps).exp()).real
    folded = endless.unflatten(-1, (400, length)).sum(-2)
    assert error(cauchy(v, log_a, length, backend="naive"), torch.fft.rfft(folded)) < 1e-12


@pytest.mark.parametrize("product", [vandermonde, cauchy])
def test_bad_arguments(product: object) -> None:
    assert callable(product)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        product(*poles(1, 1), 0)
    with pytest.raises(ValueError, match=r"unknown backend 'gem'.*did you mean 'gemm'"):
        product(*poles(1, 1), 4, backend="gem")

"""Powers of a transition and the kernel that is made of them, against their definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.kernels.powers import impulse_response, powers

PRECISIONS = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def transition(channels: int, state: int) -> Tensor:
    """Contractions with one fast mode and zeros, whose gradients count too."""
    rotations = torch.linalg.qr(torch.randn(channels, state - 1, state - 1).double())[0]
    blocks = [torch.block_diag(torch.tensor([[0.3]]), 0.9999 * Q) for Q in rotations]
    return torch.stack(blocks).requires_grad_()


def unrolled(A: Tensor, B: Tensor, C: Tensor, length: int) -> Tensor:
    """C B, C A B, C A A B, ... one step at a time."""
    states = [B]
    for _ in range(length - 1):
        states.append((A @ states[-1][..., None])[..., 0])
    return torch.einsum("dhn,lhn->dhl", C, torch.stack(states))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("exponent", [1, 200, 16_000])
def test_power_and_its_gradient(exponent: int, precision: torch.dtype) -> None:
    A = transition(2, 8)
    expected = torch.linalg.matrix_power(A, exponent)
    found = powers(A, exponent, 1, precision).whole
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(found, A, cotangent)
    (judge,) = torch.autograd.grad(expected, A, cotangent)
    assert (gradient - judge).abs().max() <= PRECISIONS[precision] * judge.abs().max()


def test_squares_hold_no_subnormal_numbers() -> None:
    whole, squares = powers(transition(1, 8), 16_000, 16_000, torch.float32)
    assert len(squares) == 14
    for square in (whole, *squares):
        numbers = square.detach()
        assert (numbers[numbers != 0].abs() > 1e-30).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=30)
@given(length=st.integers(1, 150), further=st.integers(0, 100), directions=st.sampled_from([1, 2]))
def test_impulse_response_is_the_recurrence(
    precision: torch.dtype, length: int, further: int, directions: int
) -> None:
    A = transition(3, 5)
    B, C = torch.randn(3, 5).double(), torch.randn(directions, 3, 5).double()
    squares = powers(A, 1, length + further, precision).squares
    found = impulse_response(squares, B, C, length)
    expected = unrolled(A, B, C, length)
    assert found.dtype == precision
    assert found.shape == expected.shape
    tolerance = PRECISIONS[precision] * float(expected.detach().abs().max())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance)


def test_gradients_of_response_and_power_together() -> None:
    A = (0.9 * transition(2, 3).detach()).requires_grad_()
    B, C = torch.randn(2, 3).double().requires_grad_(), torch.randn(1, 2, 3).double()

    def joined(A: Tensor, B: Tensor) -> Tensor:
        whole, squares = powers(A, 13, 9, torch.float64)
        return impulse_response(squares, B, C, 9).sum(0) + whole.sum((1, 2))[:, None]

    assert torch.autograd.gradcheck(joined, (A, B))

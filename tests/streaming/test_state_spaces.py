"""Recurrences in blocks against the recurrence itself, and which form takes which kernel."""

import pytest
import torch
from torch import Tensor, nn

from s4audio.kernels import S4DKernel, S4Kernel
from s4audio.kernels.base import Recurrence
from s4audio.streaming.dense import DenseStep
from s4audio.streaming.diagonal import DiagonalStep, complex_diagonal, diagonalize
from s4audio.streaming.mixing import make_mixing_step
from s4audio.streaming.step import Step


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def naive(system: Recurrence, D: Tensor, u_HBT: Tensor) -> Tensor:
    """x[t] = A x[t - 1] + B u[t], y[t] = C x[t] + D u[t]."""
    x_HBn = torch.zeros(*u_HBT.shape[:2], system.B.shape[-1], dtype=torch.float64)
    outputs = []
    for u_HB in u_HBT.double().unbind(-1):
        x_HBn = x_HBn @ system.A.mT + u_HB[..., None] * system.B[:, None]
        outputs.append((x_HBn * system.C[:, None]).sum(-1) + D.double()[:, None] * u_HB)
    return torch.stack(outputs, dim=-1).detach()


def streamed(step: Step, u_HBT: Tensor, frames: int) -> Tensor:
    state, outputs = step.initial_state(u_HBT.shape[1]), []
    for chunk in u_HBT.split(frames, dim=-1):
        y, state = step(chunk, state)
        outputs.append(y)
    return torch.cat(outputs, dim=-1)


def error(ours: Tensor, judge: Tensor) -> float:
    return float((ours - judge).abs().max() / judge.abs().max())


def check(kernel: S4Kernel | S4DKernel, form: type[Step], frames: int, rate: float) -> None:
    D = torch.randn(kernel.channels)
    u_HBT = torch.randn(kernel.channels, 2, 5 * frames)
    judge = naive(kernel.recurrence(rate), D, u_HBT)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        step = make_mixing_step(kernel, D, frames, rate, dtype)
        assert isinstance(step, form)
        assert error(streamed(step, u_HBT.to(dtype), frames), judge) < tolerance


def nearly_normal() -> S4Kernel:
    """S4 whose eigenvectors are far from parallel, as after training."""
    kernel = S4Kernel(6, 1000, d_state=16)
    nn.init.normal_(kernel.P, std=0.3)
    return kernel


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.7])
@pytest.mark.parametrize("frames", [1, 10, 48, 160])
def test_blocks_against_the_recurrence(frames: int, rate: float) -> None:
    check(S4DKernel(6, 1000, d_state=16), DiagonalStep, frames, rate)
    check(S4Kernel(6, 1000, d_state=64), DenseStep, frames, rate)
    check(nearly_normal(), DiagonalStep, frames, rate)


def test_the_modes_of_a_dense_recurrence_are_its_kernel() -> None:
    # Six poles in three pairs for one channel; two pairs and two real poles for the other.
    poles = torch.tensor([[0.9, 0.3, 0.8, -0.2, -0.5, 0.6], [0.9, 0.1, 0.7, 0.6, 0.5, -0.8]])
    A = torch.zeros(2, 6, 6, dtype=torch.float64)
    for h, pairs in enumerate((3, 2)):
        for n in range(0, 2 * pairs, 2):
            re, im = poles[h, n : n + 2].double() * 0.9
            A[h, n : n + 2, n : n + 2] = torch.stack([re, im, -im, re]).view(2, 2)
    A[1, 4, 4], A[1, 5, 5] = 0.5, -0.8
    basis = torch.randn(2, 6, 6, dtype=torch.float64)
    B, C = torch.randn(2, 6, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    system = Recurrence(torch.linalg.inv(basis) @ A @ basis, B, C)
    modes = diagonalize(system)
    assert modes is not None
    assert modes.a.shape == (2, 4)
    for lag in range(10):
        power = torch.linalg.matrix_power(system.A, lag)
        expected = (C[:, None] @ power @ B[..., None]).flatten()
        ours = (modes.c * modes.a**lag * modes.b).sum(-1).real
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_eigenvectors_that_are_nearly_parallel_are_not_used() -> None:
    assert diagonalize(S4Kernel(4, 16_000, d_state=64).recurrence()) is None
    twin = torch.tensor([[[0.5, 1.0], [0.0, 0.5]]], dtype=torch.float64)
    ones = torch.ones(1, 2, dtype=torch.float64)
    assert diagonalize(Recurrence(twin, ones, ones)) is None


def test_a_diagonal_kernel_keeps_its_poles() -> None:
    kernel = S4DKernel(3, 100, d_state=8)
    a_HN, b_HN, c_HN = complex_diagonal(kernel, 1.0)
    powers_HNL = b_HN[..., None] * a_HN[..., None] ** torch.arange(50)
    k_HL = (c_HN[:, None] @ powers_HNL).real[:, 0].float()
    torch.testing.assert_close(k_HL, kernel(50)[0], rtol=1e-4, atol=1e-5)

"""Vandermonde products: a sum of complex exponentials sampled at 0, 1, 2, ...

    K[l] = Re sum_n c_n exp(s_n + l z_n),    l = 0 .. length - 1

with s_n an optional logarithmic scale. The fast form splits l = q T + r, so that the sum over n
becomes one real matrix product of two small tables (README, "Vandermonde").

Shape suffixes: H channels, R rows of coefficients per channel, N poles, L length, Q and T the two
factors of the length.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from s4audio.errors import unknown_name
from s4audio.ops import keops
from s4audio.ops.backend import BACKENDS, Backend
from s4audio.ops.tiles import group_of

SMALLEST_EXPONENT = -70.0
"""Entries of the tables below exp of this, 4e-31, are left out."""


def vandermonde(
    c_HRN: Tensor,
    log_a_HN: Tensor,
    length: int,
    log_scale_HN: Tensor | None = None,
    backend: Backend = "gemm",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Real part of a sum of complex exponentials on the grid 0 .. length - 1.

    Args:
        c_HRN: coefficients, complex (channels, rows, poles). Callers that store one of each
            conjugate pair pass twice the coefficient.
        log_a_HN: logarithm of the poles, complex (channels, poles), best in complex128: an error
            in it is multiplied by the length.
        length: number of samples, at least 1.
        log_scale_HN: complex logarithm of a factor on each pole, (channels, poles), or None for 0.
            It lets a pole outside the unit circle be normalised before anything overflows.
        backend: ``gemm``, ``naive`` or ``keops``.
        dtype: precision of the matrix product of ``gemm``; the other two are in float64.

    Returns:
        (channels, rows, length); `dtype` for ``gemm``, float64 for the other two.

    Raises:
        ValueError: for a length below 1 or an unknown backend.

    Example:
        >>> c = torch.ones(1, 1, 1, dtype=torch.complex128)
        >>> log_a = torch.full((1, 1), 0.5, dtype=torch.complex128).log()
        >>> vandermonde(c, log_a, 4)
        tensor([[[1.0000, 0.5000, 0.2500, 0.1250]]])
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    c_HRN, log_a_HN = c_HRN.to(torch.complex128), log_a_HN.to(torch.complex128)
    scale_HN = torch.zeros_like(log_a_HN) if log_scale_HN is None else log_scale_HN
    if backend == "gemm":
        group = group_of(c_HRN.shape[0], length, c_HRN)
        groups = zip(*(torch.split(x, group) for x in (c_HRN, log_a_HN, scale_HN)), strict=True)
        return torch.cat([_Gemm.apply(*tables, length, dtype) for tables in groups])
    if backend == "naive":
        return _naive(c_HRN, log_a_HN, scale_HN, length)
    if backend == "keops":
        return keops.vandermonde(c_HRN, log_a_HN, scale_HN, length)
    raise ValueError(unknown_name("backend", backend, BACKENDS))


def _naive(c_HRN: Tensor, z_HN: Tensor, scale_HN: Tensor, length: int) -> Tensor:
    grid_L = torch.arange(length, dtype=torch.float64, device=z_HN.device)
    powers_HNL = (z_HN[..., None] * grid_L + scale_HN[..., None]).exp()
    product: Tensor = (c_HRN @ powers_HNL).real
    return product


class Tables(NamedTuple):
    """The two tables of the fast form, and the factors of its matrix product.

    Attributes:
        fine: powers 0 .. T - 1 of the poles, complex128 (channels, N, T).
        coarse: powers 0, T, 2 T, ..., complex128 (channels, Q, N).
        left: coefficients times coarse powers as real rows (channels, R Q, 2 N).
        right: fine powers as real columns (channels, 2 N, T).
    """

    fine: Tensor
    coarse: Tensor
    left: Tensor
    right: Tensor

    def product(self, length: int) -> Tensor:
        """The sum of exponentials, (channels, R, length)."""
        H, Q, _ = self.coarse.shape
        product = torch.bmm(self.left, self.right)
        return product.view(H, -1, Q * self.fine.shape[2])[..., :length]


def vandermonde_tables(
    c_HRN: Tensor, z_HN: Tensor, scale_HN: Tensor, length: int, dtype: torch.dtype
) -> Tables:
    """Tables of a Vandermonde product.

    Args:
        c_HRN: coefficients, complex128 (channels, rows, poles).
        z_HN: logarithm of the poles, complex128 (channels, poles).
        scale_HN: logarithm of a factor on each pole, complex128 (channels, poles).
        length: number of samples, at least 1.
        dtype: precision of the matrix product.

    Returns:
        the tables.
    """
    Q, T = _factors(length)
    fine_T, coarse_Q = _grids(Q, T, z_HN.device)
    # A growing pole is anchored at the end of the fine grid, so that neither table overflows.
    growth_HN = z_HN.real.clamp(min=0) * (T - 1)
    fine_HNT = exp_or_zero(z_HN[..., None] * fine_T - growth_HN[..., None])
    coarse_HQN = exp_or_zero(z_HN[:, None] * coarse_Q[:, None] + (scale_HN + growth_HN)[:, None])
    left_HRQN = c_HRN[:, :, None] * coarse_HQN[:, None]
    # Re(x y) = [Re x, Im x] . [Re y, -Im y]: the tables are exact, only the product is rounded.
    left_HPM = torch.view_as_real(left_HRQN).to(dtype).flatten(3).flatten(1, 2)
    right_HMT = torch.stack([fine_HNT.real, -fine_HNT.imag], dim=2).to(dtype).flatten(1, 2)
    return Tables(fine_HNT, coarse_HQN, left_HPM, right_HMT)


def vandermonde_gradient(
    tables: Tables, c_HRN: Tensor, gradient_HRL: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to coefficients, logarithms of the poles and of their factors.

    Args:
        tables: of the product.
        c_HRN: its coefficients, complex128 (channels, rows, poles).
        gradient_HRL: gradient with respect to the product (channels, rows, length).

    Returns:
        complex128, in the shapes of `vandermonde_tables`.
    """
    fine_HNT, coarse_HQN, left_HPM, right_HMT = tables
    (H, R, N), Q, T = c_HRN.shape, coarse_HQN.shape[1], fine_HNT.shape[2]
    fine_T, coarse_Q = _grids(Q, T, c_HRN.device)
    if missing := Q * T - gradient_HRL.shape[-1]:
        gradient_HRL = F.pad(gradient_HRL, (0, missing))
    gradient_HPT = gradient_HRL.reshape(H, R * Q, T)
    d_left = torch.bmm(gradient_HPT, right_HMT.mT).double()
    d_right = torch.bmm(left_HPM.mT, gradient_HPT).double().view(H, N, 2, T)
    d_left_HRQN = torch.view_as_complex(d_left.view(H, R, Q, N, 2))
    # Of each table, its entries times their gradients: the gradient of the logarithms. What the
    # anchor adds to one table it takes from the other.
    d_fine_HNT = torch.complex(d_right[:, :, 0], -d_right[:, :, 1]) * fine_HNT.conj()
    d_c_HRN = (d_left_HRQN * coarse_HQN.conj()[:, None]).sum(2)
    d_coarse_HQN = (d_left_HRQN * c_HRN.conj()[:, :, None]).sum(1) * coarse_HQN.conj()
    d_z_HN = d_fine_HNT @ fine_T.to(d_fine_HNT.dtype) + coarse_Q.to(d_fine_HNT.dtype) @ d_coarse_HQN
    return d_c_HRN, d_z_HN, d_coarse_HQN.sum(1)


class _Gemm(torch.autograd.Function):
    """The two tables and their product; the gradient is written out, with few temporaries."""

    @staticmethod
    def forward(
        ctx: Any, c_HRN: Tensor, z_HN: Tensor, scale_HN: Tensor, length: int, dtype: torch.dtype
    ) -> Tensor:
        tables = vandermonde_tables(c_HRN, z_HN, scale_HN, length, dtype)
        ctx.save_for_backward(c_HRN, *tables)
        return tables.product(length)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_HRL: Tensor) -> tuple[Tensor | None, ...]:
        c_HRN, *tables = ctx.saved_tensors
        # As precise as the kernel, also where the backward pass is called under autocast.
        with torch.autocast(gradient_HRL.device.type, enabled=False):
            return *vandermonde_gradient(Tables(*tables), c_HRN, gradient_HRL), None, None


def exp_or_zero(exponent: Tensor) -> Tensor:
    """exp, with 0 for what is too small to matter: denormal numbers slow a product tenfold."""
    # In real parts it takes a third of the time of a complex exp.
    size = exponent.real.exp() * (exponent.real > SMALLEST_EXPONENT)
    angle = exponent.imag.contiguous()
    return torch.complex(size * angle.cos(), size * angle.sin())


def _grids(Q: int, T: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """0 .. T - 1, and the Q multiples of T."""
    fine_T = torch.arange(T, dtype=torch.float64, device=device)
    return fine_T, T * torch.arange(Q, dtype=torch.float64, device=device)


def _factors(length: int) -> tuple[int, int]:
    """Q and T, both near the square root, of the smallest product that covers the length."""
    root = math.ceil(math.sqrt(length))
    T = min(range(root, 2 * root), key=lambda T: -(-length // T) * T)
    return -(-length // T), T

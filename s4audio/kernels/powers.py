"""A kernel K[l] = C A^l B of a dense transition from few powers of it, by doubling.

With T a power of two, l = T j + i and

    K[T j + i] = (C A^i) (A^(T j) B),

all rows C A^i come from one row with A, A^2, A^4, ..., A^(T / 2): each power doubles their number.
All columns A^(T j) B come from B with A^T, A^(2 T), ... in the same way, and one matrix product for
each channel gives the kernel. The cost is that of about 2 log2 L products of n x n matrices.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEGLIGIBLE = 1e-18
"""Beside 1; the square of it is still a normal number in float32."""


class Powers(NamedTuple):
    """Powers of a transition (channels, n, n).

    Attributes:
        whole: the one that was asked for, float64.
        squares: A, A^2, A^4, ..., rounded.
    """

    whole: Tensor
    squares: Sequence[Tensor]


def powers(A_Hnn: Tensor, exponent: int, reach: int, precision: torch.dtype) -> Powers:
    """A^exponent, and the squares from which the powers up to `reach` are made.

    Args:
        A_Hnn: float64 (channels, n, n); its powers do not grow.
        exponent: at least 1.
        reach: at least 1.
        precision: of the squares, and of all products in the gradient. The powers themselves are
            formed in float64, because they multiply the rounding of their factors.
    """
    whole_Hnn, *squares = _Powers.apply(A_Hnn, exponent, reach, precision)
    return Powers(whole_Hnn, squares)


def impulse_response(squares: Sequence[Tensor], B_Hn: Tensor, C_DHn: Tensor, length: int) -> Tensor:
    """K[l] = C A^l B.

    Args:
        squares: A, A^2, A^4, ... (channels, n, n), to the last one below `length` or further. All
            products have their precision. float32 is enough: each number is rounded once at each
            doubling.
        B_Hn: input map (channels, n).
        C_DHn: output maps (directions, channels, n).
        length: number of samples, at least 1.

    Returns:
        (directions, channels, length).
    """
    precision, doublings = squares[0].dtype, (length - 1).bit_length() // 2
    T = 2**doublings
    count = -(-length // T)
    rows_HDin = C_DHn.to(precision).transpose(0, 1)[:, :, None]
    for square_Hnn in squares[:doublings]:
        later_HDin = (rows_HDin.flatten(1, 2) @ square_Hnn).view_as(rows_HDin)
        rows_HDin = torch.cat([rows_HDin, later_HDin], dim=2)
    columns_Hnj = B_Hn.to(precision)[..., None]
    for square_Hnn in squares[doublings : doublings + (count - 1).bit_length()]:
        missing = count - columns_Hnj.shape[-1]
        columns_Hnj = torch.cat([columns_Hnj, square_Hnn @ columns_Hnj[..., :missing]], dim=-1)
    k_HjR = columns_Hnj.mT @ rows_HDin.flatten(1, 2).mT
    k_DHji = k_HjR.view(*k_HjR.shape[:2], len(C_DHn), T).permute(2, 0, 1, 3)
    return k_DHji.flatten(2)[..., :length]


class _Powers(torch.autograd.Function):
    """A^exponent, and A, A^2, A^4, ... rounded; only rounded powers are kept for the gradient."""

    @staticmethod
    def forward(
        ctx: Any, A_Hnn: Tensor, exponent: int, reach: int, precision: torch.dtype
    ) -> tuple[Tensor, ...]:
        squares = [A_Hnn]
        for _ in range(1, max(exponent, reach).bit_length()):
            squares.append(_product(squares[-1], squares[-1]))
        ctx.factors = [bit for bit in range(exponent.bit_length()) if exponent >> bit & 1]
        wholes = [squares[ctx.factors[0]]]
        for bit in ctx.factors[1:]:
            wholes.append(_product(wholes[-1], squares[bit]))
        rounded = [square.to(precision, copy=True) for square in squares]
        ctx.save_for_backward(*rounded, *(whole.to(precision) for whole in wholes[:-1]))
        return wholes[-1].clone(), *rounded[: reach.bit_length()]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_whole: Tensor, *d_rounded: Tensor) -> tuple[Tensor | None, ...]:
        wholes = list(ctx.saved_tensors)
        squares = [wholes.pop(0) for _ in range(len(wholes) - len(ctx.factors) + 1)]
        # As precise as the kernel, also where the backward pass is called under autocast.
        with torch.autocast(d_whole.device.type, enabled=False):
            d_A_Hnn = _gradient(squares, wholes, ctx.factors, d_whole, d_rounded)
        return d_A_Hnn.double(), None, None, None


def _gradient(
    squares: list[Tensor],
    wholes: list[Tensor],
    factors: list[int],
    d_whole: Tensor,
    d_rounded: Sequence[Tensor],
) -> Tensor:
    """Gradient with respect to the first square; `wholes` is used up."""
    missing = [torch.zeros_like(square) for square in squares[len(d_rounded) :]]
    gradients = [*d_rounded, *missing]
    d_whole = d_whole.to(squares[0].dtype)
    for bit in reversed(factors[1:]):
        gradients[bit] = torch.baddbmm(gradients[bit], wholes.pop().mT, d_whole)
        d_whole = d_whole @ squares[bit].mT
    gradients[factors[0]] = gradients[factors[0]] + d_whole
    for bit in reversed(range(len(squares) - 1)):
        root_T, d_square = squares[bit].mT, gradients[bit + 1]
        gradients[bit] = torch.baddbmm(gradients[bit], root_T, d_square)
        gradients[bit].baddbmm_(d_square, root_T)
    return gradients[0]


def _product(A_Hnn: Tensor, B_Hnn: Tensor) -> Tensor:
    """A B without negligible numbers: products of subnormal ones take a hundred times as long."""
    product_Hnn = A_Hnn @ B_Hnn
    return torch.hardshrink(product_Hnn, NEGLIGIBLE, out=product_Hnn)

"""A recurrence over whole chunks of time, for `s4audio.ops.chunked_convolution`."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.ops import Chunks
from s4audio.ops.vandermonde import exp_or_zero

_FEW = 4  # doublings in float64, to A^16
_NEGLIGIBLE = 1e-18  # beside 1; the square of it is still a normal number in float32


def diagonal_chunks(log_a_HN: Tensor, b_HN: Tensor, c_HN: Tensor, steps: int) -> Chunks:
    """Chunks of a diagonal system, K[l] = Re sum_n c_n b_n a_n^l.

    Args:
        log_a_HN: logarithms of the poles, complex128 (channels, poles).
        b_HN: input map, complex128 (channels, poles).
        c_HN: output map, complex128 (channels, poles).
        steps: T, of a chunk.

    Returns:
        float32 tables with a state of one pair for each pole.
    """
    powers_HNT = _powers(log_a_HN, steps + 1)
    b_HN, c_HN = b_HN.to(torch.complex64), c_HN.to(torch.complex64)
    leave_HNT = c_HN[..., None] * powers_HNT[..., 1:]
    enter_HNT = b_HN[..., None] * powers_HNT[..., :-1].flip(-1)
    taps_HT = ((b_HN * c_HN)[:, None] @ powers_HNT[..., :-1]).real[:, 0]
    return Chunks(
        taps_HT,
        torch.view_as_real(enter_HNT.transpose(1, 2)).flatten(2),
        torch.stack([leave_HNT.real, -leave_HNT.imag], dim=2).flatten(1, 2),
        powers_HNT[..., -1],
    )


def _powers(log_a_HN: Tensor, count: int) -> Tensor:
    """a^0, a^1, ..., complex64; a^(16 q + r) as a product needs few of the dear exponentials."""
    strides = 16 * torch.arange(-(-count // 16), dtype=torch.float64, device=log_a_HN.device)
    steps = torch.arange(16, dtype=torch.float64, device=log_a_HN.device)
    coarse_HNQ = exp_or_zero(log_a_HN[..., None] * strides).to(torch.complex64)
    fine_HNR = exp_or_zero(log_a_HN[..., None] * steps).to(torch.complex64)
    return (coarse_HNQ[..., None] * fine_HNR[..., None, :]).flatten(-2)[..., :count]


def repeated_squares(A_Hnn: Tensor, exponent: int, precise: int) -> list[Tensor]:
    """A, A^2, A^4, ..., as many as the powers up to `exponent` are made of.

    Args:
        A_Hnn: float64 (channels, n, n).
        exponent: at least 1.
        precise: powers beyond it are float32, which is enough for them: each is rounded once, while
            a rounded A would be raised to it with its error.
    """
    squares = [A_Hnn]
    for doubling in range(1, exponent.bit_length()):
        last = squares[-1] if 2**doubling <= precise else squares[-1].float()
        squares.append(_product(last, last))
    return squares


def power(squares: Sequence[Tensor], exponent: int) -> Tensor:
    """A^exponent, at least 1, float64, as precise as the last factor from `repeated_squares`."""
    factors = [square for bit, square in enumerate(squares) if exponent >> bit & 1]
    return reduce(_product, [factor.to(factors[-1].dtype) for factor in factors]).double()


def _product(A_Hnn: Tensor, B_Hnn: Tensor) -> Tensor:
    """A B without negligible numbers: products of subnormal ones take a hundred times as long."""
    product_Hnn = A_Hnn @ B_Hnn
    # Only the numbers: what is 0 by chance has a gradient all the same.
    numbers_Hnn = product_Hnn.detach()
    numbers_Hnn.copy_(F.hardshrink(numbers_Hnn, _NEGLIGIBLE))
    return product_Hnn


def dense_chunks(squares: Sequence[Tensor], B_Hn: Tensor, C_Hn: Tensor, steps: int) -> Chunks:
    """Chunks of any real system, K[l] = C A^l B.

    Args:
        squares: A, A^2, A^4, ..., float64 (channels, n, n) at least to A^steps.
        B_Hn: input map, float64 (channels, n).
        C_Hn: output map, float64 (channels, n).
        steps: T, of a chunk, a power of two, at least 16.

    Returns:
        float32 tables.
    """
    doublings = steps.bit_length() - 1
    few, more = squares[:_FEW], squares[_FEW:doublings]
    inputs_Hnt, outputs_Htn, rows_Hqn = B_Hn[..., None], C_Hn[:, None] @ squares[0], C_Hn[:, None]
    for power_Hnn in few:
        inputs_Hnt, outputs_Htn = _doubled(inputs_Hnt, outputs_Htn, power_Hnn)
    for power_Hnn in more:
        rows_Hqn = torch.cat([rows_Hqn, rows_Hqn @ power_Hnn], dim=1)
    taps_HT = (rows_Hqn @ inputs_Hnt).flip(-1).flatten(1)
    # From here on every number is rounded once more at each doubling, and float32 is enough.
    inputs_Hnt, outputs_Htn = inputs_Hnt.float(), outputs_Htn.float()
    for power_Hnn in more:
        inputs_Hnt, outputs_Htn = _doubled(inputs_Hnt, outputs_Htn, power_Hnn.float())
    return Chunks(taps_HT.float(), inputs_Hnt.mT, outputs_Htn.mT, squares[doublings].float())


def _doubled(inputs_Hnt: Tensor, outputs_Htn: Tensor, power_Hnn: Tensor) -> tuple[Tensor, Tensor]:
    """Twice as many columns A^(t - 1) B, ..., A B, B, and rows C A, ..., C A^t, with A^t."""
    return (
        torch.cat([power_Hnn @ inputs_Hnt, inputs_Hnt], dim=-1),
        torch.cat([outputs_Htn, outputs_Htn @ power_Hnn], dim=1),
    )

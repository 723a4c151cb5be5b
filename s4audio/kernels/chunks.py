"""A recurrence over whole chunks of time, for `s4audio.ops.chunked_convolution`."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from s4audio.ops import Chunks
from s4audio.ops.vandermonde import exp_or_zero


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


def repeated_squares(A_Hnn: Tensor, exponent: int) -> list[Tensor]:
    """A, A^2, A^4, ..., as many as the powers up to `exponent` are made of."""
    squares = [A_Hnn]
    for _ in range(exponent.bit_length() - 1):
        squares.append(squares[-1] @ squares[-1])
    return squares


def power(squares: Sequence[Tensor], exponent: int) -> Tensor:
    """A^exponent, at least 1, from `repeated_squares`."""
    factors = [square for bit, square in enumerate(squares) if exponent >> bit & 1]
    return reduce(torch.matmul, factors)


def dense_chunks(squares: Sequence[Tensor], B_Hn: Tensor, C_Hn: Tensor, steps: int) -> Chunks:
    """Chunks of any real system, K[l] = C A^l B.

    Args:
        squares: A, A^2, A^4, ..., at least to A^steps, float64 (channels, n, n).
        B_Hn: input map, float64 (channels, n).
        C_Hn: output map, float64 (channels, n).
        steps: T, of a chunk, a power of two.

    Returns:
        float32 tables.
    """
    inputs_Hnt, outputs_Htn = B_Hn[..., None], C_Hn[:, None] @ squares[0]
    doublings = steps.bit_length() - 1
    for power_Hnn in squares[:doublings]:
        inputs_Hnt = torch.cat([inputs_Hnt, power_Hnn @ inputs_Hnt], dim=-1)
        outputs_Htn = torch.cat([outputs_Htn, outputs_Htn @ power_Hnn], dim=1)
    taps_HT = (C_Hn[:, None] @ inputs_Hnt)[:, 0]
    return Chunks(
        taps_HT.float(),
        inputs_Hnt.flip(-1).mT.float(),
        outputs_Htn.mT.float(),
        squares[doublings].float(),
    )

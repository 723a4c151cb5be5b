"""A recurrence over whole chunks of time, for `s4audio.ops.chunked_convolution`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from s4audio.kernels.powers import impulse_response
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


def dense_chunks(squares: Sequence[Tensor], B_Hn: Tensor, C_Hn: Tensor, steps: int) -> Chunks:
    """Chunks of any real system, K[l] = C A^l B.

    Args:
        squares: A, A^2, A^4, ..., float32 (channels, n, n) at least to A^steps.
        B_Hn: input map (channels, n).
        C_Hn: output map (channels, n).
        steps: T, of a chunk, a power of two.

    Returns:
        float32 tables.
    """
    doublings = steps.bit_length() - 1
    inputs_Hnt, outputs_Htn = B_Hn.float()[..., None], C_Hn.float()[:, None] @ squares[0]
    for square_Hnn in squares[:doublings]:
        inputs_Hnt = torch.cat([square_Hnn @ inputs_Hnt, inputs_Hnt], dim=-1)
        outputs_Htn = torch.cat([outputs_Htn, outputs_Htn @ square_Hnn], dim=1)
    taps_HT = impulse_response(squares, B_Hn, C_Hn[None], steps)[0]
    return Chunks(taps_HT, inputs_Hnt.mT, outputs_Htn.mT, squares[doublings])

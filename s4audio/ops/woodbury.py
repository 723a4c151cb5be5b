"""A kernel whose spectrum is four Cauchy products, joined by Woodbury's identity.

    K_hat = R_BC - w R_BQ R_PC / (1 + w R_PQ),    w = (1 + z) / 2

at the roots of unity z, and one inverse FFT gives the kernel. In the fast form each R is the FFT
of a Vandermonde product, and a kernel is made from its poles a few channels at a time.

The rows R of the Cauchy products are the D of R_BC, R_BQ, the D of R_PC, R_PQ.

Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured State Spaces" (2022),
algorithm 1.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s4audio.ops.backend import Backend
from s4audio.ops.cauchy import cauchy, folded, roots_of_unity
from s4audio.ops.tiles import in_tiles, slices
from s4audio.ops.vandermonde import Tables, vandermonde_gradient, vandermonde_tables

TILE_BYTES = 8 * 2**20
"""Size of the Cauchy products of one tile."""

KEPT_SAMPLES = 2**22
"""Kernel samples up to which tables and spectra are kept for the backward pass. They take many
times the memory of the kernel; those of longer kernels are made again."""


def woodbury_kernel(
    v_HRN: Tensor, log_a_HN: Tensor, length: int, backend: Backend = "gemm"
) -> Tensor:
    """The kernel of length L, folded onto L steps.

    Args:
        v_HRN: numerators of the Cauchy products, complex (channels, 2 D + 2, pairs), as for
            [s4audio.ops.cauchy.cauchy][].
        log_a_HN: logarithm of the poles, complex (channels, pairs); real parts below 0.
        length: L, at least 1.
        backend: ``gemm``, ``naive`` or ``keops``.

    Returns:
        float64 (D, channels, L).

    Raises:
        ValueError: for a length below 1 or an unknown backend.
    """
    v_HRN, log_a_HN = v_HRN.to(torch.complex128), log_a_HN.to(torch.complex128)
    if backend == "gemm" and length >= 1:
        keep = torch.is_grad_enabled() and len(v_HRN) * length <= KEPT_SAMPLES
        k_DHL: Tensor = _Kernel.apply(folded(v_HRN, log_a_HN, length), log_a_HN, length, keep)
        return k_DHL
    R_HRK = cauchy(v_HRN, log_a_HN, length, backend)
    w_K = (1 + roots_of_unity(length, R_HRK.device)) / 2
    k_HDL: Tensor = torch.fft.irfft(_joined(R_HRK, w_K)[0], n=length)
    return k_HDL.transpose(0, 1)


class _Joined(NamedTuple):
    """What the gradient of the join needs: R_PC, q = w / (1 + w R_PQ) and q R_BQ."""

    R_PC: Tensor
    q: Tensor
    product: Tensor


_KEPT = len(Tables._fields) + len(_Joined._fields)


def _joined(R_HRK: Tensor, w_K: Tensor) -> tuple[Tensor, _Joined]:
    """R_BC - q R_BQ R_PC with q = w / (1 + w R_PQ)."""
    R_BC, R_BQ, R_PC, R_PQ = _split(R_HRK)
    q_H1K = w_K / (1 + w_K * R_PQ)
    qR_BQ = q_H1K * R_BQ
    return R_BC - qR_BQ * R_PC, _Joined(R_PC, q_H1K, qR_BQ)


def _joined_gradient(dK_HDK: Tensor, joined: _Joined) -> Tensor:
    """Gradient with respect to the Cauchy products; it needs no division."""
    R_PC, q_H1K, qR_BQ = joined
    H, D, K = dK_HDK.shape
    dR_HRK = dK_HDK.new_empty(H, 2 * D + 2, K)
    d_BC, d_BQ, d_PC, d_PQ = _split(dR_HRK)
    d_BC.copy_(dK_HDK)
    # Products of conjugates are conjugates of products: fewer of them are formed.
    conj_HDK = dK_HDK.conj_physical()
    common_H1K = (conj_HDK * R_PC).sum(1, keepdim=True).mul_(q_H1K)
    # Not with out=, which torch.compile takes for contiguous tensors only.
    d_BQ.copy_(common_H1K.neg().conj())
    d_PC.copy_(conj_HDK.mul_(qR_BQ).neg_().conj())
    d_PQ.copy_(common_H1K.mul_(qR_BQ).conj())
    return dR_HRK


def _split(R_HRK: Tensor) -> tuple[Tensor, ...]:
    D = R_HRK.shape[1] // 2 - 1
    return torch.split(R_HRK, [D, 1, D, 1], dim=1)


class _Kernel(torch.autograd.Function):
    """FFTs of Vandermonde products, joined, back to time, a few channels at a time.

    In float64: a folded sequence is much larger than what is left of it in S4's kernel and, above
    all, in the gradient of its step, where float32 would lose three digits.
    """

    @staticmethod
    def forward(ctx: Any, c_HRN: Tensor, log_a_HN: Tensor, length: int, keep: bool) -> Tensor:
        H, R, _ = c_HRN.shape
        k_DHL = c_HRN.real.new_empty(R // 2 - 1, H, length)
        w_K = (1 + roots_of_unity(length, c_HRN.device)) / 2
        kept: list[Tensor] = []
        for some in _tiles(c_HRN, length):
            tables = _tables(c_HRN[some], log_a_HN[some], length)
            K_HDK, joined = _spectrum(tables, length, w_K)
            k_DHL[:, some] = torch.fft.irfft(K_HDK, n=length).transpose(0, 1)
            if keep:
                kept += [*tables, *joined]
        ctx.save_for_backward(c_HRN, log_a_HN, *kept)
        ctx.length = length
        return k_DHL

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dk_DHL: Tensor) -> tuple[Tensor | None, ...]:
        (c_HRN, log_a_HN, *kept), length = ctx.saved_tensors, ctx.length
        d_c_HRN, d_log_a_HN = torch.empty_like(c_HRN), torch.empty_like(log_a_HN)
        w_K = (1 + roots_of_unity(length, c_HRN.device)) / 2
        for tile, some in enumerate(_tiles(c_HRN, length)):
            if kept:
                first, middle = _KEPT * tile, _KEPT * tile + len(Tables._fields)
                tables = Tables(*kept[first:middle])
                joined = _Joined(*kept[middle : first + _KEPT])
            else:
                tables = _tables(c_HRN[some], log_a_HN[some], length)
                _, joined = _spectrum(tables, length, w_K)
            # Adjoint of irfft, product, rfft: the weights of the bins in the adjoints of the two
            # transforms cancel.
            dK_HDK = torch.fft.rfft(dk_DHL[:, some].transpose(0, 1))
            d_sequence_HRL = torch.fft.irfft(_joined_gradient(dK_HDK, joined), n=length)
            d_c_HRN[some], d_log_a_HN[some], _ = vandermonde_gradient(
                tables, c_HRN[some], d_sequence_HRL
            )
        return d_c_HRN, d_log_a_HN, None, None


def _tables(c_HRN: Tensor, log_a_HN: Tensor, length: int) -> Tables:
    return vandermonde_tables(c_HRN, log_a_HN, torch.zeros_like(log_a_HN), length, torch.float64)


def _spectrum(tables: Tables, length: int, w_K: Tensor) -> tuple[Tensor, _Joined]:
    return _joined(torch.fft.rfft(tables.product(length)), w_K)


def _tiles(c_HRN: Tensor, length: int) -> Iterator[slice]:
    """Slices of the channels whose Cauchy products fit in a processor's cache, all on a GPU."""
    channels, rows, _ = c_HRN.shape
    fitting = max(1, TILE_BYTES // (rows * (length // 2 + 1) * c_HRN.element_size()))
    return slices(channels, fitting if in_tiles(c_HRN) else channels)

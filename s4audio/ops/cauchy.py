"""Cauchy products at the roots of unity: the spectrum of a folded sum of exponentials.

    R_k = sum_n [ v_n / (1 - w_k a_n) + conj(v_n) / (1 - w_k conj(a_n)) ]

for w_k = exp(-2 pi i k / L) and k = 0 .. L // 2. With g(w) = (2 / dt) (1 - w) / (1 + w), the
bilinear map, this is the product that S4 needs, (2 / (1 + w)) sum_n u_n / (g(w) - lambda_n), with

    v_n = u_n dt / (1 - lambda_n dt / 2),    a_n = (1 + lambda_n dt / 2) / (1 - lambda_n dt / 2),

but finite at w = -1 too. The fast form uses 1 / (1 - w_k a) = DFT of a^l / (1 - a^L) over
l = 0 .. L - 1: every Cauchy product is the FFT of a Vandermonde product (README, "Cauchy").

Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured State Spaces" (2022),
equation 7 and lemma C.3.
"""

import math

import torch
from torch import Tensor

from s4audio.errors import unknown_name
from s4audio.ops import keops
from s4audio.ops.backend import BACKENDS, Backend
from s4audio.ops.fourier import rfft
from s4audio.ops.vandermonde import vandermonde


def cauchy(
    v_HRN: Tensor,
    log_a_HN: Tensor,
    length: int,
    backend: Backend = "gemm",
) -> Tensor:
    """Cauchy product of conjugate pairs of poles at the roots of unity.

    Args:
        v_HRN: numerators, complex (channels, rows, pairs), one of each conjugate pair.
        log_a_HN: logarithm of the poles, complex (channels, pairs); real parts below 0.
        length: number L of roots of unity, at least 1.
        backend: ``gemm``, ``naive`` or ``keops``.

    Returns:
        complex128 (channels, rows, L // 2 + 1).

    Raises:
        ValueError: for a length below 1 or an unknown backend.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    v_HRN, log_a_HN = v_HRN.to(torch.complex128), log_a_HN.to(torch.complex128)
    if backend == "gemm":
        c_HRN = folded(v_HRN, log_a_HN, length)
        return rfft(vandermonde(c_HRN, log_a_HN, length, dtype=torch.float64))
    w_K, a_HN = roots_of_unity(length, v_HRN.device), log_a_HN.exp()
    if backend == "naive":
        return _naive(v_HRN, a_HN, w_K) + _naive(v_HRN.conj(), a_HN.conj(), w_K)
    if backend == "keops":
        return keops.cauchy(v_HRN, a_HN, w_K) + keops.cauchy(v_HRN.conj(), a_HN.conj(), w_K)
    raise ValueError(unknown_name("backend", backend, BACKENDS))


def folded(v_HRN: Tensor, log_a_HN: Tensor, length: int) -> Tensor:
    """Coefficients of the Vandermonde product whose FFT is the Cauchy product.

    Args:
        v_HRN: numerators, complex128 (channels, rows, pairs).
        log_a_HN: logarithm of the poles, complex128 (channels, pairs).
        length: number L of roots of unity.

    Returns:
        complex128 (channels, rows, pairs).
    """
    return -2 * v_HRN / torch.expm1(length * log_a_HN)[:, None]


def roots_of_unity(length: int, device: torch.device) -> Tensor:
    """The first half of the L-th roots of unity, exp(-2 pi i k / L) for k = 0 .. L // 2.

    Args:
        length: L, at least 1.
        device: where the result lives.

    Returns:
        complex128 (L // 2 + 1,).
    """
    angle = torch.arange(length // 2 + 1, dtype=torch.float64, device=device) / length
    return torch.polar(torch.ones_like(angle), -2 * math.pi * angle)


def _naive(v_HRN: Tensor, a_HN: Tensor, w_K: Tensor) -> Tensor:
    product: Tensor = v_HRN @ (1 / (1 - a_HN[..., None] * w_K))
    return product

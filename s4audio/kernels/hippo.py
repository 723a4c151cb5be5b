"""HiPPO matrices and their normal plus low-rank form, in float64.

A HiPPO matrix A is not diagonalised stably, but A + P P^T is normal (skew-symmetric plus a multiple
of the identity), so that A = V (Lambda - (V* P)(V* P)*) V* with unitary V: this is the form that S4
trains and that S4D and DSS start from.

Source: Gu et al., "HiPPO" (2020); Gu, Goel, Re (2022), equation 2 and theorem 1;
Gu, Johnson, Timalsina, Rudra, Re, "How to Train Your HiPPO" (2022) for the Fourier matrix.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Measure = Literal["legs", "fout"]


@dataclass(frozen=True)
class NPLR:
    """One of each conjugate pair of a normal plus low-rank system.

    Attributes:
        Lambda: eigenvalues (N,), complex128, imaginary parts not below 0.
        P: low-rank factor (N,), complex128.
        B: input map (N,), complex128.
    """

    Lambda: Tensor
    P: Tensor
    B: Tensor


def legs(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """HiPPO-LegS: scaled Legendre polynomials, the whole past uniformly.

    Args:
        n: state size.

    Returns:
        A (n, n), B (n,), P (n,), float64, with A + P P^T = -I/2 + skew.

    Source: Gu, Goel, Re (2022), equation 2; P from appendix B.1.
    """
    i = torch.arange(n, dtype=torch.float64)
    root = (2 * i + 1).sqrt()
    A = -(root[:, None] * root).tril(-1) - torch.diag(i + 1)
    return A, root, (i + 0.5).sqrt()


def fout(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """HiPPO-FouT: a truncated Fourier basis, the last window only.

    Args:
        n: state size.

    Returns:
        A (n, n), B (n,), P (n,), float64, with A + P P^T skew.

    Source: Gu et al., "How to Train Your HiPPO" (2022), section 4.1.
    """
    frequencies = torch.arange(n // 2, dtype=torch.float64)
    off_diagonal = torch.stack([torch.zeros_like(frequencies), frequencies], -1).flatten()[1:]
    skew = math.pi * (torch.diag(off_diagonal, -1) - torch.diag(off_diagonal, 1))
    B = torch.zeros(n, dtype=torch.float64)
    B[0::2] = math.sqrt(2)
    B[0] = 1
    return skew - B[:, None] * B, B, B.clone()


def nplr(measure: Measure, d_state: int) -> NPLR:
    """Normal plus low-rank form of a HiPPO matrix.

    Args:
        measure: ``legs`` or ``fout``.
        d_state: real state size, even.

    Returns:
        the half of the system with imaginary parts of at least 0: d_state / 2 pairs.

    Source: Gu, Goel, Re (2022), theorem 1.
    """
    A, B, P = {"legs": legs, "fout": fout}[measure](d_state)
    normal = A + P[:, None] * P
    real_part = normal.diagonal().mean()
    # normal - real_part I is skew, so -i times it is Hermitian: a stable eigenproblem.
    skew = normal - real_part * torch.eye(d_state, dtype=torch.float64)
    imag, V = torch.linalg.eigh(skew.to(torch.complex128) * -1j)
    half = slice(d_state // 2, None)  # eigenvalues come sorted and in +- pairs
    V = V[:, half].clone()
    if measure == "fout":
        # The constant and its unused twin have eigenvalue 0: any vectors of their plane would do
        # for the solver, but a conjugate pair must span it.
        V[:, 0] = 0
        V[0, 0], V[1, 0] = math.sqrt(0.5), 1j * math.sqrt(0.5)
    Lambda = torch.complex(real_part.expand(d_state // 2), imag[half].clamp(min=0))
    return NPLR(Lambda, V.mH @ P.to(torch.complex128), V.mH @ B.to(torch.complex128))


def s4d_lin(pairs: int) -> Tensor:
    """S4D-Lin: A_n = -1/2 + i pi n, complex128 (pairs,).

    Source: Gu, Gupta, Goel, Re, "On the Parameterization and Initialization of Diagonal State Space
    Models" (2022), equation 9.
    """
    n = torch.arange(pairs, dtype=torch.float64)
    return torch.complex(torch.full_like(n, -0.5), math.pi * n)


def s4d_inv(pairs: int) -> Tensor:
    """S4D-Inv: A_n = -1/2 + i (N / pi) (N / (2 n + 1) - 1), complex128 (pairs,), N = 2 pairs.

    Source: Gu, Gupta, Goel, Re (2022), equation 8.
    """
    n = torch.arange(pairs, dtype=torch.float64)
    size = 2 * pairs
    return torch.complex(torch.full_like(n, -0.5), size / math.pi * (size / (2 * n + 1) - 1))


def s4d_legs(pairs: int) -> Tensor:
    """S4D-LegS: the eigenvalues of the normal part of HiPPO-LegS, complex128 (pairs,).

    Source: Gu, Gupta, Goel, Re (2022), section 4.
    """
    return nplr("legs", 2 * pairs).Lambda

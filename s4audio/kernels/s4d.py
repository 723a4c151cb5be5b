"""S4D: a diagonal state space.

    K[l] = 2 Re sum_n C_n Bbar_n Abar_n^l

    zoh:       Abar = exp(dt A),                      Bbar = (Abar - 1) / A B
    bilinear:  Abar = (1 + dt A / 2) / (1 - dt A / 2), Bbar = dt / (1 - dt A / 2) B

The kernel is one Vandermonde product; a rate only multiplies dt.

Source: Gu, Gupta, Goel, Re, "On the Parameterization and Initialization of Diagonal State Space
Models" (2022), equations 5 to 9.
"""

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from s4audio.kernels.base import (
    StateSpaceKernel,
    as_complex,
    below_bandlimit,
    bilinear_log_pole,
    checked_pairs,
    checked_sharing,
    initial_log_step,
    per_channel,
    real_column,
    real_diagonal,
    real_row,
)
from s4audio.kernels.chunks import diagonal_chunks
from s4audio.kernels.hippo import s4d_inv, s4d_legs, s4d_lin
from s4audio.ops import Backend, Chunks, vandermonde

S4DInit = Literal["legs", "lin", "inv"]
Discretization = Literal["zoh", "bilinear"]

INITS = {"legs": s4d_legs, "lin": s4d_lin, "inv": s4d_inv}


class S4DKernel(StateSpaceKernel):
    """Diagonal state space kernel.

    Args:
        channels: number H of channels.
        length: training length in steps.
        d_state: real state size N, even; N / 2 conjugate pairs are stored.
        bidirectional: one output map for each direction of time.
        init: eigenvalues at the start: ``legs``, ``lin`` or ``inv``.
        discretization: ``zoh`` or ``bilinear``.
        n_ssm: number of independent (A, B), shared by channels / n_ssm channels each.
        dt_min: smallest initial step.
        dt_max: largest initial step.
        bandlimit: cut eigenvalues whose frequency, in cycles a step, is at least bandlimit / 2;
            None keeps all. Source: Nguyen et al., "S4ND" (2022), section 3.3.
        backend: form of the Vandermonde product.

    Raises:
        ValueError: for an odd state, an unknown init or discretization, or n_ssm that does not
            divide the channels.
    """

    step_parameters: ClassVar[tuple[str, ...]] = ("log_dt",)
    slow_parameters: ClassVar[tuple[str, ...]] = ("log_A_real", "A_imag", "B")

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        d_state: int = 64,
        bidirectional: bool = False,
        init: S4DInit = "legs",
        discretization: Discretization = "zoh",
        n_ssm: int = 1,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        bandlimit: float | None = None,
        backend: Backend = "gemm",
    ) -> None:
        super().__init__(channels, length, bidirectional)
        pairs, n_ssm = checked_pairs(d_state), checked_sharing(n_ssm, channels)
        if init not in INITS:
            raise ValueError(f"unknown S4D init {init!r}: choose one of {', '.join(INITS)}")
        if discretization not in ("zoh", "bilinear"):
            raise ValueError(f"unknown discretization {discretization!r}: choose zoh or bilinear")
        self.discretization = discretization
        self.bandlimit = bandlimit
        self.backend: Backend = backend
        A = INITS[init](pairs).to(torch.complex64)
        self.log_dt = nn.Parameter(initial_log_step(channels, dt_min, dt_max))
        self.log_A_real = nn.Parameter((-A.real).log().repeat(n_ssm, 1))
        self.A_imag = nn.Parameter(A.imag.repeat(n_ssm, 1))
        self.B = nn.Parameter(torch.tensor([1.0, 0.0]).repeat(n_ssm, pairs, 1))
        self.C = nn.Parameter(torch.randn(self.directions, channels, pairs, 2) * math.sqrt(0.5))

    def sample(self, length: int, rate: float) -> Tensor:
        """See [s4audio.kernels.Kernel][]."""
        log_a_HN, b_HN = self._discretized(rate)
        c_DHN = 2 * self._output_map() * b_HN
        k_HDL = vandermonde(c_DHN.transpose(0, 1), log_a_HN, length, backend=self.backend)
        return k_HDL.transpose(0, 1)

    def transition(self, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """See [s4audio.kernels.StateSpaceKernel][]."""
        log_a_HN, b_HN = self._discretized(rate)
        c_DHN = 2 * self._output_map()
        return real_diagonal(log_a_HN.exp()), real_column(b_HN), real_row(c_DHN)

    def chunks(self, steps: int, length: int) -> Chunks:
        """See [s4audio.kernels.StateSpaceKernel][]."""
        log_a_HN, b_HN = self._discretized(1.0)
        return diagonal_chunks(log_a_HN, b_HN, 2 * self._output_map()[0], steps)

    def _eigenvalues(self) -> Tensor:
        A_SN = torch.complex(-self.log_A_real.double().exp(), self.A_imag.double())
        return per_channel(A_SN, self.channels)

    def _output_map(self) -> Tensor:
        keep_HN = below_bandlimit(self._eigenvalues(), self.log_dt, self.bandlimit)
        return as_complex(self.C) * keep_HN

    def _discretized(self, rate: float) -> tuple[Tensor, Tensor]:
        A_HN, B_HN = self._eigenvalues(), per_channel(as_complex(self.B), self.channels)
        dt_H1 = self.log_dt.double().exp()[:, None] * rate
        if self.discretization == "zoh":
            return dt_H1 * A_HN, B_HN * torch.expm1(dt_H1 * A_HN) / A_HN
        return bilinear_log_pole(dt_H1 * A_HN), B_HN * dt_H1 / (1 - dt_H1 * A_HN / 2)

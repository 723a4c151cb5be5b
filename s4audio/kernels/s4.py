"""S4: a state space with a normal plus low-rank transition, A = Lambda - P P*.

The generating function of the kernel at the roots of unity needs four Cauchy products, of B and P
with C and Q = P*. With the bilinear discretisation and w = (1 + z) / 2 they join to

    K_hat = R_BC - w R_BQ R_PC / (1 + w R_PQ)

(Woodbury), and one inverse FFT gives the kernel. At the L-th roots of unity this is the endless
kernel folded onto L steps; it is the kernel itself with Ct = C (I - Abar^L) in place of C. Ct for
the training length is what is stored and trained, so that this form never needs Abar^L in training;
at any other length or rate C is recovered with one solve for each channel and folded anew.

The cost of that grows with L. Of a kernel that is long for its state C is always recovered, and
K[l] = C Abar^l B is made by doubling ([s4audio.kernels.powers][]), whose cost hardly grows.

Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured State Spaces" (2022),
algorithm 1 and appendix C.3.
"""

import math
from typing import ClassVar

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
from s4audio.kernels.chunks import dense_chunks
from s4audio.kernels.hippo import Measure, nplr
from s4audio.kernels.powers import impulse_response, powers
from s4audio.ops import Backend, Chunks, woodbury_kernel

LONG = 2
"""From so many times the square of the state on, a kernel of that length is made by doubling."""

SMALLEST_DECAY = 1e-4
"""FouT eigenvalues have no real part; the logarithm that stores it needs one."""


class S4Kernel(StateSpaceKernel):
    """Normal plus low-rank state space kernel, bilinear discretisation.

    Args:
        channels: number H of channels.
        length: training length in steps.
        d_state: real state size N, even; N / 2 conjugate pairs are stored.
        bidirectional: one output map for each direction of time.
        init: HiPPO measure, ``legs`` or ``fout``.
        n_ssm: number of independent (A, B, P), shared by channels / n_ssm channels each.
        dt_min: smallest initial step.
        dt_max: largest initial step.
        bandlimit: cut eigenvalues whose frequency, in cycles a step, is at least bandlimit / 2;
            None keeps all.
        backend: form of the Cauchy products; ``gemm`` makes long kernels by doubling instead.

    Raises:
        ValueError: for an odd state, an unknown init, or n_ssm that does not divide the channels.
    """

    step_parameters: ClassVar[tuple[str, ...]] = ("log_dt",)
    slow_parameters: ClassVar[tuple[str, ...]] = ("log_A_real", "A_imag", "B", "P")

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        d_state: int = 64,
        bidirectional: bool = False,
        init: Measure = "legs",
        n_ssm: int = 1,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        bandlimit: float | None = None,
        backend: Backend = "gemm",
    ) -> None:
        super().__init__(channels, length, bidirectional)
        pairs, n_ssm = checked_pairs(d_state), checked_sharing(n_ssm, channels)
        if init not in ("legs", "fout"):
            raise ValueError(f"unknown S4 init {init!r}: choose legs or fout")
        self.bandlimit = bandlimit
        self.backend: Backend = backend
        hippo = nplr(init, d_state)
        decay = (-hippo.Lambda.real).clamp(min=SMALLEST_DECAY)
        self.log_dt = nn.Parameter(initial_log_step(channels, dt_min, dt_max))
        self.log_A_real = nn.Parameter(decay.log().float().repeat(n_ssm, 1))
        self.A_imag = nn.Parameter(hippo.Lambda.imag.float().repeat(n_ssm, 1))
        self.B = nn.Parameter(_real_pairs(hippo.B).repeat(n_ssm, 1, 1))
        self.P = nn.Parameter(_real_pairs(hippo.P).repeat(n_ssm, 1, 1))
        C = torch.randn(self.directions, channels, pairs, 2) * math.sqrt(0.5)
        self.C = nn.Parameter(C)
        """Ct = C (I - Abar^length): the output map for the training length (module docstring)."""
        self.fold_output_map()

    @torch.no_grad()
    def fold_output_map(self) -> None:
        """Turn the C of the state space, where `C` holds that, into the Ct that it should hold."""
        re, im = self._folded(real_row(as_complex(self.C)), 1.0, self.length).chunk(2, dim=-1)
        self.C.copy_(torch.stack([re, -im], dim=-1))

    def sample(self, length: int, rate: float) -> Tensor:
        """See [s4audio.kernels.Kernel][]."""
        longest, state = max(length, self.length), 2 * self.C.shape[2]
        if self.backend == "gemm" and longest >= LONG * state**2:
            return self._from_powers(length, rate)
        if rate == 1 and length <= self.length:
            return self._from_generating_function(self._stored(), 1.0, self.length)[..., :length]
        Ct_DHn = self._folded(self._output_map(), rate, length)
        return self._from_generating_function(Ct_DHn, rate, length)

    def transition(self, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """See [s4audio.kernels.StateSpaceKernel][]."""
        A_Hnn, B_Hn = self._discretized(rate)
        return A_Hnn, B_Hn, 2 * self._output_map()

    def chunks(self, steps: int, length: int) -> Chunks:
        """See [s4audio.kernels.StateSpaceKernel][]."""
        A_Hnn, B_Hn = self._discretized(1.0)
        whole_Hnn, squares = powers(A_Hnn, self.length, steps, torch.float32)
        C_DHn = 2 * _unfolded(self._stored(), whole_Hnn)
        return dense_chunks(squares, B_Hn, C_DHn[0], steps)

    def _eigenvalues(self) -> Tensor:
        """Lambda of each independent state space, complex128 (S, N)."""
        return torch.complex(-self.log_A_real.double().exp(), self.A_imag.double())

    def _stored(self) -> Tensor:
        """The stored output map Ct as real rows (D, H, n)."""
        Lambda_HN = per_channel(self._eigenvalues(), self.channels)
        keep_HN = below_bandlimit(Lambda_HN, self.log_dt, self.bandlimit)
        return real_row(as_complex(self.C) * keep_HN)

    def _from_powers(self, length: int, rate: float) -> Tensor:
        A_Hnn, B_Hn = self._discretized(rate)
        exponent = self.length if rate == 1 else 1
        precision = self.C.dtype if self.training else torch.float64
        whole_Hnn, squares = powers(A_Hnn, exponent, length, precision)
        C_DHn = _unfolded(self._stored(), whole_Hnn) if rate == 1 else self._output_map()
        return impulse_response(squares, B_Hn, 2 * C_DHn, length)

    def _from_generating_function(self, Ct_DHn: Tensor, rate: float, length: int) -> Tensor:
        Lambda_HN = per_channel(self._eigenvalues(), self.channels)
        dt_H1 = self.log_dt.double().exp()[:, None] * rate
        B_HN = per_channel(as_complex(self.B), self.channels)
        P_HN = per_channel(as_complex(self.P), self.channels)
        re_DHN, im_DHN = Ct_DHn.chunk(2, dim=-1)
        outputs_HON = torch.cat([torch.complex(re_DHN, -im_DHN), P_HN.conj()[None]]).transpose(0, 1)
        inputs_HIN = (
            torch.stack([B_HN, P_HN], dim=1) * (dt_H1 / (1 - Lambda_HN * dt_H1 / 2))[:, None]
        )
        v_HION = inputs_HIN[:, :, None] * outputs_HON[:, None]
        log_a_HN = bilinear_log_pole(Lambda_HN * dt_H1)
        return woodbury_kernel(v_HION.flatten(1, 2), log_a_HN, length, self.backend)

    def _discretized(self, rate: float) -> tuple[Tensor, Tensor]:
        """Real bilinear (A, B) on [Re x, Im x]: (H, n, n) and (H, n), float64.

        A = 2 R - 1 and B = dt R B with the resolvent R = 1 / (1 - dt A / 2), by Sherman and
        Morrison: on one of each conjugate pair, P* x is 2 Re(P* x), a real map of rank one.
        """
        Lambda_HN, P_HN, B_HN = (
            per_channel(x_SN, self.channels)
            for x_SN in (self._eigenvalues(), as_complex(self.P), as_complex(self.B))
        )
        half_H1 = self.log_dt.double().exp()[:, None] * rate / 2
        diagonal_HN = 1 / (1 - half_H1 * Lambda_HN)
        column_Hn = real_column(diagonal_HN * P_HN)
        row_HN = 2 * diagonal_HN * P_HN.conj()
        weight_H1 = half_H1 / (1 + half_H1 * (row_HN * P_HN).real.sum(-1, keepdim=True))
        low_rank_Hnn = (weight_H1 * column_Hn)[..., None] * real_row(row_HN)[:, None]
        resolvent_Hnn = real_diagonal(diagonal_HN) - low_rank_Hnn
        identity = torch.eye(column_Hn.shape[-1], dtype=torch.float64, device=column_Hn.device)
        B_Hn1 = real_column(B_HN)[..., None]
        return 2 * resolvent_Hnn - identity, 2 * half_H1 * (resolvent_Hnn @ B_Hn1)[..., 0]

    def _power(self, rate: float, length: int) -> Tensor:
        """Abar^length, (H, n, n)."""
        power_Hnn: Tensor = torch.linalg.matrix_power(self._discretized(rate)[0], length)
        return power_Hnn

    def _folded(self, C_DHn: Tensor, rate: float, length: int) -> Tensor:
        """C (I - Abar^length) as real rows."""
        return C_DHn - (C_DHn[:, :, None] @ self._power(rate, length))[:, :, 0]

    def _output_map(self) -> Tensor:
        """C recovered from the stored Ct, as real rows (D, H, n)."""
        return _unfolded(self._stored(), self._power(1.0, self.length))


def _unfolded(Ct_DHn: Tensor, power_Hnn: Tensor) -> Tensor:
    """C from Ct = C (I - Abar^L) with Abar^L, both as real rows."""
    identity = torch.eye(power_Hnn.shape[-1], dtype=torch.float64, device=power_Hnn.device)
    C_HnD: Tensor = torch.linalg.solve((identity - power_Hnn).mT, Ct_DHn.permute(1, 2, 0))
    return C_HnD.permute(2, 0, 1)


def _real_pairs(x: Tensor) -> Tensor:
    return torch.view_as_real(x.to(torch.complex64).resolve_conj())

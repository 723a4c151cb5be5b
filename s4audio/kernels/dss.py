"""DSS: a diagonal state space without B, in the six published versions.

    softmax        K[l] = Re sum_n W_n (exp(z_n) - 1) / (Lambda_n (exp(L z_n) - 1)) exp(l z_n)
    exp            K[l] = Re sum_n W_n (exp(z_n) - 1) / Lambda_n exp(l z_n),  Re Lambda = -exp(a)
    exp-re-im      as exp, and Im Lambda = exp(b) too
    clip           as exp, Re Lambda = min(a, 1e-4)
    *-no-scale     K[l] = Re sum_n W_n exp(l z_n), times the rate at another rate

with z_n = dt_re Re Lambda_n + i dt_im Im Lambda_n: each channel has its own step for the decay and
for the frequency. All N poles are stored, not one of each conjugate pair. Softmax divides by a sum
over the requested length, so its kernel depends on that length.

Source: Gupta, Gu, Berant, "Diagonal State Spaces are as Effective as Structured State Spaces"
(2022), proposition 1 and section 3.2.
"""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from s4audio.kernels.base import (
    StateSpaceKernel,
    as_complex,
    checked_sharing,
    initial_log_step,
    per_channel,
    real_column,
    real_diagonal,
    real_row,
)
from s4audio.kernels.chunks import diagonal_chunks
from s4audio.kernels.hippo import s4d_legs
from s4audio.ops import Backend, Chunks, vandermonde

Version = Literal["softmax", "exp", "exp-re-im", "exp-no-scale", "clip", "clip-no-scale"]
VERSIONS: tuple[str, ...] = get_args(Version)

EPSILON = 1e-7
"""Keeps the reciprocal of a vanishing normaliser finite."""

LARGEST_REAL = 1e-4
"""Largest real part of an eigenvalue in the clip versions."""


class DSSKernel(StateSpaceKernel):
    """Diagonal state space kernel of DSS.

    Args:
        channels: number H of channels.
        length: training length in steps.
        d_state: number N of complex poles, at least 1.
        bidirectional: one output map for each direction of time.
        version: ``softmax``, ``exp``, ``exp-re-im``, ``exp-no-scale``, ``clip`` or
            ``clip-no-scale``.
        n_ssm: number of independent Lambda, shared by channels / n_ssm channels each.
        dt_min: smallest initial step.
        dt_max: largest initial step.
        backend: form of the Vandermonde product.

    Raises:
        ValueError: for an unknown version, no state, or n_ssm that does not divide the channels.
    """

    step_parameters: ClassVar[tuple[str, ...]] = ("log_dt",)
    slow_parameters: ClassVar[tuple[str, ...]] = ("Lambda_real", "Lambda_imag", "W")

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        d_state: int = 64,
        bidirectional: bool = False,
        version: Version = "softmax",
        n_ssm: int = 1,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        backend: Backend = "gemm",
    ) -> None:
        super().__init__(channels, length, bidirectional)
        if version not in VERSIONS:
            raise ValueError(
                f"unknown DSS version {version!r}: choose one of {', '.join(VERSIONS)}"
            )
        if d_state < 1:
            raise ValueError(f"d_state must be at least 1, got {d_state}")
        n_ssm = checked_sharing(n_ssm, channels)
        self.version: Version = version
        self.backend: Backend = backend
        Lambda = s4d_legs(d_state)
        real, imag = Lambda.real, Lambda.imag
        if version.startswith("exp"):
            real = (-real).log()
        if version == "exp-re-im":
            imag = imag.log()
        log_dt = initial_log_step(channels, dt_min, dt_max)
        self.log_dt = nn.Parameter(torch.stack([log_dt, log_dt], dim=-1))
        """Logarithms of the steps of the decay and of the frequency, (channels, 2)."""
        self.Lambda_real = nn.Parameter(real.float().repeat(n_ssm, 1))
        """Re Lambda for softmax and clip, log(-Re Lambda) for the exp versions."""
        self.Lambda_imag = nn.Parameter(imag.float().repeat(n_ssm, 1))
        """Im Lambda, or its logarithm for exp-re-im."""
        self.W = nn.Parameter(torch.randn(self.directions, channels, d_state, 2))

    def sample(self, length: int, rate: float) -> Tensor:
        """See [s4audio.kernels.Kernel][]."""
        Lambda_HN, z_HN = self._poles(rate)
        scale_HN = self._scale(Lambda_HN, z_HN, length, rate)
        # A growing pole is normalised by its last value, which would overflow if formed.
        growing = z_HN.real > 0
        shift_HN = torch.where(growing, -(length - 1) * z_HN, 0) if self._is_softmax else None
        c_DHN = as_complex(self.W) * scale_HN
        k_HDL = vandermonde(c_DHN.transpose(0, 1), z_HN, length, shift_HN, self.backend)
        return k_HDL.transpose(0, 1)

    def transition(self, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """See [s4audio.kernels.StateSpaceKernel][].

        Raises:
            ValueError: for a pole outside the unit circle, whose recurrence grows; the softmax and
                clip versions allow one.
        """
        Lambda_HN, z_HN = self._poles(rate)
        if bool((z_HN.real > 0).any()):
            raise ValueError(
                f"{int((z_HN.real > 0).sum())} DSS poles lie outside the unit circle, so the "
                "recurrence grows without bound: train with version='exp'"
            )
        # The softmax normaliser is a constant: the one of the training length.
        training_steps = max(1, round(self.length / rate))
        c_DHN = as_complex(self.W) * self._scale(Lambda_HN, z_HN, training_steps, rate)
        ones_HN = torch.ones_like(z_HN)
        return real_diagonal(z_HN.exp()), real_column(ones_HN), real_row(c_DHN)

    def chunks(self, steps: int, length: int) -> Chunks:
        """See [s4audio.kernels.StateSpaceKernel][]."""
        Lambda_HN, z_HN = self._poles(1.0)
        c_HN = as_complex(self.W)[0] * self._scale(Lambda_HN, z_HN, length, 1.0)
        return diagonal_chunks(z_HN, torch.ones_like(z_HN), c_HN, steps)

    @property
    def has_chunks(self) -> bool:
        """Not with growing poles, which softmax normalises only at the end."""
        if not self._is_softmax:
            return super().has_chunks
        return super().has_chunks and not bool((self._poles(1.0)[1].real > 0).any())

    @property
    def _is_softmax(self) -> bool:
        return self.version == "softmax"

    def _poles(self, rate: float) -> tuple[Tensor, Tensor]:
        """Lambda and z, complex128 (H, N)."""
        real_SN, imag_SN = self.Lambda_real.double(), self.Lambda_imag.double()
        if self.version.startswith("exp"):
            real_SN = -real_SN.exp()
        if self.version.startswith("clip"):
            real_SN = real_SN.clamp(max=LARGEST_REAL)
        if self.version == "exp-re-im":
            imag_SN = imag_SN.exp()
        real_HN, imag_HN = per_channel(real_SN, self.channels), per_channel(imag_SN, self.channels)
        dt_H2 = self.log_dt.double().exp() * rate
        z_HN = torch.complex(dt_H2[:, :1] * real_HN, dt_H2[:, 1:] * imag_HN)
        return torch.complex(real_HN, imag_HN), z_HN

    def _scale(self, Lambda_HN: Tensor, z_HN: Tensor, length: int, rate: float) -> Tensor:
        """Factor on W: the discretised input map, for softmax over the sum of the row."""
        if self.version.endswith("no-scale"):
            # Without a step in the formula, the step of the sum over time has to come in here.
            return torch.full_like(z_HN, rate)
        if not self._is_softmax:
            return torch.expm1(z_HN) / Lambda_HN
        inward_HN = torch.where(z_HN.real > 0, -z_HN, z_HN)
        total_HN = torch.expm1(length * inward_HN) * Lambda_HN
        reciprocal_HN = total_HN.conj() / (total_HN.abs().square() + EPSILON)
        return torch.expm1(inward_HN) * reciprocal_HN

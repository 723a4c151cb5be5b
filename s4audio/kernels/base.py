"""The kernel contract: a function of time, sampled on any grid.

A kernel is what a layer convolves its input with. `rate` is the evaluation step divided by the
training step: 2.0 samples the kernel of a model trained at 16 kHz on the grid of 8 kHz audio. It is
an argument of every call; nothing is stored or rebuilt for it.

Shape suffixes in this package: D directions, H channels, S independent state spaces, N poles
(one of each conjugate pair where the kernel is real by pairing), L length.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from s4audio.errors import UserError
from s4audio.ops import Chunks


class Kernel(nn.Module, ABC):
    """A parameterised convolution kernel of `channels` channels.

    Args:
        channels: number H of channels.
        length: training length L in steps; the kernel is exact there without extra work.
        bidirectional: one kernel for each direction of time.

    Raises:
        ValueError: if channels or length is below 1.
    """

    step_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the step sizes: their own learning rate, no weight decay."""

    slow_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the other parameters of the dynamics: kernel learning rate, no weight decay."""

    def __init__(self, channels: int, length: int, bidirectional: bool) -> None:
        super().__init__()
        if channels < 1 or length < 1:
            raise ValueError(
                f"a kernel needs at least one channel and one step, got channels={channels} and "
                f"length={length}"
            )
        self.channels = channels
        self.length = length
        self.directions = 2 if bidirectional else 1

    def forward(self, length: int, rate: float = 1.0) -> Tensor:
        """Samples of the kernel.

        Args:
            length: number of samples, at least 1.
            rate: evaluation step / training step, above 0.

        Returns:
            (directions, channels, length), float32, whatever the autocast precision, in memory of
            its own that may be changed.

        Raises:
            ValueError: for a length below 1 or a rate that is not positive.
        """
        if length < 1:
            raise ValueError(f"kernel length must be at least 1, got {length}")
        checked_rate(rate)
        device = next(self.parameters()).device
        with torch.autocast(device.type, enabled=False):
            return self.sample(length, rate).float()

    @abstractmethod
    def sample(self, length: int, rate: float) -> Tensor:
        """The paper's formula: (directions, channels, length) in float32 or float64."""


@dataclass(frozen=True)
class Recurrence:
    """The same map as a causal kernel, one step at a time, in real numbers.

        x[t] = A x[t - 1] + B u[t],    y[t] = C x[t]

    Attributes:
        A: state transition (channels, state, state), float64.
        B: input map (channels, state), float64.
        C: output map (channels, state), float64.
    """

    A: Tensor
    B: Tensor
    C: Tensor


class StateSpaceKernel(Kernel):
    """A kernel that is also a linear recurrence: S4, S4D, DSS."""

    @abstractmethod
    def transition(self, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """Real (A, B, C): (H, n, n), (H, n), (D, H, n), float64."""

    @abstractmethod
    def chunks(self, steps: int, length: int) -> Chunks:
        """The causal kernel as a recurrence over chunks of time, at rate 1.

        Args:
            steps: of a chunk, a power of two.
            length: number of samples that are wanted of the kernel, at least 1.

        Returns:
            float32 tables for [s4audio.ops.chunked_convolution][].
        """

    @property
    def has_chunks(self) -> bool:
        """Whether `chunks` gives the kernel that `forward` gives."""
        return self.directions == 1

    def recurrence(self, rate: float = 1.0) -> Recurrence:
        """Real-valued recurrence of a causal kernel.

        Args:
            rate: evaluation step / training step, above 0.

        Returns:
            the discretised system, with K[l] = C A^l B.

        Raises:
            ValueError: for a bidirectional kernel, which needs the whole input.
        """
        if self.directions == 2:
            raise ValueError(
                "a bidirectional kernel has no recurrence, because it needs the future: "
                "train with bidirectional=False"
            )
        A, B, C = self.transition(rate)
        return Recurrence(A, B, C[0])


def initial_log_step(channels: int, dt_min: float, dt_max: float) -> Tensor:
    """Logarithms of step sizes drawn log-uniformly.

    Args:
        channels: how many.
        dt_min: smallest step, above 0, in units of the state space's own time.
        dt_max: largest step, at least dt_min.

    Returns:
        (channels,), float32.

    Raises:
        ValueError: if the range is empty, not positive or not finite.
    """
    if not 0 < dt_min <= dt_max < math.inf:
        raise ValueError(
            f"need finite 0 < dt_min <= dt_max, got dt_min={dt_min} and dt_max={dt_max}"
        )
    return torch.empty(channels).uniform_(math.log(dt_min), math.log(dt_max))


def per_channel(x_SN: Tensor, channels: int) -> Tensor:
    """Share S state spaces among the channels: channel h uses state space h mod S."""
    return x_SN.repeat(channels // x_SN.shape[0], *[1] * (x_SN.ndim - 1))


def checked_rate(rate: float) -> float:
    """Evaluation step / training step, if it is one.

    Raises:
        UserError: if it is not a positive number.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise UserError(f"rate must be a positive number, got {rate}")
    return rate


def checked_sharing(n_ssm: int, channels: int) -> int:
    """`n_ssm` if it divides the channels.

    Raises:
        ValueError: otherwise.
    """
    if n_ssm < 1 or channels % n_ssm:
        raise ValueError(f"n_ssm={n_ssm} must divide the number of channels, {channels}")
    return n_ssm


def checked_pairs(d_state: int) -> int:
    """Number of conjugate pairs of a real state of size `d_state`.

    Raises:
        ValueError: if d_state is odd or below 2.
    """
    if d_state < 2 or d_state % 2:
        raise ValueError(f"d_state must be even and at least 2 (conjugate pairs), got {d_state}")
    return d_state // 2


def below_bandlimit(A_HN: Tensor, log_dt_H: Tensor, bandlimit: float | None) -> Tensor:
    """1 for eigenvalues below the band limit, 0 for the others.

    The frequency of an eigenvalue is dt |Im A| / (2 pi) cycles a training step; those of at least
    `bandlimit` / 2 are cut.

    Args:
        A_HN: eigenvalues, complex (channels, poles).
        log_dt_H: logarithms of the training steps (channels,).
        bandlimit: fraction of the Nyquist frequency, or None to keep all.

    Returns:
        (channels, poles), float64.

    Source: Nguyen et al., "S4ND" (2022), section 3.3.
    """
    if bandlimit is None:
        return torch.ones_like(A_HN.real)
    frequency_HN = log_dt_H.double().exp()[:, None] * A_HN.imag.abs() / (2 * math.pi)
    return (frequency_HN < bandlimit / 2).double()


def bilinear_log_pole(dtA_HN: Tensor) -> Tensor:
    """log((1 + dt A / 2) / (1 - dt A / 2)): the discrete pole of the bilinear map, complex128."""
    return (1 + dtA_HN / 2).log() - (1 - dtA_HN / 2).log()


def as_complex(pairs: Tensor) -> Tensor:
    """Real pairs (..., 2) as complex128 (...)."""
    return torch.view_as_complex(pairs.double())


def real_diagonal(a_HN: Tensor) -> Tensor:
    """Multiplication by complex a_HN as a real matrix on [Re x, Im x]: (H, 2 N, 2 N)."""
    re, im = torch.diag_embed(a_HN.real), torch.diag_embed(a_HN.imag)
    return torch.cat([torch.cat([re, -im], -1), torch.cat([im, re], -1)], -2)


def real_column(b_HN: Tensor) -> Tensor:
    """A complex input map as a real one on [Re x, Im x]: (..., 2 N)."""
    return torch.cat([b_HN.real, b_HN.imag], -1)


def real_row(c_DHN: Tensor) -> Tensor:
    """The real part of a complex output map as a real row on [Re x, Im x]: (..., 2 N)."""
    return torch.cat([c_DHN.real, -c_DHN.imag], -1)

"""The residual block and the backbone, channels first: (batch, channels, frames)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.kernels import Kernel
from s4audio.models.pooling import frame_mask
from s4audio.ops import fft_convolution, unit_residual

Norm = Literal["batch", "layer"]


class LongConvolution(nn.Module):
    """Convolution of each channel with its kernel, plus a skip: y = k * u + D u.

    A Fourier transform mixes all times, so its rounding carries a trace of the future into the
    past. In evaluation mode a causal layer transforms in float64 and rounds to float32: what lies
    ahead does not show in any bit.

    Args:
        kernel: the kernel; it knows its channels and directions.
    """

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.kernel = kernel
        self.D = nn.Parameter(torch.randn(kernel.channels))

    def forward(self, u_BHL: Tensor, rate: float = 1.0) -> Tensor:
        """Convolve.

        Args:
            u_BHL: (batch, channels, time).
            rate: evaluation step / training step.

        Returns:
            (batch, channels, time), in the precision of u_BHL.
        """
        length = u_BHL.shape[-1]
        k_DHL = self.kernel(length, rate)
        skip_1HL = F.pad(self.D[None, :, None].to(k_DHL.dtype), (0, length - 1))
        k_DHL = torch.cat([k_DHL[:1] + skip_1HL, k_DHL[1:]])
        if self.training or self.kernel.directions == 2:
            return fft_convolution(u_BHL, k_DHL)
        return fft_convolution(u_BHL, k_DHL.double())


class ChannelLinear(nn.Module):
    """A linear map of the channels at each time step.

    Args:
        d_input: channels in.
        d_output: channels out.
    """

    def __init__(self, d_input: int, d_output: int) -> None:
        super().__init__()
        linear = nn.Linear(d_input, d_output)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x_BHL: Tensor) -> Tensor:
        """Map (batch, d_input, time) to (batch, d_output, time)."""
        weight = self.weight.expand(x_BHL.shape[0], -1, -1)
        return torch.baddbmm(self.bias[None, :, None], weight, x_BHL)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each time step.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x_BHL: Tensor) -> Tensor:
        """Normalise (batch, channels, time)."""
        y_BHL: Tensor = self.norm(x_BHL.transpose(1, 2)).transpose(1, 2).contiguous()
        return y_BHL


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """Normalisation of (batch, channels, time)."""
    return nn.BatchNorm1d(channels) if norm == "batch" else ChannelNorm(channels)


class Dropout(nn.Module):
    """Dropout of (batch, channels, time) as a factor, so that other steps can take it in.

    Args:
        p: probability of dropping, in [0, 1).
        tied: one draw for all time steps of a channel.
    """

    def __init__(self, p: float, tied: bool) -> None:
        super().__init__()
        self.p, self.tied = p, tied

    def forward(self, x_BHL: Tensor) -> Tensor | None:
        """Factor that broadcasts to (batch, channels, time), or None for 1."""
        if not self.training or self.p == 0:
            return None
        batch, channels, length = x_BHL.shape
        return F.dropout(x_BHL.new_ones(batch, channels, 1 if self.tied else length), self.p)


class Block(nn.Module):
    """Long convolution, GELU, linear map (gated or not), residual, normalisation.

    Args:
        kernel: of the convolution.
        norm: ``batch`` or ``layer``.
        prenorm: normalise before the convolution instead of after the residual.
        glu: gated linear unit.
        dropout: probability, after the GELU and before the residual.
        tie_dropout: one mask a channel.

    Source: Gu, Goel, Re (2022), appendix D.2; Gu, Gupta, Goel, Re (2022), section 5.
    """

    def __init__(
        self,
        kernel: Kernel,
        norm: Norm = "batch",
        prenorm: bool = True,
        glu: bool = True,
        dropout: float = 0.0,
        tie_dropout: bool = True,
    ) -> None:
        super().__init__()
        channels = kernel.channels
        self.prenorm, self.glu = prenorm, glu
        self.norm = make_norm(norm, channels)
        self.convolution = LongConvolution(kernel)
        self.linear = ChannelLinear(channels, 2 * channels if glu else channels)
        self.dropout = Dropout(dropout, tie_dropout)

    def forward(self, x_BHL: Tensor, mask_B1L: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """One block.

        Args:
            x_BHL: (batch, channels, frames).
            mask_B1L: True for valid frames; padding does not reach them in either direction.
            rate: evaluation step / training step.

        Returns:
            (batch, channels, frames).
        """
        u_BHL = self.norm(x_BHL) if self.prenorm else x_BHL
        if mask_B1L is not None:
            u_BHL = u_BHL * mask_B1L
        y_BHL = self.convolution(u_BHL, rate)
        factors = self.dropout(y_BHL), self.dropout(y_BHL)
        weights = self.linear.weight, self.linear.bias
        z_BHL = unit_residual(y_BHL, x_BHL, *weights, *factors, gated=self.glu)
        if not self.prenorm:
            z_BHL = self.norm(z_BHL)
        return z_BHL


class Backbone(nn.Module):
    """A stack of blocks.

    Args:
        blocks: at least one, all of the same width.
        norm: normalisation after the last block of a pre-norm stack; None for post-norm.
    """

    def __init__(self, blocks: list[Block], norm: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.Identity() if norm is None else norm

    def forward(self, x_BHL: Tensor, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """All blocks.

        Args:
            x_BHL: (batch, channels, frames).
            lengths: valid frames of each row (batch,), or None if all are valid.
            rate: evaluation step / training step.

        Returns:
            (batch, channels, frames).
        """
        mask_B1L = None if lengths is None else frame_mask(lengths, x_BHL.shape[-1])
        for block in self.blocks:
            x_BHL = block(x_BHL, mask_B1L, rate)
        y_BHL: Tensor = self.norm(x_BHL)
        return y_BHL

"""The residual block and the backbone, channels first: (batch, channels, frames)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.kernels import Kernel, StateSpaceKernel
from s4audio.models.kernel_cache import KernelCache
from s4audio.models.pooling import frame_mask
from s4audio.ops import (
    Chunks,
    chunked_convolution,
    fft_convolution,
    normalized_chunked_convolution,
    normalized_convolution,
    unit_residual,
)
from s4audio.ops.tiles import in_tiles, output_dtype

Norm = Literal["batch", "layer"]

CHUNK_STEPS = 256
"""Time steps of a chunk of the recurrence that training in bfloat16 uses."""


class LongConvolution(nn.Module):
    """Convolution of each channel with its kernel, plus a skip: y = k * u + D u.

    A Fourier transform mixes all times, so its rounding carries a trace of the future into the
    past. In evaluation mode a causal layer transforms in float64 and rounds to float32: what lies
    ahead does not show in any bit. Training in bfloat16 on a CPU takes matrix products over chunks
    of time instead, if the kernel is a causal recurrence: they are faster there. Without gradients,
    outside training, the last kernel is kept for the next input of the same length and rate.

    Args:
        kernel: the kernel; it knows its channels and directions.
    """

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.kernel = kernel
        self.D = nn.Parameter(torch.randn(kernel.channels))
        self._cache = KernelCache()

    def forward(self, u_BHL: Tensor, rate: float = 1.0) -> Tensor:
        """Convolve.

        Args:
            u_BHL: (batch, channels, time).
            rate: evaluation step / training step.

        Returns:
            (batch, channels, time), in the precision of u_BHL, or of autocast if it is on.
        """
        chunks = self._chunks_and_skip(u_BHL, rate)
        if chunks is not None:
            return chunked_convolution(u_BHL, chunks)
        length = u_BHL.shape[-1]
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return fft_convolution(u_BHL, self._precise_kernel(length, rate))
        # What torch keeps in a module has names that begin with an underscore; the rest is options,
        # and tensors where a parameter is made of others, as in pruning.
        others = [value for name, value in vars(self.kernel).items() if name[0] != "_"]
        tensors = [value for value in others if isinstance(value, Tensor)]
        sources = [*self.parameters(), *self.buffers(), *tensors]
        key = (length, rate, *(value for value in others if not isinstance(value, Tensor)))
        k_DHL = self._cache.kernel(sources, key, lambda: self._precise_kernel(length, rate))
        return fft_convolution(u_BHL, k_DHL)

    def after_norm(self, x_BHL: Tensor, norm: nn.BatchNorm1d, rate: float) -> Tensor:
        """The same as ``forward(norm(x_BHL), rate)`` in training, in one pass.

        Args:
            x_BHL: (batch, channels, time).
            norm: with running statistics, which are updated.
            rate: evaluation step / training step.

        Returns:
            (batch, channels, time), as `forward`.
        """
        affine = norm.weight, norm.bias, norm.eps
        chunks = self._chunks_and_skip(x_BHL, rate)
        if chunks is None:
            k_DHL = self._kernel_and_skip(x_BHL.shape[-1], rate)
            y_BHL, mean, variance = normalized_convolution(x_BHL, k_DHL, *affine)
        else:
            y_BHL, mean, variance = normalized_chunked_convolution(x_BHL, chunks, *affine)
        update_running_statistics(norm, mean, variance, x_BHL.shape[0] * x_BHL.shape[2])
        return y_BHL

    def _precise_kernel(self, length: int, rate: float) -> Tensor:
        k_DHL = self._kernel_and_skip(length, rate)
        return k_DHL if self.training or self.kernel.directions == 2 else k_DHL.double()

    def _kernel_and_skip(self, length: int, rate: float) -> Tensor:
        k_DHL: Tensor = self.kernel(length, rate)
        k_DHL[0, :, 0] += self.D
        return k_DHL

    def _chunks_and_skip(self, u_BHL: Tensor, rate: float) -> Chunks | None:
        """The kernel over chunks of time, or None where the transform is the better way."""
        kernel, low_precision = self.kernel, output_dtype(u_BHL) == torch.bfloat16
        is_long = u_BHL.shape[-1] >= 2 * CHUNK_STEPS
        if not (self.training and rate == 1 and low_precision and is_long and in_tiles(u_BHL)):
            return None
        if not (isinstance(kernel, StateSpaceKernel) and kernel.has_chunks):
            return None
        with torch.autocast(u_BHL.device.type, enabled=False):
            chunks = kernel.chunks(CHUNK_STEPS, u_BHL.shape[-1])
            skip_HT = F.pad(self.D[:, None].to(chunks.taps.dtype), (0, CHUNK_STEPS - 1))
            return chunks._replace(taps=chunks.taps + skip_HT)


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


def update_running_statistics(
    norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: int
) -> None:
    """What `norm` does with the statistics of a batch in training.

    Args:
        norm: with running statistics.
        mean: of each channel.
        variance: of each channel, divided by the number of values.
        count: number of values of each channel.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    unbiased = variance * (count / max(count - 1, 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), norm.momentum)


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
        y_BHL = self._mixed(x_BHL, mask_B1L, rate)
        factors = self.dropout(y_BHL), self.dropout(y_BHL)
        weights = self.linear.weight, self.linear.bias
        z_BHL = unit_residual(y_BHL, x_BHL, *weights, *factors, gated=self.glu)
        if not self.prenorm:
            z_BHL = self.norm(z_BHL)
        return z_BHL

    def _mixed(self, x_BHL: Tensor, mask_B1L: Tensor | None, rate: float) -> Tensor:
        """Normalised if that comes first, masked, convolved."""
        if self.prenorm:
            norm, as_it_is = self.norm, mask_B1L is None and in_tiles(x_BHL)
            if isinstance(norm, nn.BatchNorm1d) and norm.training and as_it_is:
                return self.convolution.after_norm(x_BHL, norm, rate)
            x_BHL = norm(x_BHL)
        y_BHL: Tensor = self.convolution(x_BHL if mask_B1L is None else x_BHL * mask_B1L, rate)
        return y_BHL


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

"""What surrounds the long convolutions, a chunk at a time: linear maps, norms, pooling."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import Block, ChannelNorm
from s4audio.models.pooling import Pooling
from s4audio.streaming.mixing import make_mixing_step
from s4audio.streaming.step import State, Step


class LinearStep(nn.Module):
    """A linear map of the channels: one matrix product for all streams and frames."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().to(dtype))
        self.register_buffer("bias", bias.detach().to(dtype)[:, None])

    def forward(self, x_HR: Tensor) -> Tensor:
        """Map (channels, rows) to (outputs, rows)."""
        return torch.addmm(self.bias, self.weight, x_HR)


class Affine(nn.Module):
    """Batch normalisation with its running statistics, as one scale and one shift a channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm1d, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = fold_norm(norm, dtype)
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    def forward(self, x_HBL: Tensor) -> Tensor:
        """Normalise (channels, streams, frames)."""
        return x_HBL * self.scale + self.shift


class LayerNorm(nn.Module):
    """Layer normalisation over the channels."""

    def __init__(self, norm: ChannelNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = copy_norm(norm, dtype)

    def forward(self, x_HBL: Tensor) -> Tensor:
        """Normalise (channels, streams, frames)."""
        y_HBL: Tensor = self.norm(x_HBL.permute(1, 2, 0)).permute(2, 0, 1)
        return y_HBL


def fold_norm(norm: nn.BatchNorm1d, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Batch normalisation with its running statistics, as scale and shift (channels,)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    return scale.detach().to(dtype), shift.detach().to(dtype)


def copy_norm(norm: ChannelNorm, dtype: torch.dtype) -> nn.LayerNorm:
    """Layer normalisation of a last axis of channels, with the same weights."""
    copied = nn.LayerNorm(norm.norm.normalized_shape, norm.norm.eps, dtype=dtype)
    copied.load_state_dict(norm.norm.state_dict())
    return copied


def make_norm_step(norm: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A norm of a backbone in evaluation mode, on (channels, streams, frames)."""
    if isinstance(norm, nn.BatchNorm1d):
        return Affine(norm, dtype)
    return LayerNorm(norm, dtype) if isinstance(norm, ChannelNorm) else nn.Identity()


class BlockStep(Step):
    """One residual block; it carries the state of its convolution.

    Args:
        block: in evaluation mode, with a causal kernel.
        frames: frames of a chunk.
        rate: evaluation step / training step of a frame.
        dtype: of the matrices and the state.
    """

    def __init__(self, block: Block, frames: int, rate: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.prenorm, self.glu = block.prenorm, block.glu
        self.norm = make_norm_step(block.norm, dtype)
        D = block.convolution.D.detach()
        self.mixing = make_mixing_step(block.convolution.kernel, D, frames, rate, dtype)
        self.in_place = self.mixing.in_place
        self.linear = LinearStep(block.linear.weight, block.linear.bias, dtype)

    def initial_state(self, batch: int) -> State:
        """State of the convolution."""
        return self.mixing.initial_state(batch)

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Map (channels, streams, frames) to the same shape."""
        u_HBL = self.norm(x) if self.prenorm else x
        y_HBL, next_state = self.mixing(u_HBL, state)
        y_HR = self.linear(F.gelu(y_HBL).flatten(1))
        if self.glu:
            y_HR = F.glu(y_HR, dim=0)
        z_HBL = x + y_HR.reshape(x.shape)
        return z_HBL if self.prenorm else self.norm(z_HBL), next_state


class PoolingStep(Step):
    """Pooling over the last `window` chunks; it carries one vector for each of them.

    The sum over the window is formed anew for each chunk, so rounding does not pile up.

    Args:
        pooling: ``mean``, ``last`` or ``max``.
        window: chunks.
        channels: number of channels.
        dtype: of the state.
    """

    age: Tensor

    def __init__(self, pooling: Pooling, window: int, channels: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.pooling, self.window, self.channels = pooling, window, channels
        self.register_buffer("age", torch.arange(window, 0, -1, dtype=dtype)[:, None])

    def initial_state(self, batch: int) -> State:
        """No chunk yet: `chunks` (streams, window, channels) and their number `filled`."""
        if self.pooling == "last":
            return {}
        return {
            "chunks": self.age.new_zeros(batch, self.window, self.channels),
            "filled": self.age.new_zeros(batch, 1),
        }

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Pool (channels, streams, frames) to (streams, channels)."""
        if self.pooling == "last":
            return x[..., -1].T, {}
        newest_HB = x.mean(-1) if self.pooling == "mean" else x.amax(-1)
        chunks = torch.cat([state["chunks"][:, 1:], newest_HB.T.unsqueeze(1)], dim=1)
        filled = (state["filled"] + 1).clamp(max=self.window)
        if self.pooling == "mean":
            y_BH = chunks.sum(1) / filled
        else:
            y_BH = chunks.masked_fill(self.age > filled[..., None], -math.inf).amax(1)
        return y_BH, {"chunks": chunks, "filled": filled}

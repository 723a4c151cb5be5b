"""What surrounds the long convolutions, a chunk at a time: input, encoder, blocks, pooling."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import Block, ChannelNorm
from s4audio.models.encoder import LinearEncoder, StridedEncoder, resample_filters
from s4audio.models.filterbank import FilterbankEncoder, log_energies
from s4audio.models.normalization import SMALLEST_PEAK, TINY, LevelFollower, Standardize
from s4audio.models.pooling import Pooling
from s4audio.streaming.mixing import make_mixing_step
from s4audio.streaming.step import State, Step


class StandardizeStep(Step):
    """(x - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, standardize: Standardize, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("mean", standardize.mean.detach().to(dtype))
        self.register_buffer("std", standardize.std.detach().to(dtype))

    def initial_state(self, batch: int) -> State:
        """Nothing to carry."""
        return {}

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Normalise (streams, samples)."""
        return (x_BL - self.mean) / self.std, {}


class LevelStep(Step):
    """The peak follower; it carries the peak.

    A chunk needs the running maximum of the logarithms plus a rising line, starting from the peak
    so far. ONNX has no running maximum: a maximum pooling that reaches back over the whole chunk
    gives the same.
    """

    line: Tensor

    def __init__(
        self, follower: LevelFollower, samples: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        steps = torch.arange(samples + 1, dtype=torch.float64)
        self.register_buffer("line", (steps * rate / follower.release).to(dtype))

    def initial_state(self, batch: int) -> State:
        """Silence: `peak` (streams, 1)."""
        return {"peak": self.line.new_zeros(batch, 1)}

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Normalise (streams, samples)."""
        samples = len(self.line) - 1
        sizes = torch.cat([state["peak"], x.abs()], dim=1).clamp(min=TINY)
        reach = F.pad(sizes.log() + self.line, (samples - 1, 0), value=-math.inf)
        highest = F.max_pool1d(reach.unsqueeze(1), samples + 1, stride=1).squeeze(1)
        peak_BL = (highest - self.line[1:]).exp()
        return x / (peak_BL + SMALLEST_PEAK), {"peak": peak_BL[:, -1:]}


class LinearEncoderStep(Step):
    """One frame for each sample."""

    weight: Tensor
    bias: Tensor

    def __init__(self, encoder: LinearEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", encoder.linear.weight.detach().to(dtype)[..., None])
        self.register_buffer("bias", encoder.linear.bias.detach().to(dtype)[:, None, None])

    def initial_state(self, batch: int) -> State:
        """Nothing to carry."""
        return {}

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Encode (streams, samples) as (channels, streams, frames)."""
        return x_BL * self.weight + self.bias, {}


class StridedEncoderStep(Step):
    """One frame for `stride` samples; it carries the samples that later frames still reach."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        encoder: StridedEncoder | FilterbankEncoder,
        stride: int,
        rate: float,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.stride = stride
        weight = resample_filters(encoder.weight.detach().to(dtype), rate)
        self.register_buffer("weight", weight.contiguous())
        bias = encoder.bias if isinstance(encoder, StridedEncoder) else None
        self.register_buffer("bias", None if bias is None else bias.detach().to(dtype))
        self.reach = weight.shape[-1] - stride

    def initial_state(self, batch: int) -> State:
        """Silence before the first sample: `samples` (streams, reach)."""
        return {"samples": self.weight.new_zeros(batch, self.reach)} if self.reach else {}

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Encode (streams, samples) as (channels, streams, frames)."""
        next_state: State = {}
        if self.reach:
            x_BL = torch.cat([state["samples"], x_BL], dim=1)
            next_state["samples"] = x_BL[:, -self.reach :]
        x_BHL = F.conv1d(x_BL.unsqueeze(1), self.weight, self.bias, stride=self.stride)
        return x_BHL.transpose(0, 1), next_state


class FilterbankStep(Step):
    """Energies of the filter bank, normalised and mapped to the backbone's channels."""

    def __init__(
        self, encoder: FilterbankEncoder, stride: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.filters = StridedEncoderStep(encoder, stride, rate, dtype)
        self.norm = Affine(encoder.norm, dtype)
        self.linear = LinearStep(encoder.linear.weight, encoder.linear.bias, dtype)

    def initial_state(self, batch: int) -> State:
        """That of the filters."""
        return self.filters.initial_state(batch)

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Encode (streams, samples) as (channels, streams, frames)."""
        filtered_HBL, next_state = self.filters(x_BL, state)
        log_MBL = self.norm(log_energies(filtered_HBL.transpose(0, 1)).transpose(0, 1))
        y_HR = self.linear(log_MBL.flatten(1))
        return y_HR.reshape(-1, *log_MBL.shape[1:]), next_state


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
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - norm.running_mean.double() * scale
        self.register_buffer("scale", scale.detach().to(dtype)[:, None, None])
        self.register_buffer("shift", shift.detach().to(dtype)[:, None, None])

    def forward(self, x_HBL: Tensor) -> Tensor:
        """Normalise (channels, streams, frames)."""
        return x_HBL * self.scale + self.shift


class LayerNorm(nn.Module):
    """Layer normalisation over the channels."""

    def __init__(self, norm: ChannelNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(norm.norm.normalized_shape, norm.norm.eps, dtype=dtype)
        self.norm.load_state_dict(norm.norm.state_dict())

    def forward(self, x_HBL: Tensor) -> Tensor:
        """Normalise (channels, streams, frames)."""
        y_HBL: Tensor = self.norm(x_HBL.permute(1, 2, 0)).permute(2, 0, 1)
        return y_HBL


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

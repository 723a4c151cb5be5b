"""What stands before the blocks, a chunk at a time: normalisation of the input, encoder."""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from s4audio.models.encoder import LinearEncoder, StridedEncoder, resample_filters
from s4audio.models.filterbank import (
    STEPS,
    FilterbankEncoder,
    instantaneous_power,
    log_powers,
    windowed_power,
)
from s4audio.models.normalization import SMALLEST_PEAK, TINY, LevelFollower, Standardize
from s4audio.models.spectral import (
    POOLED_FRAMES,
    BandConvolutions,
    CausalConvolution,
    SpectralEncoder,
)
from s4audio.streaming.parts import Affine, LinearStep
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


class FramesStep(Step):
    """One frame of filters for `stride` samples; it carries the samples later frames still reach.

    Args:
        weight: filters (channels, 1, taps) at the rate of the stream.
        bias: (channels,), or None.
        stride: samples of a frame.
        dtype: of the filters and the state.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("weight", weight.detach().to(dtype).contiguous())
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


def strided_step(
    encoder: StridedEncoder, stride: int, rate: float, dtype: torch.dtype
) -> FramesStep:
    """The strided convolution."""
    weight = resample_filters(encoder.weight.detach().to(dtype), rate)
    return FramesStep(weight, encoder.bias, stride, dtype)


class PowersStep(Step):
    """Power in each band of a filter bank; it carries the powers of the last frame.

    Args:
        weight: pairs of filters (2 bands, 1, taps) at the training rate.
        hop: samples of a frame of the bank.
        rate: evaluation step / training step.
        dtype: of the filters and the state.
    """

    def __init__(self, weight: Tensor, hop: int, rate: float, dtype: torch.dtype) -> None:
        super().__init__()
        filters = resample_filters(weight.detach().to(dtype), rate)
        self.frames = FramesStep(filters, None, hop // STEPS, dtype)
        self.bands = len(weight) // 2

    def initial_state(self, batch: int) -> State:
        """That of the filters, and `powers` (streams, bands, STEPS)."""
        powers = self.frames.weight.new_zeros(batch, self.bands, STEPS)
        return {**self.frames.initial_state(batch), "powers": powers}

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Map (streams, samples) to (streams, bands, frames)."""
        filtered_HBT, next_state = self.frames(x_BL, state)
        power_BMT = instantaneous_power(filtered_HBT.transpose(0, 1))
        power_BMT = torch.cat([state["powers"], power_BMT], dim=-1)
        next_state["powers"] = power_BMT[..., -STEPS:]
        return windowed_power(power_BMT), next_state


class FilterbankStep(Step):
    """Powers of the filter bank, normalised and mapped to the backbone's channels."""

    def __init__(
        self, encoder: FilterbankEncoder, stride: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.powers = PowersStep(encoder.weight, stride, rate, dtype)
        self.norm = Affine(encoder.norm, dtype)
        self.linear = LinearStep(encoder.linear.weight, encoder.linear.bias, dtype)

    def initial_state(self, batch: int) -> State:
        """That of the powers."""
        return self.powers.initial_state(batch)

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Encode (streams, samples) as (channels, streams, frames)."""
        power_BML, next_state = self.powers(x_BL, state)
        log_MBL = self.norm(log_powers(power_BML).transpose(0, 1))
        y_HR = self.linear(log_MBL.flatten(1))
        return y_HR.reshape(-1, *log_MBL.shape[1:]), next_state


class SpectralStep(Step):
    """Filter bank and convolutions; each of these carries the frames before that it reaches."""

    def __init__(
        self, encoder: SpectralEncoder, stride: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.powers = PowersStep(encoder.weight, stride // POOLED_FRAMES, rate, dtype)
        self.norm = Affine(encoder.norm, dtype)
        self.convolutions = _without_norms(encoder.convolutions, dtype)
        self.linear = LinearStep(encoder.linear.weight, encoder.linear.bias, dtype)

    def initial_state(self, batch: int) -> State:
        """That of the powers, and `past0`, `past1`, ... (streams, maps, bands, frames)."""
        pasts = self.convolutions.silence(batch, self.powers.bands, self.linear.weight)
        return {
            **self.powers.initial_state(batch),
            **{f"past{i}": past for i, past in enumerate(pasts)},
        }

    def forward(self, x_BL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Encode (streams, samples) as (channels, streams, frames)."""
        power_BML, next_state = self.powers(x_BL, state)
        log_MBL = self.norm(log_powers(power_BML).transpose(0, 1))
        pasts = [state[f"past{i}"] for i in range(len(self.convolutions.layers))]
        y_BCL, pasts = self.convolutions(log_MBL.transpose(0, 1).unsqueeze(1), pasts)
        next_state.update({f"past{i}": past for i, past in enumerate(pasts)})
        y_HR = self.linear(y_BCL.transpose(0, 1).flatten(1))
        return y_HR.reshape(-1, y_BCL.shape[0], y_BCL.shape[2]), next_state


def _without_norms(convolutions: BandConvolutions, dtype: torch.dtype) -> BandConvolutions:
    """A copy whose batch norms, with their running statistics, are part of the filters."""
    folded = copy.deepcopy(convolutions).double().eval()
    for layer in folded.layers:
        assert isinstance(layer, CausalConvolution)
        assert isinstance(layer.norm, nn.BatchNorm2d)
        layer.convolution = fuse_conv_bn_eval(layer.convolution, layer.norm)
        layer.norm = nn.Identity()
    return folded.to(dtype)

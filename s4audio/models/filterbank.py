"""A bank of band-pass filters: the logarithm of the power in each band, frame by frame."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import ChannelLinear
from s4audio.models.encoder import (
    Frames,
    filter_frames,
    frame_hop,
    resample_filters,
    whole_frames,
)

LOWEST_HZ = 60.0
"""Where the lowest band begins."""

HIGHEST_SHARE = 0.95
"""Where the highest band ends, as a share of the Nyquist frequency."""

POWER_FLOOR = 1e-6
"""Power below which a band counts as silent: -60 dB where a full-scale tone has about 0."""

STEPS = 4
"""Times in a frame at which the filters are read. Those of high bands hear a few milliseconds: read
once in ten, they would miss most of the sound, and which part they miss would be chance."""

WINDOW = torch.hann_window(2 * STEPS + 2, periodic=False)[1:-1] / (STEPS + 0.5)
"""Weights of the powers at these times, this frame's and the last one's: a low-pass."""


class FilterbankEncoder(nn.Module):
    """Power behind band-pass filters, one frame for every `stride` samples.

        p[m] = window * ((g_m * x)^2 + (h_m * x)^2),    y = W norm(log(p + floor)) + b

    Each pair (g_m, h_m) is the real and imaginary part of a Gabor filter, the bands evenly spaced
    on the mel scale; the window is over two frames, `STEPS` times in each. The filters are not
    trained: their taps are so small that the optimiser's first steps, as large as those of any
    other weight, would replace them by noise. Everything is causal: a frame ends at its last
    sample. The filters are functions of time, so at another sampling rate they are resampled and
    the frames keep their duration; see `StridedEncoder`.

    Args:
        d_model: channels.
        stride: samples a frame at the training rate, a multiple of `STEPS`.
        kernel: taps, at least the stride.
        bands: number of bands M.
        sample_rate: of the training audio, in Hz.

    Source: Zeghidour et al., "Learning Filterbanks from Raw Speech for Phone Recognition",
        arXiv 1711.01161, section 2 (their initial filters; their low-pass is a Hann window too).
    """

    weight: Tensor

    def __init__(
        self, d_model: int, stride: int, kernel: int, bands: int, sample_rate: int
    ) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("weight", gabor_filters(bands, kernel, sample_rate))
        self.norm = nn.BatchNorm1d(bands)
        self.linear = ChannelLinear(bands, d_model)

    def hop(self, rate: float) -> int:
        """Samples of a frame at another rate."""
        return bank_hop(self.stride, rate)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, 1); raises what `band_powers` raises."""
        frames = band_powers(x_BLF, lengths, rate, self.stride, self.weight)
        return frames._replace(x=self.linear(self.norm(log_powers(frames.x))))


def bank_hop(stride: int, rate: float) -> int:
    """Samples of a frame of a filter bank at another rate: `STEPS` whole hops of its filters."""
    return STEPS * frame_hop(stride // STEPS, rate)


def band_powers(
    x_BLF: Tensor, lengths: Tensor | None, rate: float, stride: int, weight: Tensor
) -> Frames:
    """Power in each band and frame, in full precision also where autocast trains in bfloat16.

    Eight bits cannot hold the quiet bands beside a loud one.

    Args:
        x_BLF: waveforms (batch, time, 1).
        lengths: valid samples of each row (batch,), or None if all are valid.
        rate: evaluation step / training step.
        stride: samples a frame at the training rate, a multiple of `STEPS`.
        weight: pairs of filters (2 bands, 1, taps) at the training rate.

    Returns:
        Frames (batch, bands, frames).

    Raises:
        ValueError: if the input is shorter than one frame.
    """
    hop = bank_hop(stride, rate)
    whole_BLF = whole_frames(x_BLF, hop)
    with torch.autocast(x_BLF.device.type, enabled=False):
        filters = resample_filters(weight, rate)
        filtered = filter_frames(whole_BLF, None, rate, stride // STEPS, filters).x
        power = windowed_power(F.pad(instantaneous_power(filtered), (STEPS, 0)))
    frames = None if lengths is None else (lengths // hop).clamp(min=1)
    return Frames(power, frames, rate * hop / stride)


def instantaneous_power(filtered: Tensor) -> Tensor:
    """Power of each pair of filters.

    Args:
        filtered: (batch, 2 bands, times), the real parts before the imaginary ones.

    Returns:
        (batch, bands, times).
    """
    real, imaginary = filtered.chunk(2, dim=1)
    return real.square() + imaginary.square()


def windowed_power(power: Tensor) -> Tensor:
    """Power of each frame from `STEPS` times in it and in the frame before.

    Args:
        power: (batch, bands, STEPS * (frames + 1)).

    Returns:
        (batch, bands, frames).
    """
    rows = power.flatten(0, 1).unsqueeze(1)
    mean = F.conv1d(rows, WINDOW.to(power).view(1, 1, -1), stride=STEPS)
    return mean.view(*power.shape[:2], -1)


def log_powers(power: Tensor) -> Tensor:
    """Logarithm of a power, not below the floor."""
    return (power + POWER_FLOOR).log()


def gabor_filters(bands: int, kernel: int, sample_rate: int) -> Tensor:
    """Gabor filters of unit gain at their centres, which are evenly spaced on the mel scale.

    Args:
        bands: number of filters.
        kernel: taps of each.
        sample_rate: in Hz.

    Returns:
        (2 bands, 1, kernel): all real parts, then all imaginary parts.
    """
    edges = torch.tensor([LOWEST_HZ, HIGHEST_SHARE * sample_rate / 2], dtype=torch.float64)
    mel = 2595 * torch.log10(1 + edges / 700)
    steps = torch.linspace(0, 1, bands + 2, dtype=torch.float64)
    hertz = 700 * (10 ** ((mel[0] + steps * (mel[1] - mel[0])) / 2595) - 1)
    width = (hertz[2:] - hertz[:-2]) / 2
    time = (torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2) / sample_rate
    # Half the gain half a width from the centre, unless that takes more time than there are taps.
    deviation = (math.sqrt(2 * math.log(2)) / (math.pi * width)).clamp(max=time[-1] / 2)
    envelope = torch.exp(-(time**2) / (2 * deviation[:, None] ** 2))
    envelope /= envelope.sum(1, keepdim=True)
    phase = 2 * math.pi * hertz[1:-1, None] * time
    return torch.cat([envelope * phase.cos(), envelope * phase.sin()]).float().unsqueeze(1)

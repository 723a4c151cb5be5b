"""A bank of band-pass filters: the logarithm of the energy in each band, frame by frame."""

import math

import torch
from torch import Tensor, nn

from s4audio.models.block import ChannelLinear
from s4audio.models.encoder import Frames, filter_frames, frame_hop

LOWEST_HZ = 60.0
"""Where the lowest band begins."""

HIGHEST_SHARE = 0.95
"""Where the highest band ends, as a share of the Nyquist frequency."""

POWER_FLOOR = 1e-6
"""Power below which a band counts as silent: -60 dB where a full-scale tone has about 0."""


class FilterbankEncoder(nn.Module):
    """Energies of band-pass filters, one frame for every `stride` samples.

        p[m, l] = (g_m * x)[l]^2 + (h_m * x)[l]^2,    y = W norm(log(p + floor)) + b

    Each pair (g_m, h_m) is the real and imaginary part of a Gabor filter, the bands evenly spaced
    on the mel scale. The filters are not trained: their taps are so small that the optimiser's
    first steps, as large as those of any other weight, would replace them by noise. Everything is
    causal: a frame ends at its last sample. The filters are functions of time, so at another
    sampling rate they are resampled and the frames keep their duration; see `StridedEncoder`.

    Args:
        d_model: channels.
        stride: samples a frame at the training rate.
        kernel: taps, at least the stride.
        bands: number of bands M.
        sample_rate: of the training audio, in Hz.

    Source: Zeghidour et al., "Learning Filterbanks from Raw Speech for Phone Recognition",
        arXiv 1711.01161, section 2 (their initial filters).
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
        return frame_hop(self.stride, rate)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, 1); raises what `filter_frames` raises."""
        frames = band_energies(x_BLF, lengths, rate, self.stride, self.weight)
        return frames._replace(x=self.linear(self.norm(frames.x)))


def band_energies(
    x_BLF: Tensor, lengths: Tensor | None, rate: float, stride: int, weight: Tensor
) -> Frames:
    """Frames of log energies, in full precision also where autocast trains the rest in bfloat16.

    Eight bits cannot hold the quiet bands beside a loud one.

    Args:
        x_BLF: waveforms (batch, time, 1).
        lengths: valid samples of each row (batch,), or None if all are valid.
        rate: evaluation step / training step.
        stride: samples a frame at the training rate.
        weight: pairs of filters (2 bands, 1, taps) at the training rate.

    Returns:
        Frames (batch, bands, frames).

    Raises:
        ValueError: if the input is shorter than one frame.
    """
    with torch.autocast(x_BLF.device.type, enabled=False):
        frames = filter_frames(x_BLF, lengths, rate, stride, weight)
        return frames._replace(x=log_energies(frames.x))


def log_energies(filtered: Tensor) -> Tensor:
    """Logarithm of the energy of each pair of filters.

    Args:
        filtered: (batch, 2 bands, frames), the real parts before the imaginary ones.

    Returns:
        (batch, bands, frames).
    """
    real, imaginary = filtered.chunk(2, dim=1)
    return (real.square() + imaginary.square() + POWER_FLOOR).log()


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

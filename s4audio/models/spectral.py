"""Convolutions over bands and time on a filter bank: what neighbouring bands share.

Speech moves along the frequency axis from speaker to speaker, and filters that are shared by all
bands learn that from far fewer recordings than a linear map of the bands does.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import ChannelLinear
from s4audio.models.encoder import Frames, filter_frames
from s4audio.models.filterbank import gabor_filters, log_energies

POOLED_BANDS, POOLED_FRAMES = 3, 4
"""Bands and frames that are averaged behind the first convolution."""

N_BLOCKS = 3
"""Residual blocks of two convolutions each."""


class CausalConvolution(nn.Module):
    """3 x 3 over bands and time, and batch normalisation; no output looks ahead.

    Args:
        channels_in: feature maps in.
        channels_out: feature maps out.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x_BCML: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve.

        Args:
            x_BCML: (batch, channels_in, bands, frames).
            past: the two frames before (batch, channels_in, bands, 2).

        Returns:
            (batch, channels_out, bands, frames), and the last two frames of the input.
        """
        x_BCML = torch.cat([past, x_BCML], dim=-1)
        y_BCML: Tensor = self.norm(self.convolution(x_BCML))
        return y_BCML, x_BCML[..., -2:]


class BandConvolutions(nn.Module):
    """Residual convolutions over bands and time, averaged over the bands.

    Args:
        channels: feature maps.

    Source: Tang, Lin, "Deep Residual Learning for Small-Footprint Keyword Spotting",
        arXiv 1710.10361, their "res8", made causal in time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = [1] + [channels] * (2 * N_BLOCKS)
        self.layers = nn.ModuleList(CausalConvolution(size, channels) for size in sizes)

    def silence(self, batch: int, bands: int, like: Tensor) -> list[Tensor]:
        """`pasts` before the first frame: zeros of the dtype and device of `like`."""
        maps = [layer.convolution.in_channels for layer in self.layers]
        rows = [bands] + [bands // POOLED_BANDS] * (len(maps) - 1)
        return [like.new_zeros(batch, m, r, 2) for m, r in zip(maps, rows, strict=True)]

    def forward(self, x_BML: Tensor, pasts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Convolve and average.

        Args:
            x_BML: (batch, bands, frames), a multiple of `POOLED_FRAMES`.
            pasts: what each layer heard last: `silence`, or what the call before returned.

        Returns:
            (batch, channels, frames / POOLED_FRAMES), and the next `pasts`.
        """
        following = list(pasts)
        y_BCML, following[0] = self.layers[0](x_BML.unsqueeze(1), pasts[0])
        y_BCML = F.avg_pool2d(y_BCML.relu(), (POOLED_BANDS, POOLED_FRAMES))
        for i in range(1, len(self.layers), 2):
            z_BCML, following[i] = self.layers[i](y_BCML, pasts[i])
            z_BCML, following[i + 1] = self.layers[i + 1](z_BCML.relu(), pasts[i + 1])
            y_BCML = (y_BCML + z_BCML).relu()
        return y_BCML.mean(2), following


class SpectralEncoder(nn.Module):
    """Energies of band-pass filters, then convolutions over bands and time.

    The filter bank gives `POOLED_FRAMES` frames for each frame of the backbone. Everything is
    causal, and other sampling rates are treated as in `FilterbankEncoder`.

    Args:
        d_model: channels.
        stride: samples a frame of the backbone at the training rate, a multiple of `POOLED_FRAMES`.
        kernel: taps of the filters.
        bands: number of bands, at least `POOLED_BANDS`.
        channels: feature maps of the convolutions.
        sample_rate: of the training audio, in Hz.
    """

    weight: Tensor

    def __init__(
        self, d_model: int, stride: int, kernel: int, bands: int, channels: int, sample_rate: int
    ) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("weight", gabor_filters(bands, kernel, sample_rate))
        self.norm = nn.BatchNorm1d(bands)
        self.convolutions = BandConvolutions(channels)
        self.linear = ChannelLinear(channels, d_model)

    def frame_stride(self, rate: float) -> int:
        """Samples of a frame at another rate."""
        return POOLED_FRAMES * max(1, round(self.stride / POOLED_FRAMES / rate))

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, 1).

        Raises:
            ValueError: if the input is shorter than one frame of the backbone.
        """
        stride = self.frame_stride(rate)
        if x_BLF.shape[1] < stride:
            raise ValueError(
                f"the input has {x_BLF.shape[1]} samples, but one frame takes {stride}: pad it"
            )
        whole = x_BLF[:, : x_BLF.shape[1] // stride * stride]
        filtered = filter_frames(whole, None, rate, self.stride // POOLED_FRAMES, self.weight).x
        log_BML = self.norm(log_energies(filtered))
        silence = self.convolutions.silence(len(log_BML), log_BML.shape[1], log_BML)
        y_BCL, _ = self.convolutions(log_BML, silence)
        frames = None if lengths is None else (lengths // stride).clamp(min=1)
        return Frames(self.linear(y_BCL), frames, rate * stride / self.stride)

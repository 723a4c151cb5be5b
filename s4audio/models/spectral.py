"""Convolutions over bands and time on a filter bank: what neighbouring bands share.

Speech moves along the frequency axis from speaker to speaker, and filters that are shared by all
bands learn that from far fewer recordings than a linear map of the bands does.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import ChannelLinear
from s4audio.models.encoder import Frames, whole_frames
from s4audio.models.filterbank import band_powers, bank_hop, gabor_filters, log_powers

POOLED_BANDS, POOLED_FRAMES = 3, 2
"""Bands and frames that are averaged behind the first convolution."""

N_BLOCKS = 2
"""Residual blocks of two convolutions each."""

PAST = 2
"""Frames before the present one that a convolution reaches."""


class CausalConvolution(nn.Module):
    """3 x 3 over bands and time, and batch normalisation; no output looks ahead.

    Args:
        channels_in: feature maps in.
        channels_out: feature maps out.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            channels_in, channels_out, (3, 1 + PAST), padding=(1, 0), bias=False
        )
        self.norm: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x_BCML: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Convolve.

        Args:
            x_BCML: (batch, channels_in, bands, frames).
            past: the `PAST` frames before, (batch, channels_in, bands, PAST); None for zeros.

        Returns:
            (batch, channels_out, bands, frames), and the last `PAST` frames of the input.
        """
        x_BCML = F.pad(x_BCML, (PAST, 0)) if past is None else torch.cat([past, x_BCML], dim=-1)
        y_BCML: Tensor = self.norm(self.convolution(x_BCML))
        return y_BCML, x_BCML[..., -PAST:]


class BandConvolutions(nn.Module):
    """Residual convolutions over bands and time.

    Args:
        channels: feature maps C.

    Source: Tang, Lin, "Deep Residual Learning for Small-Footprint Keyword Spotting",
        arXiv 1710.10361, their "res8": shorter, causal in time, and the bands are kept apart.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = [1] + [channels] * (2 * N_BLOCKS)
        self.layers = nn.ModuleList(CausalConvolution(maps, channels) for maps in self.maps)

    def silence(self, batch: int, bands: int, like: Tensor) -> list[Tensor]:
        """`pasts` before the first frame, of the dtype and device of `like`."""
        rows = [bands] + [bands // POOLED_BANDS] * (2 * N_BLOCKS)
        return [like.new_zeros(batch, m, r, PAST) for m, r in zip(self.maps, rows, strict=True)]

    def forward(
        self, x_B1ML: Tensor, pasts: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Convolve.

        Args:
            x_B1ML: (batch, 1, bands, frames), a multiple of `POOLED_FRAMES`.
            pasts: what each layer heard last, as the call before returned it; None for `silence`.

        Returns:
            (batch, C * (bands // POOLED_BANDS), frames / POOLED_FRAMES), and the next `pasts`.
        """
        before = [None] * len(self.layers) if pasts is None else pasts
        after = []
        y_BCML, past = self.layers[0](x_B1ML, before[0])
        after.append(past)
        y_BCML = F.avg_pool2d(y_BCML.relu(), (POOLED_BANDS, POOLED_FRAMES))
        for i in range(1, len(self.layers), 2):
            z_BCML, past = self.layers[i](y_BCML, before[i])
            after.append(past)
            z_BCML, past = self.layers[i + 1](z_BCML.relu(), before[i + 1])
            after.append(past)
            y_BCML = (y_BCML + z_BCML).relu()
        return y_BCML.flatten(1, 2), after


class SpectralEncoder(nn.Module):
    """Energies of band-pass filters, then convolutions over bands and time.

    The filter bank gives `POOLED_FRAMES` frames for each frame of the backbone. Everything is
    causal, and other sampling rates are treated as in `FilterbankEncoder`.

    Args:
        d_model: channels.
        stride: samples a frame of the backbone at the training rate, a multiple of `POOLED_FRAMES`
            and `STEPS` together.
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
        self.linear = ChannelLinear(channels * (bands // POOLED_BANDS), d_model)

    def hop(self, rate: float) -> int:
        """Samples of a frame of the backbone at another rate: whole frames of the filter bank."""
        return POOLED_FRAMES * bank_hop(self.stride // POOLED_FRAMES, rate)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, 1).

        Raises:
            ValueError: if the input is shorter than one frame of the backbone.
        """
        hop = self.hop(rate)
        whole_BLF = whole_frames(x_BLF, hop)
        fine = band_powers(whole_BLF, None, rate, self.stride // POOLED_FRAMES, self.weight)
        log_BML = self.norm(log_powers(fine.x))
        # Strides of a map that lies innermost: all convolutions follow, and are faster so.
        y_BCL, _ = self.convolutions(log_BML.unsqueeze(-1).movedim(-1, 1))
        frames = None if lengths is None else (lengths // hop).clamp(min=1)
        # Residuals add up in full precision, also under autocast.
        return Frames(self.linear(y_BCL).to(log_BML.dtype), frames, fine.rate)

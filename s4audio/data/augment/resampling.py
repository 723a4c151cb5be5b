"""Effects of playing a clip faster or slower, by linear interpolation between samples."""

import torch
from torch import Tensor
from torch.nn import functional

_GRAIN_SECONDS = 0.04


def change_speed(waveforms: Tensor, lengths: Tensor, factors: Tensor) -> Tensor:
    """Play each clip faster (factor > 1) or slower about its middle; the pitch changes with it.

    Args:
        waveforms: (batch, time), zero behind `lengths`.
        lengths: int64 (batch,).
        factors: (batch,), > 0.

    Returns:
        (batch, time): y(t) = x(m + factor * (t - m)) with m the middle of the clip; zero where
        that lies outside the clip.
    """
    times = torch.arange(waveforms.shape[1])
    middles = (lengths - 1) / 2
    return _read(waveforms, (middles * (1 - factors)).unsqueeze(1), factors, times)


def change_pitch(waveforms: Tensor, factors: Tensor, sample_rate: int) -> Tensor:
    """Change the pitch of each clip and keep its speed.

    Grains of 40 ms, each half over the next, are played at another speed about their middles. The
    formants move with the pitch, and where neighbouring grains disagree in phase there is some
    roughness, as from a tape recorder with rotating heads.

    Args:
        waveforms: (batch, time).
        factors: (batch,), > 0; 2 is an octave up.
        sample_rate: in Hz.

    Returns:
        (batch, time).
    """
    times = torch.arange(waveforms.shape[1])
    hop = max(round(_GRAIN_SECONDS / 2 * sample_rate), 1)
    changed = torch.zeros_like(waveforms)
    for first in (0, hop):  # grains that begin at even and at odd multiples of the hop
        from_middle = (times - first) % (2 * hop) - hop
        window = torch.cos(from_middle * (torch.pi / 2 / hop)).square()
        changed += window * _read(waveforms, times - from_middle, factors, from_middle)
    return changed


def _read(waveforms: Tensor, starts: Tensor, factors: Tensor, times: Tensor) -> Tensor:
    """x(starts + factors * times), zero outside the clip.

    Args:
        waveforms: (batch, time).
        starts: (batch, 1) or (time,), in samples.
        factors: (batch,).
        times: (time,), in samples.
    """
    batch, time = waveforms.shape
    # A picture of one line, read at the points of a grid: several times as fast as `gather`.
    grid = torch.zeros(batch, 1, time, 2)
    scale = 2 / max(time - 1, 1)
    slopes = (factors * scale).unsqueeze(1)
    torch.addcmul(starts * scale - 1, slopes, times.to(slopes), out=grid[:, 0, :, 0])
    read: Tensor = functional.grid_sample(waveforms[:, None, None], grid, align_corners=True)
    return read[:, 0, 0]

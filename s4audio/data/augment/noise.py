"""Other sounds beside the clip."""

import torch
from torch import Tensor

from s4audio.data.augment.timing import without_padding

_SILENCE = 1e-6  # norm below which something counts as silent
_LOWEST_HZ = 20.0


def mix(waveforms: Tensor, noise: Tensor, snr_db: Tensor, lengths: Tensor) -> Tensor:
    """Add noise at a given ratio of mean powers, taken over each clip without its padding.

    Args:
        waveforms: (batch, time), zero behind `lengths`.
        noise: (batch, time).
        snr_db: (batch,), 10 log10 of clip power / noise power.
        lengths: int64 (batch,).

    Returns:
        (batch, time). A silent clip, or silent noise, changes nothing.
    """
    # Both run over the same number of samples, so that powers are in the ratio of energies.
    noise = without_padding(noise, lengths)
    energy = torch.linalg.vector_norm(waveforms, dim=1)
    noise_energy = torch.linalg.vector_norm(noise, dim=1)
    level = energy / noise_energy.clamp(min=_SILENCE) / 10 ** (snr_db / 20)
    level = torch.where(noise_energy > _SILENCE, level, 0.0).unsqueeze(1)
    return torch.addcmul(waveforms, noise, level)


def coloured_noise(spectrum: Tensor, slopes: Tensor, sample_rate: int) -> Tensor:
    """Gaussian noise with a 1 / f^slope power spectrum, flat below 20 Hz.

    Args:
        spectrum: (batch, time + 2) white noise, which becomes the real and imaginary parts of the
            spectrum: one transform less than filtering it. time is even.
        slopes: (batch,).
        sample_rate: in Hz.

    Returns:
        (batch, time), at no particular level.
    """
    time = spectrum.shape[1] - 2
    lowest = max(_LOWEST_HZ * time / sample_rate, 1.0)
    bins = torch.arange(time // 2 + 1).clamp(min=lowest)
    magnitude = torch.exp(-slopes.unsqueeze(1) / 2 * bins.log())
    white = torch.view_as_complex(spectrum.view(len(slopes), -1, 2))
    noise: Tensor = torch.fft.irfft(white * magnitude)
    return noise

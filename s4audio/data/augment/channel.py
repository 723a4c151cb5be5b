"""What microphones and lines leave of a recording."""

import math

import torch
from torch import Tensor

_LINE_RATE = 8000
_LINE_BAND = (300.0, 3400.0)
_MU = 255.0


def limit_band(waveforms: Tensor, low_hz: Tensor, high_hz: Tensor, sample_rate: int) -> Tensor:
    """Fade out what lies outside a band, with the magnitude of Butterworth filters of order 4.

    The phase is left alone, so nothing is delayed. The clip is taken as periodic.

    Args:
        waveforms: (batch, time).
        low_hz: (batch,), frequency at which the lower edge has fallen by 3 dB.
        high_hz: (batch,), > 0, the same of the upper edge.
        sample_rate: in Hz.
    """
    time = waveforms.shape[1]
    spectrum = torch.fft.rfft(waveforms)
    frequency = torch.arange(1, spectrum.shape[1]) * (sample_rate / time)
    below = _eighth_power(low_hz.unsqueeze(1) / frequency)
    above = _eighth_power(frequency / high_hz.unsqueeze(1))
    spectrum[:, 1:] *= torch.rsqrt((1 + below) * (1 + above))
    spectrum[:, 0] *= low_hz == 0
    limited: Tensor = torch.fft.irfft(spectrum, n=time)
    return limited


def remove_band(waveforms: Tensor, low_hz: Tensor, high_hz: Tensor, sample_rate: int) -> Tensor:
    """Silence everything within a band. The clip is taken as periodic.

    Args:
        waveforms: (batch, time).
        low_hz: (batch,), where the band begins.
        high_hz: (batch,), where it ends.
        sample_rate: in Hz.

    Source: the frequency masks of Park et al., "SpecAugment", arXiv 1904.08779, on waveforms.
    """
    time = waveforms.shape[1]
    spectrum = torch.fft.rfft(waveforms)
    frequency = torch.arange(spectrum.shape[1]) * (sample_rate / time)
    spectrum *= (frequency < low_hz.unsqueeze(1)) | (frequency >= high_hz.unsqueeze(1))
    rest: Tensor = torch.fft.irfft(spectrum, n=time)
    return rest


def telephone(waveforms: Tensor, sample_rate: int) -> Tensor:
    """Send each clip through a telephone line: 300 to 3400 Hz, 8 kHz, mu-law with 8 bits.

    Args:
        waveforms: (batch, time), full scale 1; what is louder is cut.
        sample_rate: in Hz.

    Source: ITU-T G.711 in its continuous form, behind a band of G.712's width.
    """
    time = waveforms.shape[1]
    line_time = min(2 * round(time * _LINE_RATE / sample_rate / 2), time)
    spectrum = torch.fft.rfft(waveforms)[:, : line_time // 2 + 1]
    spectrum = spectrum * _telephone_band(spectrum.shape[1], sample_rate / time)
    line = torch.fft.irfft(spectrum, n=line_time) * (line_time / time)
    received = torch.fft.rfft(quantize_mu_law(line))
    sent: Tensor = torch.fft.irfft(received, n=time) * (time / line_time)
    return sent


def quantize_mu_law(waveforms: Tensor) -> Tensor:
    """Round to the levels of 8-bit mu-law companding: fine steps for quiet samples.

    Args:
        waveforms: full scale 1; what is louder is cut.
    """
    step = math.log1p(_MU) / 127  # 127 levels on either side of zero, which has two codes
    levels = (1.0 + _MU * waveforms.abs().clamp(max=1.0)).log().div(step).round()
    return torch.exp(levels * step).sub(1.0).div(_MU).copysign(waveforms)


def _eighth_power(ratios: Tensor) -> Tensor:
    return ratios.square().square().square()  # `** 8` takes ten times as long


def _telephone_band(bins: int, spacing: float) -> Tensor:
    """Half a cosine from 200 to 300 Hz and from 3400 to 4000 Hz, flat between."""
    frequency = torch.arange(bins) * spacing
    rise = ((frequency - 200.0) / (_LINE_BAND[0] - 200.0)).clamp(0.0, 1.0)
    fall = ((4000.0 - frequency) / (4000.0 - _LINE_BAND[1])).clamp(0.0, 1.0)
    return (rise * (torch.pi / 2)).sin().square() * (fall * (torch.pi / 2)).sin().square()

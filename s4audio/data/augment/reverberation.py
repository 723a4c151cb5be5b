"""The room around the speaker."""

import math

import torch
from torch import Tensor

_FALL = math.log(10**3)  # 60 dB of amplitude


def reverberate(
    waveforms: Tensor, white: Tensor, seconds: Tensor, direct_db: Tensor, sample_rate: int
) -> Tensor:
    """Convolve each clip with the response of a room: the direct sound and decaying noise.

    The direct sound comes at once, so a clip is not delayed, and nothing is heard before it.

    Args:
        waveforms: (batch, time).
        white: (batch, taps), white noise; taps reach as far as the tail should.
        seconds: (batch,), time in which the reverberation falls by 60 dB.
        direct_db: (batch,), ratio of direct to reverberated energy in the response, in dB.
        sample_rate: in Hz.

    Returns:
        (batch, time), each clip with the energy it had; the tail is cut at its end.

    Source: the exponentially decaying noise of J. A. Moorer, About this reverberation business,
    Computer Music Journal 3(2), 1979.
    """
    time, taps = waveforms.shape[1], white.shape[1]
    decay = _FALL / (seconds * sample_rate)
    tail = white * torch.exp((-decay.unsqueeze(1) * torch.arange(taps)).clamp(min=-40.0))
    tail[:, 0] = 0.0
    level = 10 ** (-direct_db / 20) / torch.linalg.vector_norm(tail, dim=1).clamp(min=1e-12)
    size = -(-(time + taps) // 1000) * 1000  # a product of small primes more often than not
    spectrum = torch.fft.rfft(waveforms, n=size)
    response = torch.fft.rfft(tail * level.unsqueeze(1), n=size)
    heard = torch.fft.irfft(spectrum * (1 + response), n=size)[:, :time]
    before = torch.linalg.vector_norm(waveforms, dim=1)
    after = torch.linalg.vector_norm(heard, dim=1)
    kept: Tensor = heard * (before / after.clamp(min=1e-12)).unsqueeze(1)
    return kept

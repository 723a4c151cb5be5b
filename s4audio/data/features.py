"""Spectral features for models that do not take raw waveforms."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from s4audio.data.clips import Clips
from s4audio.errors import UserError

N_MFCC = 20
N_FFT = 200
HOP = 100
N_MELS = 64

_CHUNK = 256


class Mfcc:
    """Mel-frequency cepstral coefficients, normalised per coefficient.

    The S4 paper's settings: 20 coefficients of 64 log mel bands, Hann windows of 200 samples every
    100 samples: one second at 16 kHz gives 161 frames.

    Args:
        sample_rate: of the waveforms, in Hz.
        mean: (20,), subtracted from the coefficients.
        std: (20,), > 0, divides them.

    Raises:
        UserError: torchaudio is not installed.

    Source: Gu, Goel, Re, arXiv 2111.00396, section 4.3 and appendix D.5.
    """

    def __init__(
        self, sample_rate: int, mean: Tensor | None = None, std: Tensor | None = None
    ) -> None:
        try:
            from torchaudio.transforms import MFCC
        except ImportError:
            raise UserError(
                'features="mfcc" needs torchaudio: pip install "s4audio[audio]"'
            ) from None
        with warnings.catch_warnings():
            # 64 bands over 101 frequency bins leave a few bands empty: the paper's choice.
            warnings.filterwarnings("ignore", message="At least one mel filterbank")
            self._transform = MFCC(
                sample_rate,
                n_mfcc=N_MFCC,
                log_mels=True,
                melkwargs={"n_fft": N_FFT, "hop_length": HOP, "n_mels": N_MELS},
            )
        self._mean = torch.zeros(N_MFCC) if mean is None else mean
        self._std = torch.ones(N_MFCC) if std is None else std

    @classmethod
    def fitted(cls, clips: Clips, memory: Path) -> Self:
        """Features with the mean and deviation of each coefficient over all frames of `clips`.

        Args:
            clips: the training split.
            memory: folder in which the result is kept for the next time.
        """
        digest = hashlib.sha256("\n".join(clips.names).encode()).hexdigest()[:16]
        file = memory / f"mfcc-{digest}.npy"
        if file.is_file():
            mean, std = torch.from_numpy(np.load(file))
        else:
            mean, std = _statistics(cls(clips.sample_rate), clips)
            temporary = file.with_suffix(f".{os.getpid()}.npy")
            np.save(temporary, torch.stack([mean, std]).numpy())
            temporary.replace(file)
        return cls(clips.sample_rate, mean, std)

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of a batch.

        Args:
            waveforms: float32 (batch, time).
            lengths: int64 (batch,), in samples.

        Returns:
            float32 (batch, time // 100 + 1, 20), and the lengths in frames.
        """
        coefficients: Tensor = self._transform(waveforms).transpose(1, 2)
        return (coefficients - self._mean) / self._std, lengths // HOP + 1


def _statistics(raw: Mfcc, clips: Clips) -> tuple[Tensor, Tensor]:
    count = 0
    total = torch.zeros(N_MFCC, dtype=torch.float64)
    squares = torch.zeros(N_MFCC, dtype=torch.float64)
    for start in range(0, len(clips), _CHUNK):
        frames, _ = raw(*clips.stack(range(start, min(start + _CHUNK, len(clips)))))
        frames = frames.double()
        count += frames.shape[0] * frames.shape[1]
        total += frames.sum((0, 1))
        squares += frames.square().sum((0, 1))
    mean = total / count
    std = (squares / count - mean**2).clamp(min=0).sqrt() + 1e-5
    return mean.float(), std.float()

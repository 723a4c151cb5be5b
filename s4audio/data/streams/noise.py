"""Noise of power 1 for streams: pieces of recordings, or of random colours."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from s4audio.data.augment.draws import Draws
from s4audio.data.augment.noise import coloured_noise
from s4audio.data.cache import FULL_SCALE, Int16Array

_RECORDED_SHARE = 0.65
_SLOPES = (0.0, 2.0)
_SILENCE = 1e-5  # root mean square below which a piece counts as silent


class Noise:
    """Draws pieces of noise.

    Args:
        recordings: int16 (time,) each; none of them: random colours only, from white to brown.
        sample_rate: of the recordings in Hz.
    """

    def __init__(self, recordings: Sequence[Int16Array], sample_rate: int) -> None:
        self._recordings = list(recordings)
        self._sample_rate = sample_rate

    def pieces(self, seeds: Tensor, size: int) -> Tensor:
        """One piece a seed.

        Args:
            seeds: int64 (pieces,).
            size: samples of a piece, even.

        Returns:
            float32 (pieces, size), of power 1; a silent piece of a recording stays silent.
        """
        draws = Draws(seeds)
        recorded = (draws.uniform("recorded") < _RECORDED_SHARE) & bool(self._recordings)
        noise = torch.empty(len(seeds), size)
        coloured = (~recorded).nonzero().squeeze(1)
        if len(coloured):
            chosen = draws.select(coloured)
            white = chosen.normal("noise", size + 2)
            slopes = chosen.uniform("slope", *_SLOPES)
            noise[coloured] = coloured_noise(white, slopes, self._sample_rate)
        which = (draws.uniform("recording") * len(self._recordings)).long().tolist()
        positions = draws.uniform("position").tolist()
        for row in recorded.nonzero().squeeze(1).tolist():
            noise[row] = _piece(self._recordings[which[row]], size, positions[row])
        power = torch.linalg.vector_norm(noise, dim=1, keepdim=True) / size**0.5
        scaled: Tensor = noise / power.clamp(min=_SILENCE)
        return scaled


def _piece(recording: Int16Array, size: int, position: float) -> Tensor:
    start = int(position * (max(len(recording) - size, 0) + 1))
    # Wraps around at the end of a short one.
    piece = np.resize(recording[start : start + size], size)
    return torch.from_numpy(np.multiply(piece, np.float32(1 / FULL_SCALE), dtype=np.float32))

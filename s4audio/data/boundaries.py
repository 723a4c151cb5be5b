"""Where in a clip the word is, by its energy.

1. Level: power in decibels of frames of 20 ms, every 10 ms.
2. Threshold: 25 dB below the loudest frame, or half way (in decibels) from the clip's own noise to
   the loudest frame, whichever is higher. The noise is the level that a tenth of the frames stay
   below.
3. Stretches: frames at or above the threshold; gaps up to 150 ms, as before the t of "right",
   belong to the word.
4. Word: the stretch with the most energy, from the start of its first frame to the end of its last.
   A click or a breath further away is not part of it.

Faint ends (the f of "off" in a noisy clip) may be cut: ends are good to some 50 ms.
"""

import numpy as np
import numpy.typing as npt

from s4audio.data.audio import FloatArray

_FRAME_SECONDS, _HOP_SECONDS = 0.02, 0.01
_DEPTH_DB = 25.0
_NOISE_QUANTILE = 0.1
_LONGEST_GAP_SECONDS = 0.15
_SILENCE = 1e-12  # power of a clip without sound: far below one step of 16-bit samples


def word_boundaries(waveform: FloatArray, sample_rate: int) -> tuple[int, int] | None:
    """First and last sample of the word in a clip; the module's docstring has the definition.

    Args:
        waveform: float32 (time,), in [-1, 1].
        sample_rate: in Hz.

    Returns:
        Start and end, 0 <= start < end <= time; None if the clip is silent.

    Example:
        >>> clip = np.zeros(16_000, np.float32)
        >>> clip[4000:8000] = 0.5
        >>> word_boundaries(clip, 16_000)
        (3840, 8160)
    """
    size, hop = round(_FRAME_SECONDS * sample_rate), round(_HOP_SECONDS * sample_rate)
    powers = _frame_powers(waveform, size, hop)
    if len(powers) == 0 or powers.max() < _SILENCE:
        return None
    levels = 10 * np.log10(np.maximum(powers, _SILENCE))
    loudest = levels.max()
    noise = np.quantile(levels, _NOISE_QUANTILE)
    active = np.flatnonzero(levels >= max(loudest - _DEPTH_DB, (loudest + noise) / 2))
    gaps = np.flatnonzero(np.diff(active) > round(_LONGEST_GAP_SECONDS / _HOP_SECONDS))
    stretches = np.split(active, gaps + 1)
    word = max(stretches, key=lambda frames: float(powers[frames].sum()))
    return int(word[0] * hop), int(min(word[-1] * hop + size, len(waveform)))


def _frame_powers(waveform: FloatArray, size: int, hop: int) -> npt.NDArray[np.float64]:
    """Mean squares of overlapping frames; the last one may be short."""
    energies = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    starts = np.arange(0, len(waveform), hop)
    ends = np.minimum(starts + size, len(waveform))
    powers: npt.NDArray[np.float64] = (energies[ends] - energies[starts]) / (ends - starts)
    return powers

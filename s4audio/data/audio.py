"""Reading and resampling of audio: the only reader and the only resampler of the package."""

import re
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from torch import Tensor

from s4audio.errors import UserError

FloatArray = npt.NDArray[np.float32]
Waveform = TypeVar("Waveform", FloatArray, Tensor)

EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au"})

# Overshoot of lossy codecs and float mixes stays far below this; integers stored as floats do not.
_LARGEST_PEAK = 4.0

# libsndfile shortens a truncated file silently and says so only in its log.
_SHORTENED = re.compile(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

# Programs that write to a pipe cannot know the size and put a number near 2^31 or 2^32 there.
_UNKNOWN_SIZE = 2**31 - 2**16

# What libsndfile counts where a FLAC encoder that wrote to a pipe left the number out. It cannot
# read such a file to its end.
_UNKNOWN_FRAMES = 2**63 - 1


def read(path: Path | str, max_seconds: float | None = None) -> tuple[FloatArray, int]:
    """Read an audio file as a mono waveform.

    Args:
        path: WAV, FLAC, Ogg, MP3, AIFF or any other file that libsndfile decodes; any sampling
            rate, any length; several channels are averaged.
        max_seconds: refuse a longer file before decoding it; None accepts any length.

    Returns:
        The waveform, float32 in [-1, 1], shape (time,), and its sampling rate in Hz.

    Raises:
        UserError: the file is missing, empty, not audio, truncated, corrupt, longer than
            `max_seconds`, or holds no samples, NaN, infinity or values far outside [-1, 1].
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: a folder, give an audio file")
    if not path.is_file():
        raise UserError(f"{path}: no such audio file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    try:
        with soundfile.SoundFile(path) as file:
            sample_rate, frames, log = file.samplerate, file.frames, file.extra_info
            if frames == _UNKNOWN_FRAMES:
                raise UserError(
                    f"{path}: its header gives no length, as of a FLAC written to a pipe: "
                    "convert it with a program that writes to a file"
                )
            if max_seconds is not None and frames > max_seconds * sample_rate:
                raise UserError(
                    f"{path}: {frames / sample_rate:.1f} s of audio, more than "
                    f"max_seconds={max_seconds:g}: cut the file"
                )
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        reason = str(error).split(": ", 1)[-1].rstrip(".")
        raise UserError(f"{path}: not readable as audio ({reason})") from None
    _check_complete(path, frames, len(samples), log)
    waveform: FloatArray = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return _checked_range(path, waveform), sample_rate


def _check_complete(path: Path, frames: int, frames_read: int, log: str) -> None:
    for header, actual in _SHORTENED.findall(log):
        if int(actual) < int(header) < _UNKNOWN_SIZE:
            raise UserError(
                f"{path}: truncated, the header announces {header} bytes of audio "
                f"and the file holds {actual}"
            )
    if frames_read < frames:
        raise UserError(
            f"{path}: truncated or corrupt, {frames_read} of {frames} samples could be decoded"
        )
    if frames_read == 0:
        raise UserError(f"{path}: the file holds no samples")


def _checked_range(path: Path, waveform: FloatArray) -> FloatArray:
    low, high = float(waveform.min()), float(waveform.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{path}: the samples contain NaN or infinity")
    if max(-low, high) > _LARGEST_PEAK:
        raise UserError(
            f"{path}: samples reach {max(-low, high):g}, expected [-1, 1]: divide float samples "
            "by their full scale (32768 for 16 bits)"
        )
    if max(-low, high) > 1.0:
        return np.clip(waveform, -1.0, 1.0)
    return waveform


def resample(waveform: FloatArray, from_rate: int, to_rate: int) -> FloatArray:
    """Change the sampling rate with a band-limited filter (soxr, quality HQ).

    Args:
        waveform: float32, shape (time,).
        from_rate: sampling rate of `waveform` in Hz, > 0.
        to_rate: sampling rate wanted in Hz, > 0.

    Returns:
        float32, shape (about time * to_rate / from_rate,), never empty. A steep filter overshoots
        on loud transients, so values may leave [-1, 1] slightly.

    Raises:
        ValueError: a rate that is not positive.
    """
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"sampling rates must be positive, got {from_rate} and {to_rate} Hz")
    if from_rate == to_rate:
        return waveform
    resampled: FloatArray = soxr.resample(waveform, from_rate, to_rate, quality="HQ")
    if len(resampled) == 0:
        # A clip shorter than half an output sample: its only value stands for it.
        return np.asarray(waveform[:1])
    return resampled


def decimate(waveform: Waveform, factor: int) -> Waveform:
    """Keep every `factor`-th sample, without a low-pass filter.

    What lies above the new Nyquist frequency folds back. This is how the papers make their 8 kHz
    test from 16 kHz clips.

    Args:
        waveform: array or tensor of shape (..., time).
        factor: >= 1.

    Returns:
        A view of shape (..., ceil(time / factor)).

    Raises:
        ValueError: `factor` < 1.

    Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured State Spaces",
        arXiv 2111.00396, section 4.3 (the 0.5x column).
    """
    if factor < 1:
        raise ValueError(f"decimation factor must be at least 1, got {factor}")
    return waveform[..., ::factor]

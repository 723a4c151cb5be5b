"""Whether a file gives the answers of the model it was made from, and how fast."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from s4audio.models import SequenceClassifier
from s4audio.streaming import Stream, StreamingClassifier

Waveform = npt.NDArray[np.float32]

WINDOWS = (0.3, 1.0, 2.5)
"""Lengths of the check in pooling windows: a part of the first, exactly one, and beyond."""


@dataclass(frozen=True)
class Parity:
    """Agreement on one sound.

    Attributes:
        sound: what it is.
        seconds: how long.
        stream: largest difference of any logit after any chunk from the stream in PyTorch.
        clip: largest difference of a logit after the last chunk from the classifier on the whole
            clip; None where the clip is not as long as in training.
        relative: the larger of the two, relative to the largest logit.
    """

    sound: str
    seconds: float
    stream: float
    clip: float | None
    relative: float


def check(
    path: Path,
    model: SequenceClassifier,
    classifier: StreamingClassifier,
    rate: float,
    recording: Waveform | None = None,
) -> list[Parity]:
    """Compare a file with the model it was made from.

    Args:
        path: the ONNX file.
        model: in evaluation mode.
        classifier: the stream the file was made from.
        rate: training sample rate / sample rate of the audio.
        recording: real sound at the stream's sample rate; repeated where it is too short. None for
            a synthetic sound with the rhythm of speech.

    Returns:
        one result for each sound and length.
    """
    longest = round(max(WINDOWS) * classifier.window) * classifier.chunk
    sounds = {
        "noise": np.random.default_rng(0).normal(0, 0.2, longest).astype(np.float32),
        "recording" if recording is not None else "syllables": (
            syllables(longest, classifier.sample_rate)
            if recording is None
            else np.resize(recording, longest)
        ),
    }
    results = []
    for sound, waveform in sounds.items():
        for windows in WINDOWS:
            chunks = max(1, round(windows * classifier.window))
            clip = waveform[: chunks * classifier.chunk]
            is_whole = abs(len(clip) - model.config.length / rate) < classifier.chunk
            whole = model if is_whole and chunks <= classifier.window else None
            results.append(_compare(path, classifier, whole, rate, sound, clip))
    return results


def syllables(samples: int, sample_rate: int) -> Waveform:
    """A buzz of falling pitch in bursts of four a second, with silence between.

    Args:
        samples: how many.
        sample_rate: in Hz.

    Returns:
        (samples,), in [-1, 1].
    """
    t = np.arange(samples) / sample_rate
    loudness = np.clip(np.sin(2 * np.pi * 4 * t), 0, None) * (0.6 + 0.4 * np.sin(2.3 * t))
    phase = 2 * np.pi * (140 * t + 8 * np.sin(1.7 * t))
    harmonics = np.arange(1, 12)[:, None]
    buzz = (np.sin(harmonics * phase) / harmonics).sum(0)
    return np.asarray(0.4 * loudness * buzz, np.float32)


def measure_speed(path: Path, seconds: float = 2.0) -> float:
    """Seconds of one core for a second of sound, pushed chunk by chunk.

    Args:
        path: an ONNX file of ours.
        seconds: of sound, one chunk at least; the fastest quarter counts, so that other programs
            hardly matter.

    Returns:
        the ratio; below 1 is faster than real time.
    """
    stream = Stream(path)
    samples = max(round(seconds * stream.sample_rate), stream.chunk)
    waveform = syllables(samples, stream.sample_rate)
    times = []
    for start in range(0, len(waveform) - stream.chunk + 1, stream.chunk):
        begin = time.perf_counter()
        stream.push(waveform[start : start + stream.chunk])
        times.append(time.perf_counter() - begin)
    quick = sorted(times)[: max(1, len(times) // 4)]
    return sum(quick) / len(quick) * stream.sample_rate / stream.chunk


def _compare(
    path: Path,
    classifier: StreamingClassifier,
    model: SequenceClassifier | None,
    rate: float,
    sound: str,
    clip: Waveform,
) -> Parity:
    ours = Stream(path).push(clip)
    judge = Stream(classifier).push(clip)
    stream, whole = float(np.abs(ours - judge).max()), None
    largest = float(np.abs(judge).max())
    if model is not None:
        with torch.inference_mode():
            logits = model(torch.from_numpy(clip)[None, :, None], rate=rate)[0].numpy()
        whole = float(np.abs(ours[-1] - logits).max())
        largest = max(largest, float(np.abs(logits).max()))
    # Unlike the built-in maximum, this one passes NaN on.
    worst = float(np.maximum(stream, whole or 0.0))
    seconds = len(clip) / classifier.sample_rate
    return Parity(sound, seconds, stream, whole, worst / max(largest, 1e-30))

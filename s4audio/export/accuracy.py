"""Accuracy of an exported file on real clips."""

from pathlib import Path

import numpy as np

from s4audio.data.clips import Clips
from s4audio.streaming import Stream

BATCH = 16
"""Clips side by side, as that many streams."""


def clip_accuracy(path: Path, clips: Clips) -> float:
    """Share of clips whose last logits favour the right class.

    Args:
        path: an ONNX file of ours.
        clips: at the file's sample rate. Samples after a clip's last whole chunk are not heard; a
            clip shorter than one chunk is padded.

    Returns:
        accuracy in [0, 1].
    """
    stream, right = Stream(path, batch=BATCH), 0
    for start in range(0, len(clips), BATCH):
        batch = [clips[i] for i in range(start, min(start + BATCH, len(clips)))]
        chunks = [max(1, len(clip.waveform) // stream.chunk) for clip in batch]
        audio = np.zeros((BATCH, max(chunks) * stream.chunk), np.float32)
        for row, clip in zip(audio, batch, strict=False):
            samples = clip.waveform[: len(row)]
            row[: len(samples)] = samples
        stream.reset()
        logits = stream.push(audio)
        for scores, last, clip in zip(logits, chunks, batch, strict=False):
            right += int(scores[last - 1].argmax() == clip.target)
    return right / len(clips)

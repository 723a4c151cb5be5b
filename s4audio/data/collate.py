"""The batch that every loader yields, and how clips of different lengths become one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from s4audio.data.audio import FloatArray


class Clip(NamedTuple):
    """One clip of a split.

    Attributes:
        waveform: float32 (time,) in [-1, 1].
        target: row of its label; -1 where there is no label.
        index: its row in the split.
    """

    waveform: FloatArray
    target: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which a clip has no use for


class Batch(NamedTuple):
    """What a loader yields.

    Attributes:
        inputs: float32 (batch, time, features), zero behind the end of each clip.
        lengths: int64 (batch,), valid steps of each clip.
        targets: int64 (batch,), row of the label; -1 where there is no label.
        indices: int64 (batch,), row of the clip in its split.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    indices: Tensor


def collate(clips: Sequence[Clip]) -> Batch:
    """Stack clips, zero-padded at the end to the longest of them.

    Args:
        clips: at least one.

    Returns:
        A batch with inputs of shape (batch, longest clip, 1).
    """
    lengths = np.array([len(clip.waveform) for clip in clips], dtype=np.int64)
    inputs = np.zeros((len(clips), lengths.max()), dtype=np.float32)
    for row, clip in zip(inputs, clips, strict=True):
        row[: len(clip.waveform)] = clip.waveform
    return Batch(
        inputs=torch.from_numpy(inputs).unsqueeze(-1),
        lengths=torch.from_numpy(lengths),
        targets=torch.tensor([clip.target for clip in clips], dtype=torch.int64),
        indices=torch.tensor([clip.index for clip in clips], dtype=torch.int64),
    )

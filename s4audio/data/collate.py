"""A clip of a split, and the batch that every loader of audio yields."""

from typing import NamedTuple

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

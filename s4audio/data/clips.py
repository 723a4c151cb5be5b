"""One split of a data set, as random-access clips of decoded audio."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from s4audio.data.audio import FloatArray
from s4audio.data.cache import FULL_SCALE, Int16Array, Int64Array, Store
from s4audio.data.collate import Clip

Samples = TypeVar("Samples", FloatArray, Int16Array)

_CHUNK = 256  # clips read at a time: a few dozen megabytes


class Clips(Dataset[Clip]):
    """The clips of one split.

    Args:
        store: decoded audio of the data set.
        rows: int64 (clips,), rows of the store that form the split.
        labels: class names; the target of a clip is the row of its label here.
        length: None keeps every clip as long as it is. A number of samples makes all clips that
            long: shorter ones are zero-padded at the end, and the padding counts as part of the
            clip; of longer ones the middle is taken.
        part: shares of each clip between which it is heard, such as one of `NOISE_PARTS`; what is
            outside does not exist for whoever uses these clips.

    Attributes:
        labels: class names.
        names: name of each clip, normally its path below the data set's folder.
        targets: int64 array (clips,), -1 where a clip has no label.
        sample_rate: in Hz.
        length: as given.
    """

    def __init__(
        self,
        store: Store,
        rows: Int64Array,
        labels: Sequence[str],
        length: int | None = None,
        part: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        numbers = {label: number for number, label in enumerate(labels)}
        self.labels = list(labels)
        self.names = [store.names[row] for row in rows]
        self.targets = np.array([numbers.get(store.labels[row], -1) for row in rows], np.int64)
        self.sample_rate = store.sample_rate
        self.length = length
        self._store = store
        self._part = part
        self._rows = np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Clip:
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip {index} of a split of {len(self)} clips")
        index %= len(self)
        waveforms, _ = self._gather([index], self.length, None)
        return Clip(_to_float(waveforms[0]), int(self.targets[index]), index)

    def stack(
        self, indices: Sequence[int], positions: Sequence[float] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Many clips at once: the cheap way to form a batch.

        Args:
            indices: rows of the split, at least one.
            positions: (batch,) in [0, 1), which part of a clip longer than `length` is taken, from
                the first to the last; None takes the middle.

        Returns:
            Waveforms, float32 (batch, time), zero-padded at the end, and lengths, int64 (batch,).
        """
        waveforms, lengths = self._gather(indices, self.length, positions)
        return torch.from_numpy(_to_float(waveforms)), torch.from_numpy(lengths)

    def windows(self, indices: Sequence[int], length: int, positions: Sequence[float]) -> Tensor:
        """A piece of each clip at `positions`, float32 (batch, length); zero-padded if shorter."""
        waveforms, _ = self._gather(indices, length, positions)
        return torch.from_numpy(_to_float(waveforms))

    def mean_and_std(self) -> tuple[float, float]:
        """Mean and standard deviation over all samples, padding of a fixed length included."""
        count, total, squares = 0, 0.0, 0.0
        for start in range(0, len(self), _CHUNK):
            waveforms, lengths = self.stack(range(start, min(start + _CHUNK, len(self))))
            count += int(lengths.sum())
            total += float(waveforms.sum(dtype=torch.float64))
            squares += float(waveforms.double().square_().sum())
        mean = total / count
        return mean, math.sqrt(max(squares / count - mean**2, 0.0))

    def sizes(self) -> Int64Array:
        """Length of each clip in samples, int64 (clips,)."""
        if self.length is not None:
            return np.full(len(self), self.length, dtype=np.int64)
        lengths = self._store.lengths[self._rows]
        starts, stops = _bounds(lengths, self._part)
        return stops - starts

    def _gather(
        self, indices: Sequence[int], length: int | None, positions: Sequence[float] | None
    ) -> tuple[Int16Array, Int64Array]:
        rows = self._rows[indices]
        limits = zip(*_bounds(self._store.lengths[rows], self._part), strict=True)
        clips = [self._store[row][a:b] for row, (a, b) in zip(rows, limits, strict=True)]
        if length is None:
            lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
        else:
            places = [None] * len(clips) if positions is None else positions
            clips = [_window(clip, length, at) for clip, at in zip(clips, places, strict=True)]
            lengths = np.full(len(clips), length, dtype=np.int64)
        stacked = np.zeros((len(clips), lengths.max()), dtype=np.int16)
        for row, clip in zip(stacked, clips, strict=True):
            row[: len(clip)] = clip
        return stacked, lengths


def between(waveform: Samples, limits: tuple[float, float]) -> Samples:
    """The part of a recording between two shares of its length, never empty."""
    (start,), (stop,) = _bounds(np.array([len(waveform)]), limits)
    return waveform[start:stop]


def _bounds(lengths: Int64Array, limits: tuple[float, float]) -> tuple[Int64Array, Int64Array]:
    """First sample of the part of each clip, and the one behind its last."""
    starts, stops = ((share * lengths).astype(np.int64) for share in limits)
    return starts, np.maximum(stops, starts + 1)


def _window(clip: Int16Array, length: int, position: float | None) -> Int16Array:
    spare = max(len(clip) - length, 0)
    start = spare // 2 if position is None else int(position * (spare + 1))
    return clip[start : start + length]


def _to_float(samples: Int16Array) -> FloatArray:
    # One pass: a cast and a multiplication apart would walk through memory twice.
    scaled: FloatArray = np.multiply(samples, np.float32(1 / FULL_SCALE), dtype=np.float32)
    return scaled

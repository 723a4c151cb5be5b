"""Batches of streams: each row continues where it ended in the batch before."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from s4audio.data.cache import Int64Array
from s4audio.data.loader import BatchedDataset
from s4audio.data.streams.assembly import Assembler
from s4audio.data.streams.layout import BURST
from s4audio.data.streams.targets import FrameTargets


class StreamBatch(NamedTuple):
    """A segment of each of some streams, and what came before it.

    Attributes:
        inputs: float32 (batch, context + segment, 1).
        targets: int64 (batch, frames) of the segment alone: a class, `IGNORED` or `NO_KEYWORD`.
        hop: samples of a frame.
    """

    inputs: Tensor
    targets: Tensor
    hop: int


class Streams(BatchedDataset[StreamBatch]):
    """Segments of streams: row `i` is segment `i // streams` of stream `i % streams`.

    There is no end: rows beyond the length are later segments.

    Args:
        assemble: makes segments.
        targets: derives targets from the words.
        context: samples before a segment, at most a segment without its crossfade.
        streams: how many run side by side.
        size: number of rows in an epoch.
    """

    def __init__(
        self, assemble: Assembler, targets: FrameTargets, context: int, streams: int, size: int
    ) -> None:
        self._assemble = assemble
        self._targets = targets
        self._context = context
        self._streams = streams
        self._size = size
        # The latest segments, so that the next batch need not make its context anew. What is in
        # here does not change any result.
        self._made: dict[tuple[int, int], _Segment] = {}

    def __len__(self) -> int:
        return self._size

    def __getitems__(self, indices: Sequence[int]) -> StreamBatch:
        """A batch of some rows."""
        segments, streams = np.divmod(np.asarray(indices, np.int64), self._streams)
        places = [*zip(streams.tolist(), segments.tolist(), strict=True)]
        self._make(places)
        pairs = [(self._made[row, n - 1], self._made[row, n]) for row, n in places]
        self._made = {place: self._made[place] for place in places}
        inputs = torch.stack([self._joined(before, now) for before, now in pairs])
        targets = np.stack([self._target(before, now) for before, now in pairs])
        return StreamBatch(inputs.unsqueeze(-1), torch.from_numpy(targets), self._targets.hop)

    def _make(self, places: Sequence[tuple[int, int]]) -> None:
        """Make the segments that are needed and not there yet, all at once."""
        needed = {(row, n) for row, segment in places for n in (segment - 1, segment)}
        missing = sorted(needed - self._made.keys())
        if not missing:
            return
        streams, segments = np.array(missing, np.int64).T.copy()
        waveforms, events = self._assemble(streams, segments)
        for number, place in enumerate(missing):
            own = (events.row == number) & (events.kind != BURST)
            self._made[place] = _Segment(
                waveforms[number], events.start[own], events.end[own], events.target[own]
            )

    def _joined(self, before: "_Segment", now: "_Segment") -> Tensor:
        size = self._assemble.plan.segment
        waveform = torch.cat([before.waveform[size - self._context : size], now.waveform[:size]])
        seam = slice(self._context, self._context + self._assemble.crossfade)
        waveform[seam] += before.waveform[size:]
        # As a converter does.
        return waveform.clamp_(-1.0, 1.0)

    def _target(self, before: "_Segment", now: "_Segment") -> Int64Array:
        size = self._assemble.plan.segment
        return self._targets(
            size // self._targets.hop,
            np.concatenate([before.start - size, now.start]),
            np.concatenate([before.end - size, now.end]),
            np.concatenate([before.target, now.target]),
        )


class _Segment(NamedTuple):
    """A segment with the end of its noise behind it, and its words, in samples of the segment."""

    waveform: Tensor
    start: Int64Array
    end: Int64Array
    target: Int64Array


class Onwards(Sampler[int]):
    """Rows in order, each epoch where the last one ended.

    The trainer sets the epoch, so that a resumed run goes on with the streams it would have heard;
    without a trainer each pass is the next epoch.

    Args:
        size: number of rows in an epoch.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._epoch = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._size
        self._epoch += 1
        yield from range(first, first + self._size)

    def set_epoch(self, epoch: int) -> None:
        """Choose where the next pass begins."""
        self._epoch = epoch

"""From rows to batches: whole batches at a time, so that no Python runs per clip but a slice."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Generator
from torch.utils.data import DataLoader, Dataset, Sampler

from s4audio.data.augment import AugmentConfig, Draws, augment, clip_seeds
from s4audio.data.clips import Clips
from s4audio.data.collate import Batch
from s4audio.data.features import Mfcc

B = TypeVar("B")


class BatchedDataset(Dataset[B], ABC, Generic[B]):
    """A split that makes whole batches, of whatever type.

    A row of a later epoch is asked for as `epoch * len(self) + row`, see `SeededShuffle`.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitems__(self, indices: Sequence[int]) -> B:
        """A batch of some rows."""

    def __getitem__(self, index: int) -> B:
        return self.__getitems__([index])


class Batches(BatchedDataset[Batch]):
    """A split whose `__getitems__` returns a collated, augmented batch.

    Args:
        clips: the split.
        features: turns waveforms into features; None passes waveforms on.
        augmentation: what to change at random; None changes nothing.
        background: recordings for the augmentation's background noise.
        random_windows: take a random part of a clip longer than the split's fixed length.
        seed: of every random choice made here; each depends on (seed, epoch, clip) alone.
    """

    def __init__(
        self,
        clips: Clips,
        *,
        features: Mfcc | None = None,
        augmentation: AugmentConfig | None = None,
        background: Clips | None = None,
        random_windows: bool = False,
        seed: int = 0,
    ) -> None:
        self.clips = clips
        self._features = features
        self._augmentation = augmentation
        self._background = background
        self._random_windows = random_windows
        self._seed = seed

    def __len__(self) -> int:
        return len(self.clips)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A collated, augmented batch."""
        epochs, rows = np.divmod(np.asarray(indices, dtype=np.int64), len(self))
        seeds = clip_seeds(self._seed, epochs, rows)
        positions = Draws(seeds).uniform("window").tolist() if self._random_windows else None
        waveforms, lengths = self.clips.stack(rows.tolist(), positions)
        if self._augmentation is not None:
            waveforms = augment(
                waveforms,
                lengths,
                self._augmentation,
                sample_rate=self.clips.sample_rate,
                seeds=seeds,
                background=self._background,
                speech=self.clips,
            )
        inputs = waveforms.unsqueeze(-1)
        if self._features is not None:
            inputs, lengths = self._features(waveforms, lengths)
        targets = torch.from_numpy(self.clips.targets[rows])
        return Batch(inputs, lengths, targets, torch.from_numpy(rows))


class SeededShuffle(Sampler[int]):
    """Random order that depends on (seed, epoch) alone.

    So a resumed run continues with the order it would have had. The trainer sets the epoch;
    without a trainer each pass is the next epoch. Yields `epoch * size + row`, so that whoever
    forms the batch, in whatever process, knows the epoch.

    Args:
        size: number of rows.
        seed: of the order.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        # Seeds of neighbouring (seed, epoch) pairs must not coincide, as seed + epoch would.
        generator = Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        first = self._epoch * self._size
        self._epoch += 1
        yield from (first + torch.randperm(self._size, generator=generator)).tolist()

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self._epoch = epoch


def make_loader(
    dataset: BatchedDataset[B], *, batch_size: int, num_workers: int, seed: int, training: bool
) -> DataLoader[B]:
    """Loader over a split.

    Args:
        dataset: the split.
        batch_size: rows in a batch, >= 1.
        num_workers: processes that prepare batches; 0 prepares them in the training process.
        seed: of the order and of the workers.
        training: shuffle, and drop a last batch that is not full (batch norm cannot work on one
            row) unless it is the only one. Otherwise every row comes exactly once, in order.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=SeededShuffle(len(dataset), seed) if training else None,
        drop_last=training and len(dataset) >= batch_size,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        collate_fn=already_a_batch,
        generator=Generator().manual_seed(seed),
    )


def already_a_batch(batch: Any) -> Any:
    """To collate what `__getitems__` has collated; the loader's type knows only lists of items."""
    return batch

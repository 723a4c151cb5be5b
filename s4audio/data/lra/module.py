"""What the data sets of sequences share: splits, batches, loaders."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from s4audio.data.base import Split, SplitDataModule
from s4audio.data.cache import Int64Array
from s4audio.data.collate import Batch
from s4audio.data.loader import BatchedDataset
from s4audio.data.lra.store import SequenceStore

Rows = dict[Split, Int64Array]


class Sequences(BatchedDataset[Batch]):
    """One split, whose `__getitems__` returns a batch.

    Of pairs, the batch holds the sequences in rows 2 i and 2 i + 1, so it has twice as many inputs
    and lengths as targets.

    Args:
        store: all rows of the data set.
        rows: those of the split.
        labels: class names.

    Attributes:
        labels: class names.
        names: name of each row.
        targets: int64 array (rows,).
    """

    def __init__(self, store: SequenceStore, rows: Int64Array, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.names: list[str] = store.names[rows].tolist()
        self.targets = store.targets[rows]
        self._store = store
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A batch.

        Args:
            indices: rows of the split; of a later epoch, `epoch * len(self) + row`.

        Returns:
            Inputs of shape (batch, longest, 1), zero-padded at the end: int64 tokens, or float32
            pixels in [0, 1].
        """
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        sequences = [sequence for row in self._rows[rows] for sequence in self._store[row]]
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        stacked = np.zeros((len(sequences), lengths.max()), sequences[0].dtype)
        for line, sequence in zip(stacked, sequences, strict=True):
            line[: len(sequence)] = sequence
        return Batch(
            self._inputs(stacked),
            torch.from_numpy(lengths),
            torch.from_numpy(self.targets[rows]),
            torch.from_numpy(rows),
        )

    def _inputs(self, stacked: np.ndarray) -> Tensor:
        if self._store.symbols:
            return torch.from_numpy(stacked.astype(np.int64)).unsqueeze(-1)
        return torch.from_numpy(stacked).float().div_(255).unsqueeze(-1)


class SequenceDataModule(SplitDataModule[Sequences]):
    """Base of the data sets of tokens and pixels.

    A data set says what its classes are, which rows it has and how they are split; everything else
    is here.

    Args:
        batch_size: rows in a batch.
        num_workers: processes that prepare batches; 0 is normally the fastest.
        seed: of the order of the training rows.
    """

    def __init__(self, *, batch_size: int, num_workers: int, seed: int) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        self._store: SequenceStore | None = None
        self._rows: Rows = {}

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """Class names; the target of a row is the row of its label."""

    @abstractmethod
    def open_store(self) -> SequenceStore:
        """The rows; downloads, generates and reads them first where needed."""

    @abstractmethod
    def partition(self, store: SequenceStore) -> Rows:
        """Rows of the store in each split."""

    @property
    def d_input(self) -> int:
        """Features at each step."""
        return 1

    @property
    def vocabulary(self) -> int | None:
        """Number of tokens, padding included; None for pixels. Prepares the data if need be."""
        return len(self._open().symbols) or None

    def prepare_data(self) -> None:
        """Make what is not in the cache yet; does nothing the second time."""
        self._open()

    def setup(self, stage: str | None = None) -> None:
        """Open the rows; every stage needs the same ones."""
        self._open()

    def split(self, name: Split) -> Sequences:
        """The rows of one split."""
        store = self._open()
        return Sequences(store, self._rows[name], self.labels)

    def statistics(self) -> tuple[float, float]:
        """What a model standardises pixels with: mean and standard deviation, here (0, 1)."""
        return 0.0, 1.0

    def _open(self) -> SequenceStore:
        if self._store is None:
            self._store = self.open_store()
            self._rows = self.partition(self._store)
        return self._store


def rows_of_parts(store: SequenceStore, train: str, validation: str, testing: str) -> Rows:
    """Splits that are whole parts of the store."""
    return {
        "train": np.flatnonzero(store.parts == train),
        "validation": np.flatnonzero(store.parts == validation),
        "testing": np.flatnonzero(store.parts == testing),
    }

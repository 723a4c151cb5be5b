"""Windows of a long sequence of tokens, for training and for scoring every token once."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from s4audio.data.base import DataModule, Split
from s4audio.data.loader import BatchedDataset
from s4audio.errors import UserError

Tokens = NDArray[Any]
"""Integers (time,)."""

NOT_SCORED = -1
"""Target of an input after which no token is to be predicted."""


class TokenBatch(NamedTuple):
    """What a loader of tokens yields.

    Attributes:
        inputs: int64 (batch, time).
        targets: int64 (batch, time), the token after each input; `NOT_SCORED` where it is context
            only, or padding.
        indices: int64 (batch,), row in the split.
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor


class TrainingWindows(BatchedDataset[TokenBatch]):
    """Windows side by side; each epoch they start at another random place.

    Args:
        tokens: of the split.
        length: tokens of a window, at most half of all.
        seed: of the place where the windows start.
    """

    def __init__(self, tokens: Tokens, length: int, seed: int) -> None:
        self._tokens, self._length, self._seed = tokens, length, seed

    def __len__(self) -> int:
        return (len(self._tokens) - 1) // self._length - 1

    def __getitems__(self, indices: Sequence[int]) -> TokenBatch:
        """A batch; a row of a later epoch is `epoch * len(self) + row`."""
        epochs, rows = np.divmod(np.asarray(indices, dtype=np.int64), len(self))
        starts = rows * self._length + np.array([self._shift(epoch) for epoch in epochs.tolist()])
        windows = np.stack([self._tokens[i : i + self._length + 1] for i in starts.tolist()])
        both = torch.from_numpy(windows.astype(np.int64))
        return TokenBatch(both[:, :-1], both[:, 1:], torch.from_numpy(rows))

    def _shift(self, epoch: int) -> int:
        return int(np.random.default_rng([self._seed, epoch]).integers(self._length))


class ScoringWindows(BatchedDataset[TokenBatch]):
    """Sliding windows that score every token but the first exactly once.

    Args:
        tokens: of the split, at least two.
        length: tokens of a window.
        context: tokens at the start of a window that are context only, below `length`. The first
            window has none. 0 makes the windows lie side by side.
    """

    def __init__(self, tokens: Tokens, length: int, context: int) -> None:
        self._tokens, self._length, self._context = tokens, length, context
        self._stride = length - context

    def __len__(self) -> int:
        return 1 + max(0, -(-(len(self._tokens) - 1 - self._length) // self._stride))

    def __getitems__(self, indices: Sequence[int]) -> TokenBatch:
        """A batch, padded at the end."""
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        inputs = np.zeros((len(rows), self._length), np.int64)
        targets = np.full((len(rows), self._length), NOT_SCORED, np.int64)
        for line, row in enumerate(rows.tolist()):
            start = row * self._stride
            window = self._tokens[start : start + self._length + 1]
            inputs[line, : len(window) - 1] = window[:-1]
            known = self._context if row else 0
            targets[line, known : len(window) - 1] = window[known + 1 :]
        return TokenBatch(*map(torch.from_numpy, (inputs, targets, rows)))


class TokenDataModule(DataModule):
    """Base of the data sets of text: three long sequences of tokens.

    Args:
        length: tokens of a window, at least 1.
        context: tokens that every scored token has before it at least, below `length`; the first
            of a split have what there is.
        batch_size: windows in a batch.
        num_workers: processes that prepare batches; 0 is the fastest.
        seed: of the order of the training windows, and of where they start.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self, *, length: int, context: int, batch_size: int, num_workers: int, seed: int
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 <= context < length:
            raise ValueError(
                f"context must be at least 0 and below length, got context={context} and "
                f"length={length}"
            )
        self.length, self.context = length, context

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """The vocabulary; the row of a symbol is its token."""

    @abstractmethod
    def tokens(self, name: Split) -> Tokens:
        """All tokens of a split."""

    def setup(self, stage: str | None = None) -> None:
        """Nothing beyond `prepare_data`."""

    def train_dataloader(self) -> DataLoader[TokenBatch]:
        """Shuffled batches of whole windows."""
        tokens = self._enough("train", 2 * self.length + 1)
        windows = TrainingWindows(tokens, self.length, self.seed)
        return self._loader(windows, training=True)

    def val_dataloader(self) -> DataLoader[TokenBatch]:
        """Sliding windows over the validation split, in order."""
        return self._loader(self.scoring("validation"), training=False)

    def test_dataloader(self) -> DataLoader[TokenBatch]:
        """Sliding windows over the test split, in order."""
        return self._loader(self.scoring("testing"), training=False)

    def scoring(self, name: Split) -> ScoringWindows:
        """Sliding windows over a split."""
        return ScoringWindows(self._enough(name, 2), self.length, self.context)

    def _enough(self, name: Split, least: int) -> Tokens:
        tokens = self.tokens(name)
        if len(tokens) < least:
            raise UserError(
                f"the {name} split of this {type(self).__name__} has {len(tokens)} tokens, and "
                f"windows of {self.length} need {least}: give more text, or lower length"
            )
        return tokens

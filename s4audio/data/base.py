"""What every data set shares: batch size, workers, seed, loaders, description."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from s4audio.data.loader import BatchedDataset, make_loader
from s4audio.errors import UserError

Split = Literal["train", "validation", "testing"]
B = TypeVar("B")
D = TypeVar("D", bound=BatchedDataset[Any])
R = TypeVar("R", bound=Sized)


class DataModule(LightningDataModule, ABC):
    """Base of all data sets.

    A subclass keeps each of its constructor's arguments in an attribute of the same name, which is
    what `describe` reads. What a task has to know of its data (`labels`, `sample_rate`,
    `vocabulary` ...) is a property of the argument's name; the command line passes it on.

    Args:
        batch_size: rows in a batch.
        num_workers: processes that prepare batches; 0 is normally the fastest.
        seed: of the order of the training rows, and of whatever else is random.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(self, *, batch_size: int, num_workers: int, seed: int) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if num_workers < 0:
            raise ValueError(f"num_workers must not be negative, got {num_workers}")
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed

    @abstractmethod
    def prepare_data(self) -> None:
        """Fetch, generate and read what is not in the cache yet; does nothing the second time."""

    @abstractmethod
    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled batches, all of the same number of rows."""

    @abstractmethod
    def val_dataloader(self) -> DataLoader[Any]:
        """Every validation row once, in order."""

    @abstractmethod
    def test_dataloader(self) -> DataLoader[Any]:
        """Every test row once, in order."""

    def predict_dataloader(self) -> DataLoader[Any]:
        """Every test row once, in order."""
        return self.test_dataloader()

    def describe(self) -> dict[str, Any]:
        """Class and arguments as plain JSON types, for `from_description`."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        arguments = {name: _plain(getattr(self, name)) for name in names}
        return {"class": type(self).__name__, "arguments": arguments}

    def _not_empty(self, rows: R, name: Split) -> R:
        """The rows of a split, of which there must be some."""
        if len(rows) == 0:
            raise UserError(
                f"the {name} split of this {type(self).__name__} is empty: add to it, or divide "
                "the data in another way"
            )
        return rows

    def _loader(self, dataset: BatchedDataset[B], *, training: bool) -> DataLoader[B]:
        """Loader over a split with the batch size, workers and seed of this data set."""
        return make_loader(
            dataset,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            seed=self.seed,
            training=training,
        )


class SplitDataModule(DataModule, Generic[D]):
    """Base of data sets whose every split is rows that come in batches: `split` gives them."""

    @abstractmethod
    def split(self, name: Split) -> D:
        """The rows of one split."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled batches, all of the same number of rows."""
        return self._loader(self._filled("train"), training=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Every validation row once, in order."""
        return self._loader(self._filled("validation"), training=False)

    def test_dataloader(self) -> DataLoader[Any]:
        """Every test row once, in order."""
        return self._loader(self._filled("testing"), training=False)

    def _filled(self, name: Split) -> D:
        return self._not_empty(self.split(name), name)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value

"""What the data sets of pixel sequences share: splits, batches, order of the pixels."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from s4audio.data.base import Split, SplitDataModule
from s4audio.data.cache import Int64Array
from s4audio.data.collate import Batch
from s4audio.data.loader import BatchedDataset
from s4audio.data.pixels.orders import Permutation, pixel_order
from s4audio.data.splits import shuffled
from s4audio.errors import UserError

Uint8Array = npt.NDArray[np.uint8]


class Pictures(NamedTuple):
    """Pictures with their classes.

    Attributes:
        pixels: uint8 (pictures, steps, features), row by row.
        targets: int64 (pictures,).
    """

    pixels: Uint8Array
    targets: Int64Array


class Pixels(BatchedDataset[Batch]):
    """One split, in memory.

    Args:
        pictures: of the split, pixels in the order in which they are read.
        names: of the pictures.
        labels: class names.
        mean: of each feature of the pixels in [0, 1], subtracted.
        std: of each feature, divided by.

    Attributes:
        names: of the pictures.
        labels: class names.
        targets: int64 (pictures,).
    """

    def __init__(
        self,
        pictures: Pictures,
        names: Sequence[str],
        labels: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.names = list(names)
        self.labels = list(labels)
        self.targets = pictures.targets
        self._pixels = pictures.pixels
        self._mean = 255 * torch.tensor(mean)
        self._std = 255 * torch.tensor(std)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A batch.

        Args:
            indices: rows of the split; of a later epoch, `epoch * len(self) + row`.

        Returns:
            Inputs float32 (batch, steps, features).
        """
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        inputs = torch.from_numpy(self._pixels[rows]).float().sub_(self._mean).div_(self._std)
        return Batch(
            inputs,
            torch.full((len(rows),), inputs.shape[1]),
            torch.from_numpy(self.targets[rows]),
            torch.from_numpy(rows),
        )


class PixelDataModule(SplitDataModule[Pixels]):
    """Base of the data sets of pictures, read a pixel a step.

    A random part of the training pictures validates, drawn with the seed of the S4 code.

    Args:
        permutation: in which order the pixels are read.
        validation: share of the training pictures that validates, in (0, 1).
        batch_size: pictures in a batch.
        num_workers: processes that prepare batches; 0 is the fastest, as pictures are in memory.
        seed: of the order of the training pictures.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        *,
        permutation: Permutation,
        validation: float,
        batch_size: int,
        num_workers: int,
        seed: int,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 < validation < 1:
            raise ValueError(f"validation must be between 0 and 1, got {validation}")
        pixel_order(permutation, 1)  # says so at once if there is no such permutation
        self.permutation: Permutation = permutation
        self.validation = validation
        self._splits: dict[Split, Pixels] = {}

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """Class names; the target of a picture is the row of its label."""

    @property
    @abstractmethod
    def d_input(self) -> int:
        """Features at each step: 1 for grey, 3 for red, green and blue."""

    @property
    @abstractmethod
    def scale(self) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and standard deviation of each feature that the batches are standardised with."""

    @abstractmethod
    def read(self) -> tuple[Pictures, Pictures]:
        """Training and test pictures; downloads them first where that is wanted."""

    @abstractmethod
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation that a model may standardise its input with."""

    def prepare_data(self) -> None:
        """Read the pictures, and download them first where that is wanted."""
        self._open()

    def setup(self, stage: str | None = None) -> None:
        """Read the pictures."""
        self._open()

    def split(self, name: Split) -> Pixels:
        """The pictures of one split."""
        return self._open()[name]

    def _open(self) -> dict[Split, Pixels]:
        if not self._splits:
            train, test = self.read()
            order = shuffled(np.arange(len(train.targets)))
            kept = len(order) - int(self.validation * len(order))
            self._splits = {
                "train": self._part(train, "train", order[:kept]),
                "validation": self._part(train, "train", order[kept:]),
                "testing": self._part(test, "test", np.arange(len(test.targets))),
            }
        return self._splits

    def _part(self, pictures: Pictures, file: str, rows: Int64Array) -> Pixels:
        if len(rows) == 0:
            raise UserError(f"{type(self).__name__}: a split has no pictures; raise validation")
        order = pixel_order(self.permutation, pictures.pixels.shape[1])
        chosen = Pictures(pictures.pixels[rows][:, order], pictures.targets[rows])
        return Pixels(chosen, [f"{file}:{row}" for row in rows], self.labels, *self.scale)

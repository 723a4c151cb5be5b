"""Pictures as sequences of bytes whose distribution is to be learned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from s4audio.data.base import Split, SplitDataModule
from s4audio.data.loader import BatchedDataset
from s4audio.data.pixels.cifar import SequentialCifar10
from s4audio.data.pixels.module import Uint8Array
from s4audio.data.splits import shuffled
from s4audio.data.tokens import TokenBatch
from s4audio.errors import UserError

START = 0
"""The value that stands before the first of a picture."""

VALUES = 256


class BytePictures(BatchedDataset[TokenBatch]):
    """One split: each picture a row of tokens, each predicted from those before it.

    Args:
        pictures: uint8 (pictures, values of a picture).
    """

    def __init__(self, pictures: Uint8Array) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitems__(self, indices: Sequence[int]) -> TokenBatch:
        """A batch; a row of a later epoch is `epoch * len(self) + row`."""
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        targets = torch.from_numpy(self.pictures[rows].astype(np.int64))
        first = torch.full((len(rows), 1), START)
        inputs = torch.cat([first, targets[:, :-1]], dim=1)
        return TokenBatch(inputs, targets, torch.from_numpy(rows))


class Cifar10Density(SplitDataModule[BytePictures]):
    """CIFAR-10 for density estimation: 3,072 values of 256 levels, a token each.

    Pixels come row by row, and of each pixel red, green and blue. A random part of the training
    pictures validates.

    Args:
        root: as of `SequentialCifar10`: the folder of CIFAR-10, or an `.npz` file with `x_train`
            (pictures, 32, 32, 3), `y_train`, `x_test` and `y_test`.
        download: fetch the data set (170 MB) when it is not there.
        validation: share of the training pictures that validates, in (0, 1).
        batch_size: pictures in a batch.
        num_workers: processes that prepare batches; 0 is the fastest, as pictures are in memory.
        seed: of the order of the training pictures.

    Raises:
        ValueError: a number out of range.

    Source: Gu, Goel, Re (2022), section 4.4; Parmar et al., "Image Transformer" (2018).
    """

    def __init__(
        self,
        root: Path | str = "data",
        download: bool = False,
        validation: float = 0.1,
        batch_size: int = 50,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 < validation < 1:
            raise ValueError(f"validation must be between 0 and 1, got {validation}")
        self.root = Path(root)
        self.download = download
        self.validation = validation
        self._splits: dict[Split, BytePictures] = {}

    @property
    def labels(self) -> list[str]:
        """The values 0 to 255."""
        return [str(value) for value in range(VALUES)]

    def prepare_data(self) -> None:
        """Read the pictures, and download them first where that is wanted."""
        self._open()

    def setup(self, stage: str | None = None) -> None:
        """Read the pictures."""
        self._open()

    def split(self, name: Split) -> BytePictures:
        """The pictures of one split."""
        return self._open()[name]

    def _open(self) -> dict[Split, BytePictures]:
        if not self._splits:
            train, test = SequentialCifar10(self.root, self.download).read()
            pictures = train.pixels.reshape(len(train.pixels), -1)
            order = shuffled(np.arange(len(pictures)))
            held_out = int(self.validation * len(order))
            if held_out == 0:
                raise UserError(f"{self.root}: too few pictures to validate; raise validation")
            self._splits = {
                "train": BytePictures(pictures[order[held_out:]]),
                "validation": BytePictures(pictures[order[:held_out]]),
                "testing": BytePictures(test.pixels.reshape(len(test.pixels), -1)),
            }
        return self._splits

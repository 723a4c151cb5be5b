"""Sequential CIFAR-10: colour pictures, a pixel a step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4audio.data.lra.archive import fetch_archive
from s4audio.data.lra.image import CLASSES, SHA256, URL
from s4audio.data.pixels.files import read_batch, read_npz
from s4audio.data.pixels.module import Pictures, PixelDataModule
from s4audio.data.pixels.orders import Permutation
from s4audio.errors import UserError

_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
# Folder of each version of the data set, and the ending of its files.
_VERSIONS = {"cifar-10-batches-py": "", "cifar-10-batches-bin": ".bin"}
_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)


class SequentialCifar10(PixelDataModule):
    """Pictures of ten kinds of things as sequences of 1,024 pixels with three colours each.

    Red, green and blue are standardised with the constants of the S4 code.

    Args:
        root: folder that holds `cifar-10-batches-py` (torchvision's version) or
            `cifar-10-batches-bin`, or one of these, or an `.npz` file with `x_train` (pictures,
            32, 32, 3), `y_train`, `x_test` and `y_test`.
        download: fetch the data set (170 MB) when it is not there.
        permutation: in which order the pixels are read; "none" is the benchmark, row by row.
        validation: share of the training pictures that validates, in (0, 1).
        batch_size: pictures in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training pictures.

    Raises:
        ValueError: a number out of range, or an unknown permutation.

    Source: splits and standardisation as in the code of Gu, Goel, Re, arXiv 2111.00396, section
        4.3. Pictures: Krizhevsky, 2009.
    """

    def __init__(
        self,
        root: Path | str = "data",
        download: bool = False,
        permutation: Permutation = "none",
        validation: float = 0.1,
        batch_size: int = 50,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            permutation=permutation,
            validation=validation,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        self.root = Path(root)
        self.download = download

    @property
    def labels(self) -> list[str]:
        """The kinds of things."""
        return list(CLASSES)

    @property
    def d_input(self) -> int:
        """3: red, green and blue."""
        return 3

    @property
    def scale(self) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and standard deviation of each colour in the papers' code."""
        return _MEAN, _STD

    def statistics(self) -> tuple[float, float]:
        """(0, 1): the loader standardises each colour."""
        return 0.0, 1.0

    def read(self) -> tuple[Pictures, Pictures]:
        """Training and test pictures; downloads them first where that is wanted."""
        if self.root.suffix == ".npz" and self.root.is_file():
            return read_npz(self.root, (32, 32, 3))
        folder, ending = self._folder()
        batches = [read_batch(folder / f"{name}{ending}") for name in _BATCHES]
        pixels, targets = map(np.concatenate, zip(*batches, strict=True))
        return Pictures(pixels, targets), read_batch(folder / f"test_batch{ending}")

    def _folder(self) -> tuple[Path, str]:
        for name, ending in _VERSIONS.items():
            for folder in (self.root / name, self.root):
                if (folder / f"{_BATCHES[0]}{ending}").is_file():
                    return folder, ending
        if self.download:
            # The version that GreyCifar10 reads: one download serves both.
            return fetch_archive(URL, SHA256, self.root, "cifar-10-batches-bin"), ".bin"
        raise UserError(
            f"{self.root}: no {' or '.join(_VERSIONS)} here; correct root or set download=True"
        )

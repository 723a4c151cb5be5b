"""Image: grey CIFAR-10, pixel by pixel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s4audio.data.lra.archive import fetch_archive
from s4audio.data.lra.module import Rows, SequenceDataModule, rows_of_parts
from s4audio.data.lra.store import Example, SequenceStore, Values, stored_sequences
from s4audio.data.splits import shuffled
from s4audio.errors import UserError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

_FOLDER = "cifar-10-batches-bin"
_FILES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
_PIXELS = 32 * 32
_RECORD = 1 + 3 * _PIXELS
_HELD_OUT = 0.1
# Mean and standard deviation that the S4 code standardises with.
_STATISTICS = (122.6 / 255, 61.0 / 255)


class GreyCifar10(SequenceDataModule):
    """Pictures of ten kinds of things as sequences of 1,024 brightnesses in [0, 1].

    A tenth of the training pictures, chosen at random with the seed of the S4 code, validates:
    45,000 / 5,000 / 10,000.

    Args:
        root: folder that holds `cifar-10-batches-bin` (the binary version), or that folder.
        download: fetch the data set (170 MB) when it is not there.
        batch_size: pictures in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training pictures.

    Source: Tay et al., arXiv 2011.04006, section 2.2.4; standardisation as in the code of Gu, Goel,
        Re, arXiv 2111.00396. Pictures: Krizhevsky, 2009.
    """

    def __init__(
        self,
        root: Path | str = "data",
        download: bool = False,
        batch_size: int = 50,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        self.root = Path(root)
        self.download = download

    @property
    def labels(self) -> list[str]:
        """The kinds of things."""
        return list(CLASSES)

    @property
    def vocabulary(self) -> None:
        """None: the inputs are brightnesses."""
        return

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the papers' code, 122.6 / 255 and 61 / 255."""
        return _STATISTICS

    def open_store(self) -> SequenceStore:
        """The pictures; downloads them first where that is wanted."""
        folder = self._folder()
        files = [folder / name for name in _FILES]
        return stored_sequences("cifar10", files, {}, lambda: ((), _examples(files)))

    def partition(self, store: SequenceStore) -> Rows:
        """The test file, and a random tenth of the others."""
        rows = rows_of_parts(store, "train", "train", "test")
        train = shuffled(rows["train"])
        kept = len(train) - int(_HELD_OUT * len(train))
        return {**rows, "train": train[:kept], "validation": train[kept:]}

    def _folder(self) -> Path:
        for folder in (self.root / _FOLDER, self.root):
            if (folder / _FILES[0]).is_file():
                return folder
        if self.download:
            return fetch_archive(URL, SHA256, self.root, _FOLDER)
        raise UserError(
            f"{self.root}: no {_FOLDER}/{_FILES[0]} here (the binary version of CIFAR-10); correct "
            "root or set download=True"
        )


def to_grey(pixels: Values) -> Values:
    """Luma of red, green and blue, rounded as Pillow does it.

    Args:
        pixels: uint8 (..., 3, pixels).

    Returns:
        uint8 (..., pixels).

    Source: ITU-R BT.601-2, weights 0.299, 0.587, 0.114 in 16 bits.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), -2, 0)
    grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return np.asarray(grey, np.uint8)


def _examples(files: list[Path]) -> Iterator[Example]:
    for path in files:
        content = np.fromfile(path, np.uint8)
        if len(content) == 0 or len(content) % _RECORD:
            raise UserError(
                f"{path}: not a whole number of records of {_RECORD} bytes; unpack it again"
            )
        records = content.reshape(-1, _RECORD)
        if records[:, 0].max() >= len(CLASSES):
            raise UserError(f"{path}: a label above {len(CLASSES) - 1}; unpack it again")
        part = "test" if path.name.startswith("test") else "train"
        grey = to_grey(records[:, 1:].reshape(-1, 3, _PIXELS))
        for row, (pixels, label) in enumerate(zip(grey, records[:, 0].tolist(), strict=True)):
            yield Example((pixels,), label, part, f"{path.name}:{row}")

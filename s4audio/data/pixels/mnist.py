"""Sequential and permuted MNIST."""

from collections.abc import Sequence
from pathlib import Path

from s4audio.data.download import download
from s4audio.data.pixels.files import checked, read_idx, read_npz
from s4audio.data.pixels.module import Pictures, PixelDataModule
from s4audio.data.pixels.orders import Permutation
from s4audio.errors import UserError

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# Of each file, compressed.
SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

_SIDE = 28
_FOLDER = "MNIST/raw"


class SequentialMnist(PixelDataModule):
    """Handwritten digits as sequences of 784 brightnesses in [0, 1].

    Args:
        root: folder that holds `MNIST/raw`, as torchvision lays it out, or the folder with the IDX
            files (compressed or not), or an `.npz` file with `x_train`, `y_train`, `x_test` and
            `y_test`.
        download: fetch the data set (12 MB) when it is not there.
        permutation: in which order the pixels are read: "none" row by row (sMNIST);
            "bit-reversal" is the permuted MNIST of the S4 papers, "random" that of most others.
        validation: share of the training digits that validates, in (0, 1).
        batch_size: digits in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training digits.

    Raises:
        ValueError: a number out of range, or an unknown permutation.

    Source: Le, Jaitly, Hinton, arXiv 1504.00941 (sequential and permuted MNIST); splits and
        bit reversal as in the code of Gu, Goel, Re, arXiv 2111.00396. Digits: LeCun et al., 1998.
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
        """The ten digits."""
        return list("0123456789")

    @property
    def d_input(self) -> int:
        """1: grey."""
        return 1

    @property
    def scale(self) -> tuple[Sequence[float], Sequence[float]]:
        """(0, 1): brightnesses stay in [0, 1], as in the papers' code."""
        return [0.0], [1.0]

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the training digits: 0.1307 and 0.3081."""
        return 0.1307, 0.3081

    def read(self) -> tuple[Pictures, Pictures]:
        """Training and test digits; downloads them first where that is wanted."""
        if self.root.suffix == ".npz" and self.root.is_file():
            return read_npz(self.root, (_SIDE, _SIDE))
        folder = self._folder()
        return _read_part(folder, "train"), _read_part(folder, "t10k")

    def _folder(self) -> Path:
        for folder in (self.root / _FOLDER, self.root):
            if all(_find(folder, name) is not None for name in SHA256):
                return folder
        if self.download:
            folder = self.root / _FOLDER
            for name, sha256 in SHA256.items():
                download(f"{URL}{name}.gz", folder / f"{name}.gz", sha256)
            return folder
        raise UserError(
            f"{self.root}: no {_FOLDER} with the four files of MNIST here; correct root or set "
            "download=True"
        )


def _read_part(folder: Path, part: str) -> Pictures:
    images = _find(folder, f"{part}-images-idx3-ubyte")
    labels = _find(folder, f"{part}-labels-idx1-ubyte")
    assert images is not None
    assert labels is not None
    pixels = read_idx(images, (_SIDE, _SIDE)).reshape(-1, _SIDE * _SIDE, 1)
    return checked(pixels, read_idx(labels, ()), 10, labels)


def _find(folder: Path, name: str) -> Path | None:
    """The file, compressed or not."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    return None

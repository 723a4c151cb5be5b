"""Text: film reviews of IMDB, character by character."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from s4audio.data.lra.archive import fetch_archive
from s4audio.data.lra.characters import Characters
from s4audio.data.lra.module import Rows, SequenceDataModule, rows_of_parts
from s4audio.data.lra.store import Example, SequenceStore, stored_sequences
from s4audio.data.splits import shuffled
from s4audio.errors import UserError

URL = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"

_FOLDER = "aclImdb"
_LABELS = ("neg", "pos")
_HELD_OUT = 0.1


class Imdb(SequenceDataModule):
    """Is a film review favourable? Characters that occur less than 15 times count as unknown.

    Args:
        root: folder that holds `aclImdb`, or that folder.
        protocol: "validation" holds out a tenth of the training reviews, at random, to choose
            checkpoints by. "papers" trains on all 25,000 and validates on the test set, as the
            published figures do: its best checkpoint has seen the test set.
        download: fetch the data set (84 MB) when it is not there.
        max_length: longer reviews are cut off, the end token included.
        min_count: a character must occur this often in the training reviews.
        batch_size: reviews in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training reviews.

    Raises:
        ValueError: a number out of range.

    Source: Tay et al., arXiv 2011.04006, section 2.2.2; vocabulary and length as in the code of
        Gu, Goel, Re, arXiv 2111.00396. Reviews: Maas et al., ACL 2011.
    """

    def __init__(
        self,
        root: Path | str = "data",
        protocol: Literal["validation", "papers"] = "validation",
        download: bool = False,
        max_length: int = 4096,
        min_count: int = 15,
        batch_size: int = 16,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if protocol not in ("validation", "papers"):
            raise ValueError(f'protocol must be "validation" or "papers", got {protocol!r}')
        if max_length < 2 or min_count < 1:
            raise ValueError(
                f"max_length={max_length} must be at least 2 and min_count={min_count} at least 1"
            )
        self.root = Path(root)
        self.protocol: Literal["validation", "papers"] = protocol
        self.download = download
        self.max_length = max_length
        self.min_count = min_count

    @property
    def labels(self) -> list[str]:
        """Unfavourable and favourable."""
        return list(_LABELS)

    def open_store(self) -> SequenceStore:
        """The reviews; downloads them first where that is wanted."""
        folder = self._folder()
        files = [
            path
            for part in ("train", "test")
            for label in _LABELS
            for path in _reviews(folder / part / label)
        ]
        options: dict[str, object] = {"max_length": self.max_length, "min_count": self.min_count}
        return stored_sequences("imdb", files, options, lambda: self._read(folder, files))

    def partition(self, store: SequenceStore) -> Rows:
        """As `protocol` says."""
        rows = rows_of_parts(store, "train", "test", "test")
        if self.protocol == "papers":
            return rows
        train = shuffled(rows["train"])
        held_out = int(_HELD_OUT * len(train))
        train, validation = train[held_out:], np.sort(train[:held_out])
        return {**rows, "train": train, "validation": validation}

    def _folder(self) -> Path:
        for folder in (self.root / _FOLDER, self.root):
            if (folder / "train").is_dir() and (folder / "test").is_dir():
                return folder
        if self.download:
            return fetch_archive(URL, SHA256, self.root, _FOLDER)
        raise UserError(
            f"{self.root}: no {_FOLDER}/train and {_FOLDER}/test here; correct root or set "
            "download=True"
        )

    def _read(self, folder: Path, files: list[Path]) -> tuple[tuple[str, ...], Iterator[Example]]:
        training = (path for path in files if path.parts[-3] == "train")
        texts = (_text(path)[: self.max_length - 1] for path in training)
        characters = Characters.counted(texts, self.min_count)
        return characters.symbols, self._examples(folder, files, characters)

    def _examples(
        self, folder: Path, files: list[Path], characters: Characters
    ) -> Iterator[Example]:
        for path in files:
            part, label = path.parts[-3:-1]
            tokens = characters.encode(_text(path), self.max_length)
            name = path.relative_to(folder).as_posix()
            yield Example((tokens,), _LABELS.index(label), part, name)


def _reviews(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise UserError(f"{folder}: no reviews (*.txt) here; unpack the data set again")
    return paths


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason}); unpack the data set again") from None

"""Retrieval: pairs of papers of the ACL Anthology Network, character by character."""

from collections.abc import Iterator
from pathlib import Path

from s4audio.data.lra.characters import Characters
from s4audio.data.lra.module import Rows, SequenceDataModule, rows_of_parts
from s4audio.data.lra.store import Example, SequenceStore, stored_sequences
from s4audio.errors import UserError

FILES = {
    "train": "new_aan_pairs.train.tsv",
    "eval": "new_aan_pairs.eval.tsv",
    "test": "new_aan_pairs.test.tsv",
}

_TARGETS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}


class Retrieval(SequenceDataModule):
    """Does one paper cite the other?

    The texts may not be passed on, so nothing is downloaded: the files come with the release of
    Long Range Arena. A batch of n pairs has 2 n inputs and lengths, the documents of pair i in rows
    2 i and 2 i + 1, padded to the longest of all, and n targets.

    Args:
        root: folder with `new_aan_pairs.train.tsv`, `.eval.tsv` and `.test.tsv`: label, two
            identifiers and two texts between tabs, no header, no quotes.
        max_length: longer documents are cut off, the end token included.
        min_count: a character must occur this often in the training documents.
        batch_size: pairs in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training pairs.

    Raises:
        ValueError: a number out of range.

    Source: Tay et al., arXiv 2011.04006, section 2.2.3; vocabulary and length as in the code of
        Gu, Goel, Re, arXiv 2111.00396.
    """

    def __init__(
        self,
        root: Path | str = "data",
        max_length: int = 4000,
        min_count: int = 1,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if max_length < 2 or min_count < 1:
            raise ValueError(
                f"max_length={max_length} must be at least 2 and min_count={min_count} at least 1"
            )
        self.root = Path(root)
        self.max_length = max_length
        self.min_count = min_count

    @property
    def labels(self) -> list[str]:
        """Whether one cites the other."""
        return ["unrelated", "cited"]

    def open_store(self) -> SequenceStore:
        """The pairs."""
        files = [self.root / name for name in FILES.values()]
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise UserError(
                f"{self.root}: {', '.join(missing)} missing; correct root (the files are part of "
                "the Long Range Arena release, folder tsv_data)"
            )
        options: dict[str, object] = {"max_length": self.max_length, "min_count": self.min_count}
        return stored_sequences("retrieval", files, options, self._read)

    def partition(self, store: SequenceStore) -> Rows:
        """The three files."""
        return rows_of_parts(store, "train", "eval", "test")

    def _read(self) -> tuple[tuple[str, ...], Iterator[Example]]:
        texts = (
            text[: self.max_length - 1]
            for _, _, pair in _pairs(self.root / FILES["train"])
            for text in pair
        )
        characters = Characters.counted(texts, self.min_count)
        return characters.symbols, self._examples(characters)

    def _examples(self, characters: Characters) -> Iterator[Example]:
        for part, name in FILES.items():
            for number, target, pair in _pairs(self.root / name):
                first, second = (characters.encode(text, self.max_length) for text in pair)
                yield Example((first, second), target, part, f"{name}:{number}")


def _pairs(path: Path) -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Number of the line, target, and the two texts."""
    with path.open(encoding="utf-8", newline="\n") as file:
        try:
            for number, line in enumerate(file, 1):
                fields = line.rstrip("\r\n").split("\t")
                if len(fields) != 5 or fields[0] not in _TARGETS:
                    raise UserError(
                        f"{path}, line {number}: not five fields between tabs, the first 0.0 or "
                        "1.0; restore the file"
                    )
                yield number, _TARGETS[fields[0]], (fields[3], fields[4])
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error.reason}); restore the file") from None

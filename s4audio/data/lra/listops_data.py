"""ListOps as a data set: files in the benchmark's format, generated here or given."""

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from s4audio.data.cache import cache_dir
from s4audio.data.lra.generate import check_processes, make_pieces
from s4audio.data.lra.listops import SPECIALS, SYMBOLS, Grammar, draw, encode, to_text
from s4audio.data.lra.module import Rows, SequenceDataModule, rows_of_parts
from s4audio.data.lra.store import Example, SequenceStore, stored_sequences
from s4audio.errors import UserError

FILES = {"train": "basic_train.tsv", "val": "basic_val.tsv", "test": "basic_test.tsv"}
HEADER = "Source\tTarget"
DEFAULT = Grammar()

# Part of the folder's name: a change of the generator makes new files.
_GENERATOR = 1
_ROWS_OF_PIECE = 1000
_ATTEMPTS = 4096
_EOS = SPECIALS.index("<eos>")


class ListOps(SequenceDataModule):
    """Nested list operations with one of ten values, 500 to 2,000 tokens long.

    Args:
        root: folder with `basic_train.tsv`, `basic_val.tsv` and `basic_test.tsv`, such as the
            release's; None generates them in the cache folder (half a minute of one core).
        rows: rows to generate for training, validation and testing.
        generator_seed: of the generated rows.
        processes: that generate at once; None for one a core.
        max_length: longer rows are cut off, the end token included.
        batch_size: rows in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training rows.

    Raises:
        ValueError: a number out of range.

    Source: Tay et al., arXiv 2011.04006, section 2.2.1; vocabulary of 18 symbols and end token as
        in the code of Gu, Goel, Re, arXiv 2111.00396.
    """

    def __init__(
        self,
        root: Path | str | None = None,
        rows: tuple[int, int, int] = (96_000, 2_000, 2_000),
        generator_seed: int = 0,
        processes: int | None = None,
        max_length: int = 2048,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if len(rows) != 3 or min(rows) < 1:
            raise ValueError(f"rows must be three numbers of at least 1, got {tuple(rows)}")
        if generator_seed < 0:
            raise ValueError(f"generator_seed must not be negative, got {generator_seed}")
        if max_length < 2:
            raise ValueError(f"max_length must be at least 2, got {max_length}")
        check_processes(processes)
        self.root = root
        self.rows = rows
        self.generator_seed = generator_seed
        self.processes = processes
        self.max_length = max_length

    @property
    def labels(self) -> list[str]:
        """The values, 0 to 9."""
        return list("0123456789")

    @property
    def vocabulary(self) -> int:
        """18: padding, unknown, end, ten digits, four operations, the bracket."""
        return len(SYMBOLS)

    def open_store(self) -> SequenceStore:
        """The rows; generates the files first if there is no `root`."""
        folder = self._generated() if self.root is None else Path(self.root)
        files = [folder / name for name in FILES.values()]
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise UserError(
                f"{folder}: {', '.join(missing)} missing; correct root, or leave it out to "
                "generate ListOps"
            )
        return stored_sequences(
            "listops",
            files,
            {"max_length": self.max_length},
            lambda: (SYMBOLS, self._examples(folder)),
        )

    def partition(self, store: SequenceStore) -> Rows:
        """The three files."""
        return rows_of_parts(store, "train", "val", "test")

    def _generated(self) -> Path:
        key = json.dumps([_GENERATOR, list(self.rows), self.generator_seed])
        name = f"listops_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        folder = cache_dir() / "lra" / name
        generate_listops(folder, self.rows, self.generator_seed, self.processes)
        return folder

    def _examples(self, folder: Path) -> Iterator[Example]:
        for part, name in FILES.items():
            with (folder / name).open(encoding="utf-8", newline="\n") as file:
                if file.readline().rstrip("\r\n") != HEADER:
                    raise UserError(f"{folder / name}: the first line is not {HEADER!r}")
                for number, line in enumerate(file, 2):
                    source, _, target = line.rstrip("\r\n").partition("\t")
                    if len(target) != 1 or not target.isdecimal():
                        raise UserError(f"{folder / name}, line {number}: no value from 0 to 9")
                    tokens = encode(source)[: self.max_length - 1]
                    row = np.append(tokens, np.uint8(_EOS))
                    yield Example((row,), int(target), part, f"{name}:{number}")


def generate_listops(
    folder: Path,
    rows: Sequence[int] = (96_000, 2_000, 2_000),
    seed: int = 0,
    processes: int | None = None,
    grammar: Grammar = DEFAULT,
) -> None:
    """Write `basic_train.tsv`, `basic_val.tsv` and `basic_test.tsv`; no two rows are alike.

    Does nothing where they are complete; an interrupted run is continued. The files depend on all
    arguments but `processes`.

    Args:
        folder: where to.
        rows: of each file.
        seed: of the random draws.
        processes: at once; None for one a core.
        grammar: of the expressions.

    Raises:
        UserError: the grammar has too few expressions for that many rows.
    """
    paths = [folder / name for name in FILES.values()]
    if all(path.is_file() for path in paths):
        return
    pieces = folder / "pieces"
    pieces.mkdir(parents=True, exist_ok=True)
    make = functools.partial(_make_piece, pieces, grammar, seed)
    needed = -(-sum(rows) // _ROWS_OF_PIECE)
    missing = [number for number in range(needed) if not _piece(pieces, number).is_file()]
    make_pieces(make, missing, processes, "generating ListOps")
    lines = _different_lines(pieces, needed, make)
    for path, count in zip(paths, rows, strict=True):
        chosen = list(islice(lines, count))
        if len(chosen) < count:
            raise UserError(
                f"the grammar gave no {sum(rows)} different expressions: ask for fewer rows"
            )
        partial = path.with_suffix(".partial")
        partial.write_text("\n".join([HEADER, *chosen, ""]), encoding="utf-8", newline="\n")
        partial.rename(path)
    for path in pieces.iterdir():
        path.unlink()
    pieces.rmdir()


def _different_lines(pieces: Path, needed: int, make: functools.partial[None]) -> Iterator[str]:
    """Lines of all pieces without repetitions; some more pieces make up for those."""
    seen: set[bytes] = set()
    for number in range(2 * needed + 1):
        if not _piece(pieces, number).is_file():
            make(number)
        for line in _piece(pieces, number).read_text(encoding="utf-8").splitlines():
            digest = hashlib.blake2b(line.encode(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                yield line


def _make_piece(pieces: Path, grammar: Grammar, seed: int, number: int) -> None:
    random = np.random.default_rng([seed, number])
    lines: list[str] = []
    while len(lines) < _ROWS_OF_PIECE:
        drawn = draw(grammar, random, _ATTEMPTS)
        lines += [f"{to_text(expression)}\t{expression.value}" for expression in drawn]
    partial = _piece(pieces, number).with_suffix(".partial")
    partial.write_text("\n".join([*lines[:_ROWS_OF_PIECE], ""]), encoding="utf-8", newline="\n")
    partial.rename(_piece(pieces, number))


def _piece(pieces: Path, number: int) -> Path:
    return pieces / f"{number}.tsv"

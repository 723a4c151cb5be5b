"""Sequences of small integers on disk: one flat file with all of them, and an index beside it.

The counterpart of the store of decoded audio, for tokens and pixels.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from s4audio.data.cache import Int64Array, cache_dir, complete_or_absent
from s4audio.errors import UserError

Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_FORMAT = 1
_VALUES, _INDEX = "values.bin", "index.npz"


class Example(NamedTuple):
    """One row of a data set.

    Attributes:
        sequences: uint8 or uint16 (length,) each; one, or two for a pair.
        target: row of its label.
        part: name of the file or folder that it comes from, such as "train".
        name: how it is called in reports.
    """

    sequences: tuple[Values, ...]
    target: int
    part: str
    name: str


@dataclass(frozen=True)
class SequenceStore:
    """A memory-mapped set of sequences.

    Attributes:
        folder: where it lies on disk.
        values: every sequence behind the other.
        offsets: int64 (sequences + 1,), where each begins and the last ends.
        targets: int64 (rows,).
        parts: (rows,) str, where each row comes from.
        names: (rows,) str.
        symbols: the vocabulary; empty for pixels.
    """

    folder: Path
    values: Values
    offsets: Int64Array
    targets: Int64Array
    parts: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]
    symbols: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def per_row(self) -> int:
        """Sequences of a row: 1, or 2 for pairs."""
        return (len(self.offsets) - 1) // len(self.targets)

    def __getitem__(self, row: int) -> tuple[Values, ...]:
        first = row * self.per_row
        bounds = self.offsets[first : first + self.per_row + 1]
        return tuple(self.values[a:b] for a, b in pairwise(bounds))

    def __reduce__(self) -> tuple[Callable[[Path], "SequenceStore"], tuple[Path]]:
        # A loader's worker maps the file itself instead of receiving a copy.
        return open_sequences, (self.folder,)


def open_sequences(folder: Path) -> SequenceStore:
    """Map a finished store into memory.

    Raises:
        UserError: the folder is not a store.
    """
    try:
        with np.load(folder / _INDEX) as index:
            stored = {name: index[name] for name in index.files}
        values = np.memmap(folder / _VALUES, dtype=str(stored.pop("dtype")), mode="r")
        symbols = tuple(stored.pop("symbols").tolist())
        store = SequenceStore(folder, values, symbols=symbols, **stored)
        complete = len(values) == store.offsets[-1]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: damaged cache ({error}); delete the folder") from None
    if not complete:
        raise UserError(f"{folder}: damaged cache (wrong size); delete the folder")
    return store


def stored_sequences(
    kind: str,
    files: Sequence[Path],
    options: dict[str, object],
    read: Callable[[], tuple[tuple[str, ...], Iterable[Example]]],
) -> SequenceStore:
    """Open the store made from `files`, building it first if there is none.

    Args:
        kind: name of the data set.
        files: what it is made from: whenever one changes, another store is built.
        options: everything else that it depends on, as plain JSON types.
        read: returns the symbols (empty for pixels) and the rows.

    Returns:
        The store; its rows follow `read`.

    Raises:
        UserError: there are no rows, or a file is missing.
    """
    folder = cache_dir() / "sequences" / f"{kind}_{_key(files, options)}"
    if folder.is_dir():
        return open_sequences(folder)
    with complete_or_absent(folder) as temporary:
        rows = _build(temporary, kind, *read())
        if rows == 0:
            raise UserError(f"{kind}: no rows in its files ({files[0]} ...): give files with rows")
    return open_sequences(folder)


def _build(folder: Path, kind: str, symbols: tuple[str, ...], examples: Iterable[Example]) -> int:
    """Write all sequences; returns the number of rows."""
    lengths: list[int] = []
    targets: list[int] = []
    parts: list[str] = []
    names: list[str] = []
    dtype = np.dtype(np.uint8 if len(symbols) <= 256 else np.uint16)
    console = Console(stderr=True)
    with (folder / _VALUES).open("wb") as file:
        for example in track(
            examples, description=f"reading {kind}", console=console, transient=True
        ):
            for sequence in example.sequences:
                file.write(sequence.astype(dtype).tobytes())
                lengths.append(len(sequence))
            targets.append(example.target)
            parts.append(example.part)
            names.append(example.name)
    np.savez(
        folder / _INDEX,
        dtype=np.array(dtype.name),
        offsets=np.cumsum([0, *lengths], dtype=np.int64),
        targets=np.array(targets, np.int64),
        parts=np.array(parts, np.str_),
        names=np.array(names, np.str_),
        symbols=np.array(symbols, np.str_),
    )
    return len(targets)


def _key(files: Sequence[Path], options: dict[str, object]) -> str:
    digest = hashlib.sha256(json.dumps([_FORMAT, options], sort_keys=True).encode())
    for path in files:
        try:
            state = path.stat()
        except OSError:
            raise UserError(f"{path}: no such file") from None
        row = (os.path.abspath(path), state.st_size, state.st_mtime_ns)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:16]

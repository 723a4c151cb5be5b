"""Files of words as numbers, kept in the cache."""

import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s4audio.data.base import Split
from s4audio.data.cache import cache_dir, complete_or_absent
from s4audio.data.tokens import Tokens
from s4audio.errors import UserError

END, UNKNOWN = "<eos>", "<unk>"
"""The end of a line, and a word that the vocabulary lacks."""

_FORMAT = 1
_SYMBOLS = "symbols.json"


@dataclass(frozen=True)
class EncodedText:
    """Texts as tokens.

    Attributes:
        symbols: the vocabulary by falling frequency; the row of a word is its token.
        parts: memory-mapped int32 (time,) of each split.
    """

    symbols: list[str]
    parts: dict[Split, Tokens]


def encoded_text(paths: Mapping[Split, Path], vocabulary_from: Split) -> EncodedText:
    """Open the encoded form of some files, making it first if there is none.

    Args:
        paths: the file of each split: words between spaces, in UTF-8.
        vocabulary_from: the split whose words, with the ends of its lines, are the vocabulary.

    Returns:
        vocabulary and tokens.

    Raises:
        UserError: a file is missing or not UTF-8, or has a word outside the vocabulary, which has
            no `<unk>`.
    """
    folder = cache_dir() / "words" / _key(paths, vocabulary_from)
    if not folder.is_dir():
        with complete_or_absent(folder) as temporary:
            _encode(temporary, paths, vocabulary_from)
    return _open(folder, paths)


def _open(folder: Path, paths: Mapping[Split, Path]) -> EncodedText:
    try:
        symbols = json.loads((folder / _SYMBOLS).read_text(encoding="utf-8"))
        parts = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in paths}
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: damaged cache ({error}); delete the folder") from None
    return EncodedText(symbols, parts)


def _encode(folder: Path, paths: Mapping[Split, Path], vocabulary_from: Split) -> None:
    counts: Counter[str] = Counter()
    for words in _lines(paths[vocabulary_from]):
        counts.update(words)
    symbols = [word for word, _ in counts.most_common()]
    numbers = {word: number for number, word in enumerate(symbols)}
    unknown = numbers.get(UNKNOWN)
    for name, path in paths.items():
        tokens = array("i")
        for words in _lines(path):
            found = [numbers.get(word, unknown) for word in words]
            if None in found:
                word = words[found.index(None)]
                raise UserError(
                    f"{path}: the word {word!r} is not in {paths[vocabulary_from]}, which has no "
                    f"{UNKNOWN} to stand for it"
                )
            tokens.extend(number for number in found if number is not None)
        np.save(folder / f"{name}.npy", np.frombuffer(tokens, np.int32))
    (folder / _SYMBOLS).write_text(json.dumps(symbols, ensure_ascii=False), encoding="utf-8")


def _lines(path: Path) -> Iterator[list[str]]:
    """The words of each line and its end."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield [*line.split(), END]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason}); unpack the file again") from None


def _key(paths: Mapping[Split, Path], vocabulary_from: Split) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {vocabulary_from}".encode())
    for name, path in paths.items():
        state = path.stat()
        row = (name, os.path.abspath(path), state.st_size, state.st_mtime_ns)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:24]

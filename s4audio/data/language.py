"""Text to be predicted: characters of any file, or the words of WikiText."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s4audio.data.base import Split
from s4audio.data.tokens import TokenDataModule, Tokens
from s4audio.data.words import EncodedText, encoded_text
from s4audio.errors import UserError

FILES: dict[Split, str] = {
    "train": "wiki.train.tokens",
    "validation": "wiki.valid.tokens",
    "testing": "wiki.test.tokens",
}
"""Names within the archives of WikiText-2 and WikiText-103 at word level."""


class CharacterText(TokenDataModule):
    """A text file, character by character.

    The first part trains, the next validates, the last tests: 90, 5 and 5 % are the split of text8,
    and a usual one of Tiny Shakespeare. The vocabulary is every character of the file.

    Args:
        path: the file, in UTF-8.
        fractions: shares of training, validation and test, which add up to 1.
        length: characters of a window.
        context: characters that every scored one has before it at least, below `length`.
        batch_size: windows in a batch.
        num_workers: processes that prepare batches; 0 is the fastest.
        seed: of the order of the training windows, and of where they start.

    Raises:
        UserError: there is no such file, it is not UTF-8, or the shares are out of range.
    """

    def __init__(
        self,
        path: Path | str,
        fractions: tuple[float, float, float] = (0.9, 0.05, 0.05),
        length: int = 512,
        context: int = 256,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            length=length,
            context=context,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        if min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
            raise UserError(f"fractions must be positive and add up to 1, got {fractions}")
        self.path = Path(path)
        self.fractions = fractions
        points = _code_points(self.path)
        symbols, tokens = np.unique(points, return_inverse=True)
        self._symbols = [chr(point) for point in symbols.tolist()]
        self._tokens = tokens.astype(np.uint16 if len(symbols) < 2**16 else np.uint32)

    @property
    def labels(self) -> list[str]:
        """The characters by code point."""
        return self._symbols

    def prepare_data(self) -> None:
        """Nothing: the file was read when the data set was made."""

    def tokens(self, name: Split) -> Tokens:
        """See `TokenDataModule`."""
        train, validation, _ = self.fractions
        bounds = {
            "train": (0.0, train),
            "validation": (train, train + validation),
            "testing": (train + validation, 1.0),
        }
        first, end = (round(share * len(self._tokens)) for share in bounds[name])
        return self._tokens[first:end]


class WikiText(TokenDataModule):
    """WikiText-103 (or WikiText-2) at word level.

    Words are what stands between spaces, and every line ends with the word `<eos>`, an empty one
    too. The vocabulary is that of the training file by falling frequency: 267,735 words for
    WikiText-103, 33,278 for WikiText-2. Words that it lacks count as `<unk>`. The first use encodes
    the files into the cache.

    Args:
        root: folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens, unpacked from
            the archive "word level" of the data set.
        length: words of a window.
        context: words that every scored one has before it at least, below `length`; 0 is the
            published protocol.
        batch_size: windows in a batch.
        num_workers: processes that prepare batches; 0 is the fastest.
        seed: of the order of the training windows, and of where they start.

    Raises:
        UserError: a file is missing.

    Source: Merity et al., "Pointer Sentinel Mixture Models" (2016).
    """

    def __init__(
        self,
        root: Path | str,
        length: int = 8192,
        context: int = 0,
        batch_size: int = 1,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            length=length,
            context=context,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        self.root = Path(root)
        self._text: EncodedText | None = None
        for name in FILES.values():
            if not (self.root / name).is_file():
                raise UserError(
                    f"{self.root}: no {name} here; unpack WikiText at word level and set root to "
                    "its folder"
                )

    @property
    def labels(self) -> list[str]:
        """The words by falling frequency."""
        return self._open().symbols

    def prepare_data(self) -> None:
        """Encode the files, unless the cache has them."""
        self._open()

    def tokens(self, name: Split) -> Tokens:
        """See `TokenDataModule`."""
        return self._open().parts[name]

    def _open(self) -> EncodedText:
        if self._text is None:
            paths = {split: self.root / name for split, name in FILES.items()}
            self._text = encoded_text(paths, vocabulary_from="train")
        return self._text


def _code_points(path: Path) -> NDArray[np.uint32]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such text file; correct path") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 ({error.reason} at byte {error.start}); convert the file"
        ) from None
    if not text:
        raise UserError(f"{path}: this text file is empty")
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)

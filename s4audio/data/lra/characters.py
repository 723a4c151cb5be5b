"""Text as characters."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from s4audio.data.lra.listops import SPECIALS

_UNKNOWN, _END = SPECIALS.index("<unk>"), SPECIALS.index("<eos>")
_CODE_POINTS = 0x110000


class Characters:
    """A vocabulary of characters: padding, unknown, end, then characters by code point.

    Args:
        characters: those that have a token, in ascending order.

    Attributes:
        symbols: special tokens and characters; the row of a symbol is its token.

    Example:
        >>> vocabulary = Characters("abc")
        >>> vocabulary.encode("cab?", 8).tolist()
        [5, 3, 4, 1, 2]
        >>> vocabulary.encode("cab?", 3).tolist()
        [5, 3, 2]
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.symbols = (*SPECIALS, *characters)
        self._tokens = np.full(_CODE_POINTS, _UNKNOWN, np.uint16)
        points = [ord(character) for character in self.symbols[len(SPECIALS) :]]
        self._tokens[points] = np.arange(len(SPECIALS), len(self.symbols))

    @classmethod
    def counted(cls, texts: Iterable[str], min_count: int) -> "Characters":
        """The characters that occur at least `min_count` times.

        Args:
            texts: of the training split.
            min_count: at least 1.
        """
        counts = np.zeros(_CODE_POINTS, np.int64)
        for text in texts:
            np.add.at(counts, _code_points(text), 1)
        return cls(map(chr, np.flatnonzero(counts >= min_count).tolist()))

    def encode(self, text: str, max_length: int) -> npt.NDArray[np.uint16]:
        """Tokens of a text, cut off so that the end token is within `max_length`."""
        points = _code_points(text[: max_length - 1])
        return np.append(self._tokens[points], np.uint16(_END))


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)

"""Text to tokens and back, for a vocabulary of characters or of words."""

from collections.abc import Sequence

from s4audio.errors import UserError

END, UNKNOWN = "<eos>", "<unk>"
"""In vocabularies of words: the end of a line, and what stands for unknown words."""


class TextCodec:
    r"""Turns text into tokens and back.

    A vocabulary whose symbols are all one character long is one of characters; of any other the
    symbols are words between spaces, with `<eos>` at the end of a line.

    Args:
        labels: the vocabulary; the row of a symbol is its token.

    Example:
        >>> codec = TextCodec(["a", "b", "\n"])
        >>> codec.encode("ba"), codec.decode([0, 1])
        ([1, 0], 'ab')
        >>> words = TextCodec(["<eos>", "the", "cat"])
        >>> words.encode("the cat\n"), words.decode([1, 2, 0])
        ([1, 2, 0], 'the cat\n')
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.is_words = any(len(label) > 1 for label in labels)
        self._tokens = {label: token for token, label in enumerate(labels)}

    @property
    def start(self) -> str:
        """What a text follows: the end of a line, or the first symbol where there is none."""
        line_end = END if self.is_words else "\n"
        return "\n" if line_end in self._tokens else self.labels[0]

    def encode(self, text: str) -> list[int]:
        """Tokens of a text.

        Raises:
            UserError: for a symbol that the vocabulary lacks, unless it has one for unknown words.
        """
        symbols: Sequence[str] = text
        if self.is_words:
            symbols = text.replace("\n", f" {END} ").split()
        unknown = self._tokens.get(UNKNOWN)
        for symbol in symbols:
            if symbol not in self._tokens and unknown is None:
                raise UserError(f"{symbol!r} is not in the model's vocabulary: leave it out")
        return [self._tokens.get(symbol, unknown or 0) for symbol in symbols]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens; words are joined by spaces."""
        symbols = [self.labels[token] for token in tokens]
        if not self.is_words:
            return "".join(symbols)
        text = " ".join("\n" if symbol == END else symbol for symbol in symbols)
        return text.replace(" \n", "\n").replace("\n ", "\n")

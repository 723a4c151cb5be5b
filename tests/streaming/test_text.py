"""Text to tokens and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.errors import UserError
from s4audio.streaming.text import TextCodec

WORDS = TextCodec(["<eos>", "<unk>", "the", "cat", "a"])


@given(st.text("abc \n"))
def test_characters_come_back(text: str) -> None:
    codec = TextCodec([*"abc \n"])
    assert codec.decode(codec.encode(text)) == text


def test_words() -> None:
    assert WORDS.encode("the cat\nthe dog") == [2, 3, 0, 2, 1]
    assert WORDS.decode([2, 3, 0, 2, 1]) == "the cat\nthe <unk>"


def test_a_text_begins_after_the_end_of_a_line() -> None:
    assert WORDS.encode(WORDS.start) == [0]
    assert TextCodec([*"ab\n"]).start == "\n"
    assert TextCodec([*"ab"]).start == "a"


def test_unknown_symbols() -> None:
    with pytest.raises(UserError, match="'x' is not in the model's vocabulary"):
        TextCodec([*"ab"]).encode("axb")

"""Everyday words that are no commands."""

import re

import pytest

from s4audio.data.common_words import COMMON_WORDS
from s4audio.data.espeak import synthesize
from s4audio.data.speech_commands_files import ALL_WORDS


def test_no_word_twice_and_no_command():
    assert len(set(COMMON_WORDS)) == len(COMMON_WORDS) > 200
    assert not set(COMMON_WORDS) & set(ALL_WORDS)
    assert all(re.fullmatch("[a-z]+", word) for word in COMMON_WORDS)


def test_no_word_sounds_like_another():
    pytest.importorskip("espeakng_loader", reason="the extra 'synthetic' is not installed")
    assert synthesize("right").tobytes() == synthesize("write").tobytes()
    spoken: dict[bytes, str] = {}
    for word in (*ALL_WORDS, *COMMON_WORDS):
        assert spoken.setdefault(synthesize(word).tobytes(), word) == word

"""Synthetic voices: what the engine has, and what a voice says."""

import numpy as np
import pytest

from s4audio.data.espeak import Espeak
from s4audio.data.synthetic_voices import ACCENTS, SPLITS, VARIANTS, make_voice, say, voice_names
from s4audio.errors import UserError

pytest.importorskip("espeakng_loader", reason="the extra 'synthetic' is not installed")


def test_the_engine_has_every_voice():
    with Espeak() as engine:
        accents = {voice.name for voice in engine.voices()}
        variants = {variant.name for variant in engine.variants()}
    assert set(ACCENTS) <= accents
    for split in SPLITS:
        assert set(VARIANTS[split]) <= variants
        assert len(voice_names(split, 0)) == len(ACCENTS) * len(VARIANTS[split])


def test_the_same_word_differs_between_takes():
    voice = make_voice("en-us+m1", np.random.default_rng(0))
    with Espeak() as engine:
        first, second = (say(engine, voice, "go", np.random.default_rng(take)) for take in (1, 2))
    assert first.dtype == np.int16
    assert first.shape == second.shape == (16_000,)
    assert not np.array_equal(first, second)


def test_a_long_phrase_is_said_faster():
    voice = make_voice("en-us+m1", np.random.default_rng(0))
    phrase = "turn on the light in the kitchen"
    with Espeak() as engine:
        assert len(engine.synthesize(phrase, "en-us+m1")) > engine.sample_rate
        clip = say(engine, voice, phrase, np.random.default_rng(0))
    assert clip.shape == (16_000,)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("_", "is silent"),
        (
            "nine hundred and ninety nine thousand nine hundred and ninety nine",
            "longer than one second",
        ),
    ],
)
def test_words_that_cannot_be_said(word, problem):
    voice = make_voice("en-us+m1", np.random.default_rng(0))
    with Espeak() as engine, pytest.raises(UserError, match=problem):
        say(engine, voice, word, np.random.default_rng(0))

"""Synthetic sentences without keywords: running speech that a keyword spotter must let pass.

The sentences are said by the test voices of `s4audio.data.synthetic_voices`, each through a
microphone and a room of its own.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from s4audio.data import audio
from s4audio.data.cache import Source, cache_dir, complete_or_absent, to_int16
from s4audio.data.espeak import Espeak
from s4audio.data.synthetic_voices import SAMPLE_RATE, Voice, make_voice, voice_names
from s4audio.errors import UserError

SENTENCES = (
    "The kettle began to sing while she was reading the morning paper.",
    "My brother keeps eleven goats and a very old donkey.",
    "Could you pass me the blue cup behind the bread?",
    "It rained all night and the river is high again.",
    "Several people were waiting at the station before sunrise.",
    "We finished painting the kitchen just in time for the party.",
    "Her grandfather repaired watches for nearly fifty years.",
    "The concert begins at a quarter past eight this evening.",
    "Please leave your muddy boots beside the door.",
    "A small boat crossed the lake without making a sound.",
    "They planted three apple trees along the garden wall.",
    "What would you like to eat after the film?",
    "The teacher asked everyone to bring a pencil and some paper.",
    "He lost his keys somewhere between the office and the bus.",
    "Fresh snow covered the fields and the narrow lane.",
    "I have been looking forward to this holiday since March.",
    "The library closes early every second Friday.",
    "She speaks five languages and is learning another.",
    "There is a letter for you under the telephone.",
    "The baby laughed each time the dog chased its tail.",
    "Most of the shops in the village were already closed.",
    "His voice is deep, calm and easy to listen to.",
    "We saw a family of deer near the edge of the forest.",
    "The soup needs a little salt and plenty of pepper.",
    "Tomorrow morning the bridge will be closed for repairs.",
    "Nobody remembered where the spare blankets were kept.",
    "The engine made a strange noise and then fell silent.",
    "Can we meet at the museum instead of the market?",
    "She carried the heavy basket all the way home.",
    "Two children were building a castle out of wet sand.",
    "The doctor told him to drink more water and sleep longer.",
    "I would rather walk than wait for the next train.",
    "An orange cat was asleep beneath the kitchen table.",
    "They have been neighbours for more than twenty years.",
    "The storm broke several windows in the old school.",
    "Whose jacket is hanging behind the chair?",
    "He whistled a cheerful tune while he washed the dishes.",
    "The museum shows paintings from seven different countries.",
    "Every spring the swallows return to the same barn.",
    "It takes about an hour to cycle around the island.",
    "The recipe asks for six eggs and a pound of butter.",
    "Our visitors arrived late because of heavy traffic.",
    "She wrapped the present in yellow paper and a ribbon.",
    "The mountain path is steep, but the view is wonderful.",
    "Have you ever tasted honey from this valley?",
    "A tall man with a grey beard opened the gate.",
    "The printer has run out of paper twice this week.",
    "We listened to the waves and watched the moon rise.",
    "Four of the nine players were injured last season.",
    "The bakery sells the finest cherry cake in town.",
    "Her train was delayed, and she missed the first lecture.",
    "Whenever it thunders, the horses become nervous.",
    "He measured the shelf carefully before cutting the wood.",
    "The actors bowed as the audience clapped and cheered.",
    "Someone has eaten the last piece of cheese.",
    "The temperature fell sharply as evening came.",
    "They talked about music, travel and the price of coffee.",
    "A narrow staircase leads to the room above the shop.",
    "The farmer counted his sheep twice and found one missing.",
    "Maybe the weather will be better after the weekend.",
)
"""Sentences of our own; none has one of the ten words of Speech Commands in it."""

LABEL = "(sentence)"
_FORMAT = 2  # a change of the sentences or of how they are said makes new folders
_PEAK = 0.5


def sentence_clips(count: int, keywords: Sequence[str]) -> list[Source]:
    """Synthesise sentences, or find them in the cache.

    Args:
        count: how many, >= 1; more than there are sentences repeats them in other voices.
        keywords: sentences with any of these words in them are left out.

    Returns:
        Clips of the class `LABEL` for testing.

    Raises:
        UserError: the `espeakng-loader` package is missing, or every sentence has a keyword in it.
    """
    texts = _without(keywords)
    if not texts:
        raise UserError(f"every sentence has one of {', '.join(keywords)} in it: leave them out")
    rows = [SENTENCES.index(text) for text in texts]
    name = f"{_FORMAT}_{count}_{'-'.join(str(r) for r in range(len(SENTENCES)) if r not in rows)}"
    folder = cache_dir() / "sentences" / name.rstrip("_")
    if not folder.is_dir():
        _synthesise([texts[number % len(texts)] for number in range(count)], folder)
    return [
        Source(folder / f"{number:05d}.wav", f"sentences/{number:05d}.wav", LABEL, "testing")
        for number in range(count)
    ]


def _without(keywords: Sequence[str]) -> list[str]:
    spoken = {keyword.casefold() for keyword in keywords}
    return [text for text in SENTENCES if not spoken & set(re.findall(r"\w+", text.casefold()))]


def _synthesise(texts: Sequence[str], folder: Path) -> None:
    """Write all sentences."""
    voices = voice_names("testing", 0)
    with complete_or_absent(folder) as temporary, Espeak() as engine:
        for number, text in enumerate(texts):
            voice = make_voice(voices[number % len(voices)], np.random.default_rng(number))
            path = temporary / f"{number:05d}.wav"
            soundfile.write(path, to_int16(_say(engine, voice, text)), SAMPLE_RATE)


def _say(engine: Espeak, voice: Voice, text: str) -> audio.FloatArray:
    """A sentence as the voice's microphone hears it, in [-1, 1] at 16 kHz."""
    waveform = engine.synthesize(
        text,
        voice.name,
        rate=round(voice.rate),
        pitch=round(voice.pitch),
        pitch_range=round(voice.pitch_range),
    )
    dry = audio.resample(waveform, engine.sample_rate, SAMPLE_RATE)
    room = np.fft.irfft(voice.response)
    size = len(dry) + len(room)
    heard = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(room, size), size)[: len(dry)]
    scaled: audio.FloatArray = (heard * (_PEAK / max(np.abs(heard).max(), 1e-9))).astype(np.float32)
    return scaled

"""Clips with their words found, and an order in which all of them come up equally often."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from s4audio.data.boundaries import word_boundaries
from s4audio.data.clips import Clips
from s4audio.data.open_set import SILENCE

# What lasts longer is a sentence, and is speech from its beginning to its end.
_LONGEST_WORD_SECONDS = 2.0


@dataclass(frozen=True)
class SpokenClip:
    """A clip and where its word is.

    Attributes:
        clips: the split that it belongs to.
        index: its row there.
        word: what is said.
        start: first sample of the word.
        end: sample behind its last.
        size: samples of the clip.
        gain: what gives the word a power of 1.
    """

    clips: Clips
    index: int
    word: str
    start: int
    end: int
    size: int
    gain: float


def find_words(clips: Clips) -> list[SpokenClip]:
    """Every labelled clip that is neither silent nor of the class `_silence_`."""
    found = []
    for index, target in enumerate(clips.targets):
        if target < 0 or clips.labels[target] == SILENCE:
            continue
        waveform = clips[index].waveform
        limits = word_boundaries(waveform, clips.sample_rate)
        if limits is not None:
            power = float(np.square(waveform[slice(*limits)], dtype=np.float64).mean())
            word, size = clips.labels[target], len(waveform)
            if size > _LONGEST_WORD_SECONDS * clips.sample_rate:
                limits = 0, size
            found.append(SpokenClip(clips, index, word, *limits, size, power**-0.5))
    return found


def in_turn(clips: Sequence[SpokenClip], random: np.random.Generator) -> Iterator[SpokenClip]:
    """Each word in turn, and each clip of a word in turn, in random orders, without end.

    Args:
        clips: none of them yields nothing.
        random: decides the orders.
    """
    by_word: dict[str, list[SpokenClip]] = {}
    for clip in clips:
        by_word.setdefault(clip.word, []).append(clip)
    decks = [
        cycle([found[row] for row in random.permutation(len(found))]) for found in by_word.values()
    ]
    while decks:
        for row in random.permutation(len(decks)):
            yield next(decks[row])

"""What a model shall say at each frame of a stream.

A frame is `hop` samples, and its time is that of its last sample: what the model says then rests on
everything up to it. Around a word from `start` to `end`:

- from `end + early` to `end + late` the target is the word's class;
- before that, from `start` on, and afterwards, until the middle of the word has left the pooling
  window, it is `IGNORED` for a keyword: a model may be quick or slow, and hold what it heard. For
  any other word it is `NO_KEYWORD`: a model that mistakes half a word for a keyword has failed.

Everywhere else the target is `_silence_`. Of two words that are close, the later one decides, but
another word does not forbid the keyword before it.
"""

import numpy as np
import numpy.typing as npt

from s4audio.data.cache import Int64Array

IGNORED = -100
"""Target of a frame without any loss (the number that cross entropy ignores)."""

NO_KEYWORD = -101
"""Target of a frame at which any class that begins with an underscore is right."""


class FrameTargets:
    """Derives targets from words.

    Args:
        hop: samples of a frame.
        window: samples that the model pools.
        early: samples from the end of a word to the first frame with its class; negative: before.
        late: samples from the end of a word to the last frame with its class, > `early`.
        silence: class where there are no words.
        keywords: classes below this number are keywords.
    """

    def __init__(
        self, hop: int, window: int, early: int, late: int, silence: int, keywords: int
    ) -> None:
        self.hop = hop
        self._window = window
        self._early, self._late = early, late
        self._silence = silence
        self._keywords = keywords

    def __call__(
        self, frames: int, start: Int64Array, end: Int64Array, target: Int64Array
    ) -> Int64Array:
        """Targets of some frames of a stream.

        Args:
            frames: how many.
            start: int64 (words,), first sample of each word, counted from the first frame; in the
                order of time, negative for words before it.
            end: int64 (words,), sample behind its last.
            target: int64 (words,), its class.

        Returns:
            int64 (frames,).
        """
        targets = np.full(frames, self._silence, np.int64)
        held = np.maximum(end + self._late, (start + end) // 2 + self._window)
        earliest = np.maximum(end + self._early, start + 1)
        bounds = np.stack([start + 1, held, earliest, end + self._late + 1])
        begins, leaves, first, last = self._frame(bounds).clip(0, frames)
        for row, word in enumerate(target.tolist()):
            around = targets[begins[row] : leaves[row]]
            if word < self._keywords:
                around[:] = IGNORED
            else:
                around[around == self._silence] = NO_KEYWORD
            targets[first[row] : last[row]] = word
        return targets

    def _frame(self, samples: Int64Array) -> Int64Array:
        """First frame that ends when at least so many samples have been heard."""
        frames: npt.NDArray[np.int64] = -(-samples // self.hop) - 1
        return frames

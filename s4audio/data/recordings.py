"""Long recordings, assembled block by block: words at random times over background noise.

Half of what is said are keywords, half other words (where there are any), in an order in which
every word, and every clip of a word, comes up equally often. Between two clips lies a pause of 1 to
4 seconds, or, one time in ten, a stretch of 10 to 30 seconds of noise only. Behind this part there
may be another one without keywords: other words and further recordings, each kind in turn, at the
same pauses.

A clip is scaled so that its word has a power of -26 dB below full scale, and the noise so that its
power, over all frequencies and each ten seconds, is lower by the signal-to-noise ratio. The same
recording can be had at several ratios at once; everything else in it is then the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch

from s4audio.data.annotations import Spoken
from s4audio.data.audio import FloatArray
from s4audio.data.augment.noise import coloured_noise
from s4audio.data.cache import decoded
from s4audio.data.clips import Clips
from s4audio.data.module import AudioDataModule
from s4audio.data.open_set import NOISE_PARTS
from s4audio.data.spoken_clips import SpokenClip, find_words, in_turn
from s4audio.errors import UserError

SPEECH_LEVEL_DB = -26.0
"""Power of a word, relative to full scale: the nominal level of telephony."""

KEYWORD_SHARE = 0.5

_PAUSE_SECONDS = (1.0, 4.0)
_NOISE_ONLY_SHARE, _NOISE_ONLY_SECONDS = 0.1, (10.0, 30.0)
_FADE_SECONDS = 0.01
_NOISE_SECONDS, _CROSSFADE_SECONDS = 10.0, 0.5
_NOISE_SLOPES = (0.0, 2.0)
_SILENCE = 1e-6  # root mean square below which noise counts as silent


class AssembledRecording:
    """A long recording that is never whole in memory.

    Args:
        clips: splits to take words from, all of one sample rate. Speech Commands' words with
            `length` given keep their padding.
        keywords: labels that are the words to detect; clips of all others are other words.
        seconds: length of the part with keywords.
        snrs: signal-to-noise ratios in decibels, at least one, each once.
        seed: of everything that is random.
        background: recordings of noise, such as those of `background_of`; None for noise of random
            colours, from white (slope 0) to brown (slope 2).
        negatives: recordings without any keyword, for the part without keywords; one kind each.
        negative_seconds: length of that part, behind the other.

    Attributes:
        words: what is spoken when, other words included, in the order of time.
        sample_rate: in Hz.
        samples: length of the recording in samples.
        negatives_from: where the part without keywords begins, in seconds; 0 if there is none.
        snrs: as given.

    Raises:
        UserError: no clips of any keyword, sample rates that differ, or a length or ratio out of
            range.
    """

    def __init__(
        self,
        clips: Sequence[Clips],
        keywords: Sequence[str],
        seconds: float,
        snrs: Sequence[float],
        seed: int = 0,
        background: Clips | None = None,
        negatives: Sequence[Clips] = (),
        negative_seconds: float = 0.0,
    ) -> None:
        rates = {split.sample_rate for split in (*clips, *negatives)}
        if len(rates) != 1:
            raise UserError(f"clips of one sample rate are needed, got {sorted(rates)} Hz")
        if not 1 <= seconds < float("inf"):
            raise UserError(f"a recording of {seconds:g} s: give at least one second")
        if negative_seconds != 0 and not 1 <= negative_seconds < float("inf"):
            raise UserError(
                f"a part without keywords of {negative_seconds:g} s: give none, or at least one "
                "second"
            )
        if not snrs or not all(-60 <= snr <= 100 for snr in snrs):
            raise UserError(f"snrs {list(snrs)}: give at least one, from -60 to 100 decibels")
        if len(set(snrs)) < len(snrs):
            raise UserError(f"snrs {list(snrs)}: list each ratio once")
        if seed < 0:
            raise UserError(f"seed must not be negative, got {seed}")
        self.sample_rate = rates.pop()
        size = round(seconds * self.sample_rate)
        self.samples = size + round(negative_seconds * self.sample_rate)
        self.negatives_from = seconds if negative_seconds else 0.0
        self.snrs = tuple(snrs)
        self._seed = seed
        self._background = background
        known, others = _divided(clips, set(keywords))
        self._placed = self._place_keywords(known, others, size)
        self._placed += self._place_negatives([others, *map(find_words, negatives)], size)
        self.words = [placed.spoken(self.sample_rate) for placed in self._placed]

    def blocks(self, seconds: float = 5.0) -> Iterator[FloatArray]:
        """The recording from its beginning.

        Args:
            seconds: length of a block; the last one may be shorter.

        Yields:
            float32 (snrs, time): the same piece at each signal-to-noise ratio.
        """
        size = max(1, round(seconds * self.sample_rate))
        speech_level = 10 ** (SPEECH_LEVEL_DB / 20)
        ratios = np.array(self.snrs, np.float32)[:, None]
        levels = np.float32(speech_level) / 10 ** (ratios / 20)
        noise = self._noise_blocks(size)
        upcoming = 0
        for start in range(0, self.samples, size):
            stop = min(start + size, self.samples)
            speech = np.zeros(stop - start, np.float32)
            while upcoming < len(self._placed) and self._placed[upcoming].stop <= start:
                upcoming += 1
            for placed in self._placed[upcoming:]:
                if placed.at >= stop:
                    break
                first, last = max(placed.at, start), min(placed.stop, stop)
                waveform = self._scaled(placed)[first - placed.at : last - placed.at]
                speech[first - start : last - start] += speech_level * waveform
            mixed = speech + levels * next(noise)[: stop - start]
            yield mixed.astype(np.float32, copy=False)

    def _place_keywords(
        self, known: Sequence[SpokenClip], others: Sequence[SpokenClip], stop: int
    ) -> list["_Placed"]:
        random = np.random.default_rng([self._seed, 0])
        share = KEYWORD_SHARE if others else 1.0
        next_known, next_other = in_turn(known, random), in_turn(others, random)

        def draw() -> SpokenClip:
            return next(next_known if random.random() < share else next_other)

        return self._place(draw, random, 0, stop)

    def _place_negatives(
        self, kinds: Sequence[Sequence[SpokenClip]], start: int
    ) -> list["_Placed"]:
        random = np.random.default_rng([self._seed, 2])
        turns = cycle([in_turn(kind, random) for kind in kinds if kind])
        if start == self.samples or not any(kinds):
            return []
        return self._place(lambda: next(next(turns)), random, start, self.samples)

    def _place(
        self,
        draw: Callable[[], SpokenClip],
        random: np.random.Generator,
        start: int,
        stop: int,
    ) -> list["_Placed"]:
        """Clips with pauses between them, until one does not fit any more."""
        # A pause behind the last word too: whoever listens lags behind it.
        last = stop - _PAUSE_SECONDS[0] * self.sample_rate
        placed: list[_Placed] = []
        at = start
        while True:
            noise_only = random.random() < _NOISE_ONLY_SHARE
            pause = random.uniform(*(_NOISE_ONLY_SECONDS if noise_only else _PAUSE_SECONDS))
            at += round(pause * self.sample_rate)
            clip = draw()
            if at + clip.size > last:
                return placed
            placed.append(_Placed(clip, at))
            at += clip.size

    def _scaled(self, placed: "_Placed") -> FloatArray:
        """A clip whose word has power 1, faded in and out."""
        found = placed.found
        waveform = found.clips[found.index].waveform * np.float32(found.gain)
        fade = min(round(_FADE_SECONDS * self.sample_rate), len(waveform) // 2)
        ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
        waveform[:fade] *= ramp
        waveform[len(waveform) - fade :] *= ramp[::-1]
        return waveform

    def _noise_blocks(self, size: int) -> Iterator[FloatArray]:
        """Endless noise of power 1 in blocks: pieces that fade into each other."""
        random = np.random.default_rng([self._seed, 1])
        fade = round(_CROSSFADE_SECONDS * self.sample_rate)
        length = 2 * round(_NOISE_SECONDS * self.sample_rate / 2)
        # Powers add up to 1 where two pieces overlap.
        angle = np.linspace(0, np.pi / 2, fade, endpoint=False, dtype=np.float32)
        pending = self._noise_piece(random, length)
        while True:
            while len(pending) < size + fade:
                piece = self._noise_piece(random, length)
                overlap = pending[-fade:] * np.cos(angle) + piece[:fade] * np.sin(angle)
                pending = np.concatenate([pending[:-fade], overlap, piece[fade:]])
            yield pending[:size]
            pending = pending[size:]

    def _noise_piece(self, random: np.random.Generator, length: int) -> FloatArray:
        if self._background is None or len(self._background) == 0:
            white = torch.from_numpy(random.standard_normal((1, length + 2), np.float32))
            slope = torch.tensor([random.uniform(*_NOISE_SLOPES)])
            piece = coloured_noise(white, slope, self.sample_rate)[0].numpy()
        else:
            index = int(random.integers(len(self._background)))
            whole = self._background[index].waveform
            first = int(random.integers(max(len(whole) - length, 0) + 1))
            piece = np.resize(whole[first : first + length], length)
        root_mean_square = float(np.sqrt(np.square(piece, dtype=np.float64).mean()))
        noise: FloatArray = np.divide(piece, max(root_mean_square, _SILENCE), dtype=np.float32)
        return noise


def _divided(
    clips: Sequence[Clips], keywords: set[str]
) -> tuple[list[SpokenClip], list[SpokenClip]]:
    """Clips of keywords, at least one, and of other words."""
    found = [clip for split in clips for clip in find_words(split)]
    known = [clip for clip in found if clip.word in keywords]
    if not known:
        raise UserError(
            f"there are no clips of {', '.join(sorted(keywords)) or 'any keyword'}, or only "
            "silent ones: choose data with the words of the model"
        )
    return known, [clip for clip in found if clip.word not in keywords]


def background_of(data: AudioDataModule) -> Clips | None:
    """The part for testing of each background recording of a data set; None if it has none."""
    noise = [source for source in data.sources() if source.part == "noise"]
    if not noise:
        return None
    store = decoded(noise, data.sample_rate, skip_bad_files=data.skip_bad_files)
    return Clips(store, np.arange(len(store)), [], part=NOISE_PARTS["testing"])


@dataclass(frozen=True)
class _Placed:
    """A clip in the recording, from its sample `at`."""

    found: SpokenClip
    at: int

    @property
    def stop(self) -> int:
        return self.at + self.found.size

    def spoken(self, sample_rate: int) -> Spoken:
        start, end = self.at + self.found.start, self.at + self.found.end
        return Spoken(self.found.word, start / sample_rate, end / sample_rate)

"""What happens when in a segment of a stream: drawn for all segments of a batch at once.

Events follow each other, with a pause before each:

- keywords;
- other words;
- pieces of keywords, which are no keywords: the head of one, the tail of one (half of them followed
  at once by the head of another, as at the seam of two words), a whole one reversed;
- bursts of noise, as loud as words and as short.

Half of the keywords and other words come with the whole clip around them, half with a few
hundredths of a second. No event crosses the border of two segments.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s4audio.data.augment.config import Range
from s4audio.data.augment.draws import Draws, clip_seeds
from s4audio.data.cache import Int64Array
from s4audio.data.streams.words import Words

KEYWORD, OTHER, HEAD, TAIL, REVERSED, BURST = range(6)

NO_WORD = -1
"""Target of a burst."""

BURST_SECONDS = (0.05, 0.6)

# Shares of what is no keyword.
_SHARES = {OTHER: 0.5, HEAD: 0.18, TAIL: 0.1, REVERSED: 0.07, BURST: 0.15}
_PIECE = (0.3, 0.55)
_JOINED_SHARE = 0.5
_WHOLE_CLIP_SHARE = 0.5
_MARGIN_SECONDS = (0.02, 0.15)
_LONG_PAUSE_SHARE = 0.1
_RUNNING_SHARE, _RUNNING_SECONDS = 0.3, (0.0, 0.05)
_WORD_LEVEL_DB = (-5.0, 5.0)
_EVENTS_PER_SECOND = 2.0


@dataclass(frozen=True)
class StreamPlan:
    """How streams are made.

    Args:
        segment: samples of a segment.
        sample_rate: in Hz.
        late: samples after the end of a word that have its target.
        keyword_share: share of the events that are keywords, in [0, 1].
        quiet_share: share of the segments without any speech, in [0, 1].
        pause: shortest and longest pause in seconds, > 0; short ones are more frequent. One in ten
            is longer, up to half a segment.
        level_db: power of the words of a segment relative to full scale; each word differs from it
            by up to 5 dB.
        snr_db: ratio of words to noise.
        speed: factors of speed that the augmentation draws from.
    """

    segment: int
    sample_rate: int
    late: int
    keyword_share: float
    quiet_share: float
    pause: Range
    level_db: Range
    snr_db: Range
    speed: Range


@dataclass(frozen=True)
class Events:
    """Events in some segments, ordered by segment and time; arrays of one entry an event.

    Attributes:
        row: the segment, a row of the batch.
        kind: `KEYWORD` to `BURST`.
        seeds: int64 tensor, for the augmentation of the clip.
        clip: row of the words' clips; of no meaning for a burst.
        first: first sample of the clip that is heard.
        last: sample behind the last that is heard.
        at: sample of the segment at which it is heard.
        start: sample of the segment at which the word begins.
        end: sample behind its end.
        target: class; `NO_WORD` for a burst.
        gain: what the clip is multiplied with.
    """

    row: Int64Array
    kind: Int64Array
    seeds: Tensor
    clip: Int64Array
    first: Int64Array
    last: Int64Array
    at: Int64Array
    start: Int64Array
    end: Int64Array
    target: Int64Array
    gain: npt.NDArray[np.float32]


def lay_out(seeds: Tensor, words: Words, unknown: int, plan: StreamPlan) -> Events:
    """Draw the events of some segments.

    Args:
        seeds: int64 (segments,).
        words: to choose from.
        unknown: class of everything spoken that is no keyword.
        plan: how streams are made.

    Returns:
        The events that fit into their segments.
    """
    count = int(plan.segment / plan.sample_rate * _EVENTS_PER_SECOND) + 1
    row = np.repeat(np.arange(len(seeds)), count)
    place = np.tile(np.arange(count), len(seeds))
    event_seeds = clip_seeds(0, seeds.numpy()[row], place)
    draws = Draws(event_seeds)
    kind, joined = _kinds(draws, place, plan.keyword_share)
    clip = words.choose(
        (kind != OTHER) & (kind != BURST), _uniform(draws, "word"), _uniform(draws, "clip")
    )
    first, last, start, end = _pieces(draws, words, kind, clip, plan)
    pause = _pauses(draws, place, kind, joined, plan)
    at = (pause + last - first).reshape(-1, count).cumsum(1).reshape(-1) - (last - first)
    in_time = (at + last - first <= plan.segment) & (at + end + plan.late <= plan.segment)
    kept = np.logical_and.accumulate(in_time.reshape(-1, count), axis=1).reshape(-1)
    segments = Draws(seeds)
    quiet = segments.uniform("quiet").numpy() < plan.quiet_share
    kept &= ~quiet[row] | (kind == BURST)
    speech_db = segments.uniform("level", *plan.level_db).numpy()[row]
    gain = 10 ** ((speech_db + draws.uniform("word level", *_WORD_LEVEL_DB).numpy()) / 20)
    gain = np.where(kind == BURST, gain, gain * words.gains[clip])
    target = np.where(kind == KEYWORD, words.clips.targets[clip], unknown)
    return Events(
        row=row[kept],
        kind=kind[kept],
        seeds=event_seeds[torch.from_numpy(kept)],
        clip=clip[kept],
        first=first[kept],
        last=last[kept],
        at=at[kept],
        start=(at + start)[kept],
        end=(at + end)[kept],
        target=np.where(kind == BURST, NO_WORD, target)[kept],
        gain=gain[kept].astype(np.float32),
    )


def _kinds(
    draws: Draws, place: Int64Array, keyword_share: float
) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
    """Kind of each event, and whether it follows the one before without a pause."""
    limits = np.cumsum([keyword_share, *((1 - keyword_share) * np.array([*_SHARES.values()]))])
    number = np.searchsorted(limits[:-1], _uniform(draws, "kind"), side="right")
    kind = np.array([KEYWORD, *_SHARES])[number]
    joined = np.zeros(len(kind), bool)
    joined[1:] = (kind[:-1] == TAIL) & (_uniform(draws, "joined")[1:] < _JOINED_SHARE)
    joined &= place > 0
    return np.where(joined, HEAD, kind), joined


def _pieces(
    draws: Draws, words: Words, kind: Int64Array, clip: Int64Array, plan: StreamPlan
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """What is heard of each clip, first and last, and the word in it, counted from `first`."""
    size = words.clips.length
    assert size is not None
    # The augmentation stretches a clip about its middle, and draws the factor in the same way.
    speed, middle = draws.uniform("speed", *plan.speed).numpy(), (size - 1) / 2
    start = (middle + (words.starts[clip] - middle) / speed).clip(0, size - 2)
    end = (middle + (words.ends[clip] - middle) / speed).clip(start + 1, size)
    part = draws.uniform("part", *_PIECE).numpy() * (end - start)
    end = np.where(kind == HEAD, start + part, end)
    start = np.where(kind == TAIL, end - part, start)
    margin = [m * plan.sample_rate for m in _MARGIN_SECONDS]
    before = np.where(kind == TAIL, 0, draws.uniform("before", *margin).numpy())
    behind = np.where(kind == HEAD, 0, draws.uniform("behind", *margin).numpy())
    whole = (kind <= OTHER) & (_uniform(draws, "whole") < _WHOLE_CLIP_SHARE)
    first = np.where(whole, 0, (start - before).clip(0))
    last = np.where(whole, size, (end + behind).clip(max=size))
    burst = draws.uniform("burst", *BURST_SECONDS).numpy() * plan.sample_rate
    first, last = np.where(kind == BURST, 0, first), np.where(kind == BURST, burst, last)
    start, end = np.where(kind == BURST, 0, start), np.where(kind == BURST, burst, end)
    start, end = (
        np.where(kind == REVERSED, last - end, start - first),
        np.where(kind == REVERSED, last - start, end - first),
    )
    whole_samples = [np.rint(x).astype(np.int64) for x in (first, last, start, end)]
    return whole_samples[0], whole_samples[1], whole_samples[2], whole_samples[3]


def _pauses(
    draws: Draws,
    place: Int64Array,
    kind: Int64Array,
    joined: npt.NDArray[np.bool_],
    plan: StreamPlan,
) -> Int64Array:
    """Samples before each event."""
    shortest, longest = plan.pause
    seconds = shortest * (longest / shortest) ** _uniform(draws, "pause")
    most = max(plan.segment / plan.sample_rate / 2, longest)
    long = _uniform(draws, "long pause") < _LONG_PAUSE_SHARE
    seconds = np.where(long, draws.uniform("length of pause", longest, most).numpy(), seconds)
    spoken = (kind != KEYWORD) & (kind != BURST)
    running = spoken & (_uniform(draws, "running") < _RUNNING_SHARE)
    running[1:] &= spoken[:-1]
    running &= place > 0
    seconds = np.where(running, draws.uniform("short pause", *_RUNNING_SECONDS).numpy(), seconds)
    samples: Int64Array = np.rint(np.where(joined, 0, seconds) * plan.sample_rate).astype(np.int64)
    return samples


def _uniform(draws: Draws, name: str) -> npt.NDArray[np.float32]:
    numbers: npt.NDArray[np.float32] = draws.uniform(name).numpy()
    return numbers

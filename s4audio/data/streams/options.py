"""Options of keyword streams: which values are possible."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from s4audio.data.augment import AugmentConfig
from s4audio.data.augment.config import Range
from s4audio.data.speech_commands_files import ALL_WORDS
from s4audio.data.streams.assembly import CROSSFADE_SECONDS
from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data.streams.module import KeywordStreams

_OWN_EFFECTS = ("place", "noise", "background", "speech")


def checked_words(words: Sequence[str]) -> list[str]:
    """The keywords; raises UserError unless each is a word of the data set, once, and not all."""
    foreign = [word for word in words if word not in ALL_WORDS]
    if foreign:
        raise UserError(
            f"words not in Speech Commands: {', '.join(foreign)}; known are {', '.join(ALL_WORDS)}"
        )
    if not words or len(set(words)) < len(words) or len(words) == len(ALL_WORDS):
        raise UserError(f"words must name each keyword once, at least one, not all: {list(words)}")
    return list(words)


def pair(values: Range) -> Range:
    """Two numbers, also where a list was given."""
    low, high = values
    return float(low), float(high)


def check(data: "KeywordStreams") -> None:
    """Whether the options of streams fit together.

    Raises:
        ValueError: a number out of range, or numbers that contradict each other.
        UserError: an augmentation that streams have of their own.
    """
    rate = data.sample_rate
    if data.hop < 1:
        raise ValueError(f"hop must be at least 1 sample, got {data.hop}")
    for name, seconds in (("segment", data.segment), ("context", data.context)):
        if seconds <= 0 or round(seconds * rate) % data.hop or seconds * rate % 1:
            raise ValueError(
                f"{name}={seconds} s must be a positive multiple of hop={data.hop} samples at "
                f"{rate} Hz"
            )
    longest = data.segment - CROSSFADE_SECONDS
    if not data.window <= data.context <= longest:
        raise ValueError(
            f"context={data.context} s must be at least window={data.window} s and at most "
            f"{longest:g} s, half a second less than segment"
        )
    if not -1 <= data.early < data.late <= data.segment / 2:
        raise ValueError(
            f"early={data.early} must be less than late={data.late}, both in seconds after the end "
            "of a word, and late at most half a segment"
        )
    for name, low, high, least in (
        ("pause", *data.pause, 1e-3),
        ("level_db", *data.level_db, -100.0),
        ("snr_db", *data.snr_db, -60.0),
    ):
        if not least <= low <= high <= 120:
            raise ValueError(f"{name}={[low, high]}: give two numbers from {least:g} to 120")
    for name, share in (("keyword_share", data.keyword_share), ("quiet_share", data.quiet_share)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {share}")
    for name in ("window", "epoch_minutes", "validation_minutes"):
        if not getattr(data, name) > 0:
            raise ValueError(f"{name} must be positive, got {getattr(data, name)}")
    if data.synthetic_clips_per_word < 0:
        raise ValueError(
            f"synthetic_clips_per_word must not be negative, got {data.synthetic_clips_per_word}"
        )
    if data.augment is not None:
        _check_augmentation(data.augment)


def _check_augmentation(augment: AugmentConfig) -> None:
    given = [f"{name}_probability" for name in _OWN_EFFECTS]
    for name in ("shift_ms", *given):
        if getattr(augment, name) > 0:
            raise UserError(
                f"augment.{name}={getattr(augment, name):g}: streams have places, noise and other "
                "speech of their own; leave it out"
            )

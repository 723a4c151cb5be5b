"""Classes for what is no keyword: `_unknown_` (other words) and `_silence_` (no words).

Both are added to the keywords in every split, each a tenth as many clips as there are keyword
clips, rounded up (3,077, 371 and 408 for the ten words of the whole data set).

- `_unknown_` are clips of all other words, at most as many as there are. Which ones is decided by a
  hash of the clip's name: the same for every seed, and a partial copy of the data has a part of
  them. Speakers stay in their splits.
- `_silence_` are pieces of the background recordings, 0 to 40 dB quieter than those; one in ten is
  digital silence. Training takes them from the first 70 % of each recording, validation from the
  next 10 % and testing from the rest.

Source: the proportions are those of TensorFlow's speech_commands example, with which the 12-class
figures of the literature were made; its draw depends on the version of TensorFlow, so no draw gives
exactly those clips.
"""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import soundfile

from s4audio.data import audio
from s4audio.data.base import Split
from s4audio.data.cache import Part, Source, cache_dir, complete_or_absent, to_int16
from s4audio.data.clips import between
from s4audio.errors import UserError

UNKNOWN = "_unknown_"
SILENCE = "_silence_"

SHARE = 0.1
"""Clips of each of the two classes, as a share of the keyword clips."""

NOISE_PARTS: dict[Split, tuple[float, float]] = {
    "train": (0.0, 0.7),
    "validation": (0.7, 0.8),
    "testing": (0.8, 1.0),
}
"""Which part of each background recording a split may hear."""

_FORMAT = 1  # a change of what is drawn makes new folders
_QUIETEST_DB = -40.0
_DIGITAL_SILENCE_SHARE = 0.1
_CLIP_SECONDS = 1.0


def class_sizes(keywords: Sequence[Source]) -> dict[Part, int]:
    """Clips of `_unknown_`, and as many of `_silence_`, in each split.

    Args:
        keywords: clips of all keywords.

    Example:
        >>> clips = [Source(Path("a.wav"), "yes/a.wav", "yes", "train")] * 11
        >>> class_sizes(clips)
        {'train': 2, 'validation': 0, 'testing': 0}
    """
    counts = Counter(clip.part for clip in keywords)
    return {split: math.ceil(SHARE * counts[split]) for split in get_args(Split)}


def unknown_clips(others: Sequence[Source], sizes: Mapping[Part, int]) -> list[Source]:
    """Some clips of other words, in the order they were given.

    Args:
        others: clips of words that are no keywords.
        sizes: how many in each split, if there are that many.
    """
    chosen: set[str] = set()
    for part, size in sizes.items():
        names = [clip.name for clip in others if clip.part == part]
        chosen.update(sorted(names, key=lambda name: _digest(name))[:size])
    return [as_unknown(clip) for clip in others if clip.name in chosen]


def as_unknown(clip: Source) -> Source:
    """The same clip in the class `_unknown_`."""
    return Source(clip.path, clip.name, UNKNOWN, clip.part)


def silence_clips(
    recordings: Sequence[Path], sizes: Mapping[Part, int], skip_bad_files: bool = False
) -> list[Source]:
    """Pieces of background recordings, cut out and written to the cache where they are not yet.

    Args:
        recordings: long recordings without speech.
        sizes: how many in each split.
        skip_bad_files: leave unreadable recordings out, as long as there is another one.

    Raises:
        UserError: there are no recordings, or one cannot be read.
    """
    if not recordings:
        raise UserError(
            f"{SILENCE} is cut from background recordings and there are none: add recordings to "
            "_background_noise_, or leave the class out"
        )
    stats = [path.stat() for path in recordings]
    files = [
        (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
        for path, stat in zip(recordings, stats, strict=True)
    ]
    key = _digest(json.dumps([_FORMAT, files, sorted(sizes.items())]))[:16]
    folder = cache_dir() / "silence" / key
    if not folder.is_dir():
        _cut(_readable(recordings, skip_bad_files), sizes, folder)
    return [
        Source(folder / name, f"{SILENCE}/{name}", SILENCE, part)
        for part, size in sizes.items()
        for name in (_file_name(part, number) for number in range(size))
    ]


def _readable(
    recordings: Sequence[Path], skip_bad_files: bool
) -> list[tuple[audio.FloatArray, int]]:
    heard: list[tuple[audio.FloatArray, int]] = []
    errors: list[UserError] = []
    for path in recordings:
        try:
            heard.append(audio.read(path))
        except UserError as error:
            errors.append(error)
    if errors and not (skip_bad_files and heard):
        raise errors[0]
    return heard


def _cut(
    heard: Sequence[tuple[audio.FloatArray, int]], sizes: Mapping[Part, int], folder: Path
) -> None:
    """Write all pieces."""
    with complete_or_absent(folder) as temporary:
        for row, (split, limits) in enumerate(NOISE_PARTS.items()):
            random = np.random.default_rng(row)
            for number in range(sizes[split]):
                waveform, rate = heard[int(random.integers(len(heard)))]
                piece = _piece(waveform, round(_CLIP_SECONDS * rate), limits, random)
                path = temporary / _file_name(split, number)
                soundfile.write(path, to_int16(piece), rate, subtype="PCM_16")


def _piece(
    waveform: audio.FloatArray, size: int, limits: tuple[float, float], random: np.random.Generator
) -> audio.FloatArray:
    part = between(waveform, limits)
    start = int(random.integers(max(len(part) - size, 0) + 1))
    gain = 10 ** (random.uniform(_QUIETEST_DB, 0.0) / 20)
    silent = random.random() < _DIGITAL_SILENCE_SHARE
    return np.resize(part[start : start + size], size) * np.float32(0.0 if silent else gain)


def _file_name(part: Part, number: int) -> str:
    return f"{part}_{number:05d}.wav"


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()

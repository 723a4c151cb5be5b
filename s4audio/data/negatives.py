"""Recordings that hold no keyword: any folder of audio files, decoded as clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4audio.data.audio import EXTENSIONS
from s4audio.data.cache import Source, decoded
from s4audio.data.clips import Clips
from s4audio.data.folder import audio_files
from s4audio.errors import UserError

# Longer ones are recordings to be listed with their words, not clips to be placed.
_MAX_SECONDS = 60.0


def negative_clips(folder: Path, keywords: Sequence[str], sample_rate: int) -> Clips:
    """All audio files at or below a folder.

    Args:
        folder: with WAV, FLAC, Ogg, MP3 or AIFF files of at most a minute, at any sampling rate.
        keywords: no file may be in a folder of such a name.
        sample_rate: in Hz, that the files are resampled to.

    Returns:
        Clips whose label is the name of their folder or, directly in `folder`, the file's name up
        to its first underscore ("7_jackson_32.wav" is a "7").

    Raises:
        UserError: no such folder, no audio files, one of a keyword, or a file that cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of negatives")
    paths = audio_files(folder)
    if not paths:
        raise UserError(f"{folder}: no audio files ({' '.join(sorted(EXTENSIONS))})")
    sources = [
        Source(path, path.relative_to(folder).as_posix(), _label(path, folder), "testing")
        for path in paths
    ]
    for source in sources:
        for word in (source.label, *Path(source.name).parts[:-1]):
            if word in keywords:
                raise UserError(
                    f"{folder}: {source.name} is a recording of {word!r}; negatives must not hold "
                    "any keyword"
                )
    return clips_of(sources, sample_rate)


def clips_of(sources: Sequence[Source], sample_rate: int) -> Clips:
    """Decode files, whole, in the order given; their labels are sorted."""
    store = decoded(sources, sample_rate, _MAX_SECONDS)
    return Clips(store, np.arange(len(store)), sorted({source.label for source in sources}))


def _label(path: Path, folder: Path) -> str:
    return path.stem.partition("_")[0] if path.parent == folder else path.parent.name

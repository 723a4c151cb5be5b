"""What streams are made of: clips by word, with the place and the level of the word in each."""

import os
import uuid
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from s4audio.data.boundaries import word_boundaries
from s4audio.data.cache import FULL_SCALE, Int64Array, Store
from s4audio.data.clips import Clips
from s4audio.data.open_set import SILENCE
from s4audio.data.speech_commands_files import ADDED
from s4audio.errors import UserError

_FORMAT = 1  # of the table on disk
_COLUMNS = 3

Shares = npt.NDArray[np.floating]


class Words:
    """Clips of one split by what is said in them.

    A word is the name of the folder that a clip lies in, so other words stay apart although they
    share the class `_unknown_`.

    Args:
        store: decoded clips.
        rows: int64 (clips,), rows of the store that may be used; silent clips and those of
            `_silence_` are left out.
        labels: class names.
        keywords: which of the classes are keywords.
        length: samples of a clip; shorter ones are zero-padded at the end.

    Attributes:
        clips: those that are left.
        starts: int64 (clips,), first sample of the word.
        ends: int64 (clips,), sample behind its last.
        gains: float32 (clips,), what gives the word a power of 1.

    Raises:
        UserError: there are no clips of keywords, or none of other words.
    """

    def __init__(
        self,
        store: Store,
        rows: Int64Array,
        labels: Sequence[str],
        keywords: Sequence[str],
        length: int,
    ) -> None:
        table = _word_table(store)[rows]
        speech = np.array([store.labels[row] != SILENCE for row in rows], bool)
        usable = speech & (table[:, 2] > 0) & (table[:, 0] < length)
        rows, table = rows[usable], table[usable]
        self.clips = Clips(store, rows, labels, length)
        self.starts = table[:, 0].astype(np.int64)
        self.ends = np.minimum(table[:, 1].astype(np.int64), length)
        self.gains = (table[:, 2] ** -0.5).astype(np.float32)
        spoken = np.array([PurePosixPath(store.names[row]).parent.name for row in rows])
        known = np.array([store.labels[row] in keywords for row in rows], bool)
        made = np.array([store.names[row].startswith(ADDED) for row in rows], bool)
        self._keywords = _Group(spoken, np.flatnonzero(known), "keyword")
        self._others = _Group(spoken, np.flatnonzero(~known & ~made), "other word")
        self._added: _Group | None = None
        if (made & ~known).any():
            # As one word: whoever adds clips decides how many there are of each.
            alike = np.zeros_like(spoken)
            self._added = _Group(alike, np.flatnonzero(~known & made), "added word")

    def choose(self, is_keyword: npt.NDArray[np.bool_], word: Shares, clip: Shares) -> Int64Array:
        """A clip for each event: every word equally likely, and every clip of a word.

        Of the other words half are added ones, if there are any, every clip equally likely.

        Args:
            is_keyword: (events,), whether a keyword is wanted or another word.
            word: (events,) in [0, 1), which word.
            clip: (events,) in [0, 1), which clip of it.

        Returns:
            (events,), rows of `clips`.
        """
        if self._added is None:
            others = self._others.choose(word, clip)
        else:
            # Each half of the interval is a whole interval to its group.
            half = 2 * word % 1
            recorded, added = self._others.choose(half, clip), self._added.choose(half, clip)
            others = np.where(word < 0.5, recorded, added)
        return np.where(is_keyword, self._keywords.choose(word, clip), others)


class _Group:
    """Clips sorted by word."""

    def __init__(self, spoken: npt.NDArray[np.str_], clips: Int64Array, what: str) -> None:
        if len(clips) == 0:
            raise UserError(f"no clips of any {what} in a split that streams are made of: add some")
        self._clips = clips[np.argsort(spoken[clips], kind="stable")]
        _, self._firsts, self._counts = np.unique(
            spoken[self._clips], return_index=True, return_counts=True
        )

    def choose(self, word: Shares, clip: Shares) -> Int64Array:
        words = (word * len(self._counts)).astype(np.int64)
        places = self._firsts[words] + (clip * self._counts[words]).astype(np.int64)
        return np.asarray(self._clips[places])


def _word_table(store: Store) -> npt.NDArray[np.float64]:
    """Start, end and power of the word in every clip of a store; power 0 where there is none.

    Finding them takes 0.1 ms a clip, so the table is kept beside the clips.
    """
    path = store.folder / f"words_{_FORMAT}.npy"
    if path.is_file():
        try:
            table: npt.NDArray[np.float64] = np.load(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: damaged table ({error}); delete the file") from None
        if table.shape == (len(store), _COLUMNS):
            return table
    table = np.zeros((len(store), _COLUMNS))
    for row, label in enumerate(store.labels):
        if label:  # background recordings have none
            table[row] = _find_word(store, row)
    temporary = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.npy")
    np.save(temporary, table)
    os.replace(temporary, path)
    return table


def _find_word(store: Store, row: int) -> tuple[int, int, float]:
    waveform = store[row] * np.float32(1 / FULL_SCALE)
    limits = word_boundaries(waveform, store.sample_rate)
    if limits is None:
        return 0, 0, 0.0
    return *limits, float(np.square(waveform[slice(*limits)], dtype=np.float64).mean())

"""Google Speech Commands v0.02 in the protocols of the papers.

Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition",
arXiv 1804.03209.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from s4audio.data.augment import AugmentConfig
from s4audio.data.base import Split
from s4audio.data.cache import FULL_SCALE, Int64Array, Source, Store
from s4audio.data.module import AudioDataModule, Features, Partition, rows_by_part
from s4audio.data.open_set import SILENCE, UNKNOWN, class_sizes, silence_clips, unknown_clips
from s4audio.data.speech_commands_files import (
    ALL_WORDS,
    TEN_WORDS,
    added_clips,
    background_noise,
    find_or_download,
    listed_clips,
    other_words,
)
from s4audio.errors import UserError, unknown_name

# Background recordings last a minute and a half; anything longer is not from this data set.
_MAX_SECONDS = 120.0


class SpeechCommands(AudioDataModule):
    """One-second commands: 35 words, ten words, ten words among other sounds, or your choice.

    Args:
        root: folder that holds `SpeechCommands/speech_commands_v0.02`, or one of these two folders.
        words: 35 for all words; 10 for yes, no, up, down, left, right, on, off, stop, go; 12 for
            these ten, `_unknown_` (other words) and `_silence_` (`s4audio.data.open_set` says which
            clips these are); or a list of words, and of those two, in the order of their targets.
        protocol: "official" splits by the lists of the data set, which keep speakers apart, and
            zero-pads clips at the end to one second. "s4" is the ten-word protocol of the S4
            paper: clips that do not last exactly one second are dropped, and the rest, in sorted
            order, is split 70/15/15 at random within each class, so that a speaker may be in
            several splits.
        download: fetch the data set (2.4 GB) when it is not there; an interrupted download
            continues.
        amplitude: "unit" leaves `statistics` as they are; "papers" makes a model that standardises
            its input see what the S4 paper's code feeds it. That code divides samples in [-1, 1]
            by 2^15 once more and then computes (x - mean) / (std + 1e-5), which equals
            (x - mean) / (std + 1e-5 * 2^15) of the samples in [-1, 1].
        features: "waveform", (batch, 16000, 1), or "mfcc", (batch, 161, 20), normalised per
            coefficient with the statistics of the training split.
        sample_rate: in Hz; other than 16,000 resamples the clips.
        batch_size: clips in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training clips and of the augmentation.
        augment: random changes of the training clips; None for none.
        skip_bad_files: leave unreadable files out instead of stopping.
        extra: folder of further training clips, WORD/NAME.wav, such as `s4audio synthesize` makes;
            words that are no class are left out. None for none.

    Raises:
        UserError: unknown or repeated words.
        ValueError: arguments that exclude each other.

    Source: protocols from Gu, Goel, Re, arXiv 2111.00396, appendix D.5, and Gu, Gupta, Goel, Re,
        arXiv 2206.11893, appendix.
    """

    def __init__(
        self,
        root: Path | str = "data",
        words: Literal[10, 12, 35] | list[str] = 35,
        protocol: Literal["official", "s4"] = "official",
        download: bool = False,
        amplitude: Literal["unit", "papers"] = "unit",
        features: Features = "waveform",
        sample_rate: int = 16_000,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        augment: AugmentConfig | None = None,
        skip_bad_files: bool = False,
        extra: Path | str | None = None,
    ) -> None:
        for option, value, known in (
            ("protocol", protocol, ("official", "s4")),
            ("amplitude", amplitude, ("unit", "papers")),
            ("features", features, get_args(Features)),
        ):
            if value not in known:
                raise UserError(unknown_name(option, value, known))
        if protocol == "s4" and words != 10:
            raise ValueError(f'protocol="s4" is defined for words=10, got words={words}')
        if amplitude == "papers" and features != "waveform":
            raise ValueError('amplitude="papers" applies to features="waveform" only')
        super().__init__(
            sample_rate=sample_rate,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            skip_bad_files=skip_bad_files,
            max_seconds=_MAX_SECONDS,
            length=sample_rate,
            features=features,
            std_offset=1e-5 * FULL_SCALE if amplitude == "papers" else 0.0,
        )
        self.root = Path(root)
        self.words: Literal[10, 12, 35] | list[str] = words
        self.protocol = protocol
        self.download = download
        self.amplitude = amplitude
        self.extra = extra
        self._labels = _labels(words)

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of their targets."""
        return list(self._labels)

    def sources(self) -> list[Source]:
        """The clips of the chosen words with their official split, then the background noise."""
        folder = find_or_download(self.root, self.download)
        keywords = [label for label in self._labels if label in ALL_WORDS]
        clips = listed_clips(folder, keywords)
        sizes, noise = class_sizes(clips), background_noise(folder)
        if UNKNOWN in self._labels:
            clips += unknown_clips(listed_clips(folder, other_words(keywords)), sizes)
        if SILENCE in self._labels:
            clips += silence_clips([source.path for source in noise], sizes, self.skip_bad_files)
        if self.extra is not None:
            clips += [clip for clip in added_clips(Path(self.extra)) if clip.label in keywords]
        return clips + noise

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The official split, or the S4 paper's."""
        official = rows_by_part(store, sources)
        if self.protocol == "official":
            return official
        words = np.sort(np.concatenate([official[part] for part in get_args(Split)]))
        exact = words[store.lengths[words] == self.sample_rate]
        return {**_stratified_split(store, exact), "noise": official["noise"]}


def _labels(words: Literal[10, 12, 35] | list[str]) -> list[str]:
    if not isinstance(words, list):
        sets = {10: [*TEN_WORDS], 12: [*TEN_WORDS, UNKNOWN, SILENCE], 35: [*ALL_WORDS]}
        if words not in sets:
            raise UserError(f"words={words!r}: give 10, 12, 35 or a list of words")
        return sets[words]
    foreign = [word for word in words if word not in (*ALL_WORDS, UNKNOWN, SILENCE)]
    if foreign:
        raise UserError(
            f"words not in Speech Commands: {', '.join(foreign)}; known are {', '.join(ALL_WORDS)}"
        )
    if set(words) <= {UNKNOWN, SILENCE} or len(set(words)) < len(words):
        raise UserError(f"words must name each word once and at least one, got {words}")
    return list(words)


def _stratified_split(store: Store, rows: Int64Array) -> Partition:
    """70/15/15 at random within each class, with the seeds of the S4 paper's code."""
    try:
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise UserError('protocol="s4" needs scikit-learn: pip install scikit-learn') from None
    # The order of the classes matters to the random draw: theirs is by number, not by name.
    targets = np.array([TEN_WORDS.index(store.labels[row]) for row in rows])
    try:
        train, rest, _, rest_targets = train_test_split(
            rows, targets, train_size=0.7, random_state=0, stratify=targets
        )
        validation, testing = train_test_split(
            rest, train_size=0.5, random_state=1, stratify=rest_targets
        )
    except ValueError as error:
        raise UserError(f'protocol="s4": too few clips to split ({error})') from None
    return {"train": train, "validation": validation, "testing": testing}

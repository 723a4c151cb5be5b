"""Google Speech Commands v0.02 in the protocols of the papers.

Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition",
arXiv 1804.03209.
"""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from s4audio.data.augment import AugmentConfig
from s4audio.data.cache import FULL_SCALE, Int64Array, Part, Source, Store
from s4audio.data.download import download
from s4audio.data.module import AudioDataModule, Features, Partition, Split, rows_by_part
from s4audio.errors import UserError

TEN_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")

# The order of the S4 paper's code, so that its classifiers keep their rows.
# fmt: off
ALL_WORDS = (
    "bed", "cat", "down", "five", "forward", "go", "house", "left", "marvin",
    "no", "on", "right", "sheila", "tree", "up", "visual", "yes", "backward",
    "bird", "dog", "eight", "follow", "four", "happy", "learn", "nine", "off",
    "one", "seven", "six", "stop", "three", "two", "wow", "zero",
)
# fmt: on

VERSION = "speech_commands_v0.02"
URL = f"http://download.tensorflow.org/data/{VERSION}.tar.gz"
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
BACKGROUND = "_background_noise_"

_LISTS = ("validation_list.txt", "testing_list.txt")
_NEEDS_TORCHAUDIO = 'SpeechCommands needs torchaudio: pip install "s4audio[audio]"'
# Background recordings last a minute and a half; anything longer is not from this data set.
_MAX_SECONDS = 120.0


class SpeechCommands(AudioDataModule):
    """One-second commands: 35 words, ten words, or words of your choice.

    Args:
        root: folder that holds `SpeechCommands/speech_commands_v0.02`, or one of these two folders.
        words: 35 for all words, 10 for yes, no, up, down, left, right, on, off, stop, go, or a
            list of words in the order their targets shall have.
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

    Raises:
        UserError: unknown or repeated words.
        ValueError: arguments that exclude each other.

    Source: protocols from Gu, Goel, Re, arXiv 2111.00396, appendix D.5, and Gu, Gupta, Goel, Re,
        arXiv 2206.11893, appendix.
    """

    def __init__(
        self,
        root: Path | str = "data",
        words: Literal[10, 35] | list[str] = 35,
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
    ) -> None:
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
        self.words: Literal[10, 35] | list[str] = words
        self.protocol = protocol
        self.download = download
        self.amplitude = amplitude
        self._labels = _labels(words)

    @property
    def labels(self) -> list[str]:
        """The words, in the order of their targets."""
        return list(self._labels)

    def sources(self) -> list[Source]:
        """The clips of the chosen words with their official split, then the background noise."""
        folder = self._folder()
        recordings = sorted((folder / BACKGROUND).glob("*.wav"))
        noise = [Source(path, f"{BACKGROUND}/{path.name}", "", "noise") for path in recordings]
        return _listed_clips(folder, self._labels) + noise

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The official split, or the S4 paper's."""
        official = rows_by_part(store, sources)
        if self.protocol == "official":
            return official
        words = np.sort(np.concatenate([official[part] for part in get_args(Split)]))
        exact = words[store.lengths[words] == self.sample_rate]
        return {**_stratified_split(store, exact), "noise": official["noise"]}

    def _folder(self) -> Path:
        folder = find_speech_commands(self.root)
        if folder is not None:
            return folder
        if self.download:
            return _download(self.root)
        raise UserError(
            f"{self.root}: no Speech Commands data set here (looked for SpeechCommands/{VERSION} "
            f"with {' and '.join(_LISTS)}): correct root or set download=True"
        )


def find_speech_commands(root: Path) -> Path | None:
    """The folder with the words and the split lists, at `root` or below; None if there is none."""
    for folder in (root / "SpeechCommands" / VERSION, root / VERSION, root):
        if any((folder / name).is_file() for name in _LISTS):
            return folder
    return None


def _labels(words: Literal[10, 35] | list[str]) -> list[str]:
    if not isinstance(words, list):
        return list(TEN_WORDS if words == 10 else ALL_WORDS)
    unknown = [word for word in words if word not in ALL_WORDS]
    if unknown:
        raise UserError(
            f"words not in Speech Commands: {', '.join(unknown)}; known are {', '.join(ALL_WORDS)}"
        )
    if not words or len(set(words)) < len(words):
        raise UserError(f"words must name each word once and at least one, got {words}")
    return list(words)


def _listed_clips(folder: Path, labels: Sequence[str]) -> list[Source]:
    """Clips in the order of the labels, then by file name."""
    missing = [name for name in _LISTS if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder}: {' and '.join(missing)} missing; unpack the data set again")
    part_of = _official_parts(folder)
    clips: list[Source] = []
    for label in labels:
        paths = sorted((folder / label).glob("*.wav"))
        if not paths:
            raise UserError(
                f"{folder / label}: no .wav files of the word {label!r}; unpack the data set again "
                "or leave the word out of words"
            )
        for path in paths:
            name = f"{label}/{path.name}"
            clips.append(Source(path, name, label, part_of.pop(name, "train")))
    absent = [name for name in part_of if name.split("/")[0] in labels]
    if absent:
        raise UserError(
            f"{folder}: {len(absent)} listed clips are missing, first {absent[0]}; unpack the data "
            "set again"
        )
    return clips


def _official_parts(folder: Path) -> dict[str, Part]:
    """Split of each clip that the lists name; the rest is for training."""
    try:
        from torchaudio.datasets import SPEECHCOMMANDS
    except ImportError:
        raise UserError(_NEEDS_TORCHAUDIO) from None
    folder = folder.resolve()
    part_of: dict[str, Part] = {}
    for part in ("validation", "testing"):
        try:
            listed = SPEECHCOMMANDS(
                folder.parent.parent,
                url=f"{folder.name}.tar.gz",
                folder_in_archive=folder.parent.name,
                subset=part,
            )
            paths = [Path(listed.get_metadata(row)[0]) for row in range(len(listed))]
        except ValueError:
            raise UserError(
                f"{folder / part}_list.txt: a line is not of the form word/speaker_nohash_0.wav; "
                "unpack the data set again"
            ) from None
        part_of.update({f"{path.parent.name}/{path.name}": part for path in paths})
    return part_of


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


def _download(root: Path) -> Path:
    """Fetch, check and unpack the archive.

    An interrupted download continues; an interrupted unpacking starts again from the archive. The
    data set appears under its name only when complete.
    """
    try:
        from torchaudio.datasets import SPEECHCOMMANDS
    except ImportError:
        raise UserError(_NEEDS_TORCHAUDIO) from None
    staging = root / f".{VERSION}.partial"
    folder = root / "SpeechCommands" / VERSION
    if folder.exists():
        raise UserError(
            f"{folder}: incomplete data set ({' and '.join(_LISTS)} are missing); delete the "
            "folder to download it again"
        )
    shutil.rmtree(staging / "SpeechCommands", ignore_errors=True)
    download(URL, staging / URL.rpartition("/")[2], SHA256)
    try:
        # Finds the archive in place and unpacks it.
        SPEECHCOMMANDS(staging, url=VERSION, download=True)
    except (OSError, RuntimeError, tarfile.TarError) as error:
        raise UserError(f"Speech Commands could not be unpacked in {root}: {error}") from error
    folder.parent.mkdir(exist_ok=True)
    (staging / "SpeechCommands" / VERSION).rename(folder)
    shutil.rmtree(staging)
    return folder

"""Files of Google Speech Commands v0.02: words, split lists, background recordings, download."""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from s4audio.data.cache import Part, Source
from s4audio.data.download import download
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
ADDED = "added/"
"""What names of clips begin with that are not from the data set."""

_LISTS = ("validation_list.txt", "testing_list.txt")
_NEEDS_TORCHAUDIO = 'SpeechCommands needs torchaudio: pip install "s4audio[audio]"'


def find_speech_commands(root: Path) -> Path | None:
    """The folder with the words and the split lists, at `root` or below; None if there is none."""
    for folder in (root / "SpeechCommands" / VERSION, root / VERSION, root):
        if any((folder / name).is_file() for name in _LISTS):
            return folder
    return None


def find_or_download(root: Path, may_download: bool) -> Path:
    """The folder with the words and the split lists.

    Args:
        root: as for `SpeechCommands`.
        may_download: fetch the data set if it is not there.

    Raises:
        UserError: it is not there, or cannot be fetched.
    """
    folder = find_speech_commands(root)
    if folder is not None:
        return folder
    if may_download:
        return _download(root)
    raise UserError(
        f"{root}: no Speech Commands data set here (looked for SpeechCommands/{VERSION} with "
        f"{' and '.join(_LISTS)}): correct root or set download=True"
    )


def other_words(keywords: Sequence[str]) -> list[str]:
    """Words of the data set that are not among the keywords."""
    return [word for word in ALL_WORDS if word not in keywords]


def background_noise(folder: Path) -> list[Source]:
    """The recordings without speech; `folder` is the one with the words."""
    recordings = sorted((folder / BACKGROUND).glob("*.wav"))
    return [Source(path, f"{BACKGROUND}/{path.name}", "", "noise") for path in recordings]


def listed_clips(folder: Path, labels: Sequence[str]) -> list[Source]:
    """Clips of some words with their official split.

    Args:
        folder: the one with the words and the split lists.
        labels: the words.

    Returns:
        Clips in the order of the labels, then by file name.

    Raises:
        UserError: something is missing in the folder.
    """
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


def added_clips(folder: Path) -> list[Source]:
    """Clips beside those of the data set, to train on: one folder a word, as `synthesize` makes.

    Args:
        folder: holds a folder with .wav files for each word.

    Returns:
        Clips by word, then by file name; the label is the word.

    Raises:
        UserError: there are none.
    """
    paths = sorted(folder.glob("*/*.wav"))
    if not paths:
        raise UserError(
            f"extra={folder}: no clips WORD/NAME.wav here; make some with s4audio synthesize"
        )
    return [
        Source(path, f"{ADDED}{path.parent.name}/{path.name}", path.parent.name, "train")
        for path in paths
    ]


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

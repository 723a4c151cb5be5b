"""Your own recordings, one folder a class."""

from collections.abc import Sequence
from pathlib import Path

from s4audio.data.audio import EXTENSIONS
from s4audio.data.augment import AugmentConfig
from s4audio.data.cache import Part, Source, Store
from s4audio.data.module import AudioDataModule, Partition, rows_by_part
from s4audio.data.open_set import SILENCE, UNKNOWN
from s4audio.data.splits import SPLIT_NAMES, check_fractions, hashed_split, speaker_or_name
from s4audio.errors import UserError

BACKGROUND = "_background_noise_"


class AudioFolder(AudioDataModule):
    """A folder for each class, or split folders with a folder for each class inside.

    Split folders are named train, validation and testing (or training, val, valid, dev, test), in
    upper or lower case, and hold no audio directly.
    Audio lies anywhere below its class folder, at any rate and length. Files that are not audio by
    their extension are ignored, and so is what starts with a dot, files and folders at any depth;
    folders of `root` that start with an underscore are no classes but for `_unknown_` and
    `_silence_`. Recordings in `_background_noise_` serve augmentation.

    Args:
        root: the folder.
        sample_rate: rate in Hz that all files are resampled to.
        labels: class names in the order of their targets; None for the folders' names, sorted.
        seconds: duration of every clip: shorter ones are zero-padded at the end, of longer ones
            training takes a random part and evaluation the middle. None keeps whole clips.
        validation: share of the clips for validation, where there are no split folders.
        testing: share of the clips for testing, where there are no split folders. Clips are
            assigned by a hash of the file name, or of its part before `_nohash_`, so that one
            speaker's clips stay together.
        max_seconds: a longer clip counts as unreadable (noise does not); None accepts any length.
        batch_size: clips in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training clips and of the augmentation.
        augment: random changes of the training clips; None for none.
        skip_bad_files: leave unreadable files out instead of stopping.

    Raises:
        UserError: no such folder, no classes in it, or classes that are not among `labels`.
        ValueError: shares that exceed 1, or a duration that is not positive.
    """

    def __init__(
        self,
        root: Path | str,
        sample_rate: int = 16_000,
        labels: list[str] | None = None,
        seconds: float | None = None,
        validation: float = 0.1,
        testing: float = 0.1,
        max_seconds: float | None = 300.0,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        augment: AugmentConfig | None = None,
        skip_bad_files: bool = False,
    ) -> None:
        check_fractions(validation, testing)
        super().__init__(
            sample_rate=sample_rate,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            skip_bad_files=skip_bad_files,
            max_seconds=max_seconds,
            length=clip_length(seconds, sample_rate),
        )
        self.root = Path(root)
        self.seconds = seconds
        self.validation = validation
        self.testing = testing
        self._labels = chosen_labels(self._classes(), labels, str(self.root))

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of their targets."""
        return list(self._labels)

    def sources(self) -> list[Source]:
        """Every audio file below the class folders, then the background noise."""
        found: list[Source] = []
        for folder in self._class_folders():
            paths = audio_files(folder)
            if not paths:
                raise UserError(
                    f"{folder}: no audio files of class {folder.name!r} "
                    f"({' '.join(sorted(EXTENSIONS))}): add some or remove the folder"
                )
            found += [
                Source(path, self._name(path), folder.name, self._part(folder, path))
                for path in paths
            ]
        noise = audio_files(self.root / BACKGROUND)
        return found + [Source(path, self._name(path), "", "noise") for path in noise]

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The split folders, or the hashed split."""
        return rows_by_part(store, sources)

    def _classes(self) -> list[str]:
        return sorted({folder.name for folder in self._class_folders()})

    def _class_folders(self) -> list[Path]:
        if not self.root.is_dir():
            raise UserError(f"{self.root}: no such folder")
        below = _folders(self.root)
        splits = self._splits(below)
        if splits:
            below = [folder for split in splits for folder in _folders(split)]
        if not below:
            raise UserError(f"{self.root}: no folders in it; expected one folder for each class")
        return below

    def _splits(self, below: Sequence[Path]) -> list[Path]:
        """The folders that are splits: all of them, or none."""
        named = [folder for folder in below if folder.name.lower() in SPLIT_NAMES]
        # A class may be called "test" too, but then there is audio in its folder.
        splits = [folder for folder in named if not _holds_audio(folder)]
        others = [folder for folder in below if folder not in splits]
        if others and len(named) == len(below):
            raise UserError(
                f"{others[0]}: a split with audio outside of its classes: move the files into one "
                "folder for each class"
            )
        if splits and others:
            raise UserError(
                f"{self.root}: {splits[0].name} is a split and {others[0].name} beside it is none: "
                "move the classes into the splits, and other folders away"
            )
        return splits

    def _part(self, folder: Path, path: Path) -> Part:
        if folder.parent != self.root:
            return SPLIT_NAMES[folder.parent.name.lower()]
        key = speaker_or_name(path.relative_to(folder).as_posix())
        return hashed_split(key, self.validation, self.testing)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def clip_length(seconds: float | None, sample_rate: int) -> int | None:
    """Duration in samples; raises ValueError unless it is None or at least one sample."""
    if seconds is None:
        return None
    if not seconds * sample_rate >= 1:
        raise ValueError(f"seconds={seconds}: a clip must last at least one sample")
    return round(seconds * sample_rate)


def chosen_labels(found: Sequence[str], labels: Sequence[str] | None, where: str) -> list[str]:
    """The labels asked for, or those found.

    Raises:
        UserError: labels found that were not asked for, or labels that repeat.
    """
    if labels is None:
        return list(found)
    if not labels or len(set(labels)) < len(labels):
        raise UserError(f"labels must name each class once and at least one, got {list(labels)}")
    unknown = sorted(set(found) - set(labels))
    if unknown:
        raise UserError(
            f"{where}: unknown labels {', '.join(unknown)}; known are {', '.join(labels)}"
        )
    return list(labels)


def _folders(parent: Path) -> list[Path]:
    return sorted(
        entry
        for entry in parent.iterdir()
        if entry.is_dir() and (entry.name[0] not in "._" or entry.name in (UNKNOWN, SILENCE))
    )


def audio_files(folder: Path) -> list[Path]:
    """Audio at any depth below a folder, without what a name with a dot in front hides."""
    return sorted(
        path
        for path in folder.rglob("*")
        if _is_audio(path) and not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


def _holds_audio(folder: Path) -> bool:
    return any(map(_is_audio, folder.iterdir()))


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and path.is_file() and path.name[0] != "."

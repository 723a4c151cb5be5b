"""Your own recordings, listed in a CSV table."""

import os
from collections.abc import Sequence
from pathlib import Path

from s4audio.data.augment import AugmentConfig
from s4audio.data.cache import Part, Source, Store
from s4audio.data.folder import chosen_labels, clip_length
from s4audio.data.module import AudioDataModule, Partition, rows_by_part
from s4audio.data.splits import SPLIT_NAMES, check_fractions, hashed_split, speaker_or_name
from s4audio.data.table import Row, read_table
from s4audio.errors import UserError


class AudioManifest(AudioDataModule):
    """A CSV table with the columns path and label and, if you like, split and speaker.

    Args:
        path: the table, UTF-8. Its relative paths are relative to its folder. `split` is train,
            validation or testing (training, val, valid, dev and test are understood). Without a
            column `split` clips are assigned by a hash of the speaker, where there is a column
            `speaker`, or else of the path. Further columns are ignored.
        sample_rate: rate in Hz that all files are resampled to.
        labels: class names in the order of their targets; None for those in the table, sorted.
        seconds: duration of every clip: shorter ones are zero-padded at the end, of longer ones
            training takes a random part and evaluation the middle. None keeps whole clips.
        validation: share for validation, where there is no column `split`.
        testing: share for testing, where there is no column `split`.
        max_seconds: a longer file counts as unreadable; None accepts any length.
        batch_size: clips in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training clips and of the augmentation.
        augment: random changes of the training clips; None for none.
        skip_bad_files: leave unreadable files out instead of stopping.

    Raises:
        UserError: no such table, a column that is missing, or a row that is wrong.
        ValueError: shares that exceed 1, or a duration that is not positive.
    """

    def __init__(
        self,
        path: Path | str,
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
        self.path = Path(path)
        self.seconds = seconds
        self.validation = validation
        self.testing = testing
        self._sources = read_manifest(self.path, validation, testing)
        found = sorted({source.label for source in self._sources})
        self._labels = chosen_labels(found, labels, str(self.path))

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of their targets."""
        return list(self._labels)

    def sources(self) -> list[Source]:
        """The rows of the table."""
        return self._sources

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The column `split`, or the hashed split."""
        return rows_by_part(store, sources)


def read_manifest(path: Path, validation: float = 0.1, testing: float = 0.1) -> list[Source]:
    """Read and check a table of recordings.

    Args:
        path: the CSV file, as `AudioManifest` describes it.
        validation: share for validation, where there is no column `split`.
        testing: share for testing, where there is no column `split`.

    Returns:
        One source a row, in the order of the table; the name is the path as written there.

    Raises:
        UserError: the first thing wrong with the table, with its line.
    """
    check_fractions(validation, testing)
    sources: list[Source] = []
    first_line: dict[str, int] = {}
    for line, row in read_table(path, ("path", "label"), ("split", "speaker")):
        where = f"{path}, line {line}"
        source = _source(path.parent, row, where, validation, testing)
        file_name = os.path.normpath(source.path)
        if file_name in first_line:
            raise UserError(
                f"{where}: {source.name} is already listed in line {first_line[file_name]}"
            )
        first_line[file_name] = line
        sources.append(source)
    return sources


def _source(folder: Path, row: Row, where: str, validation: float, testing: float) -> Source:
    name, label = (row["path"] or "").strip(), (row["label"] or "").strip()
    if not name or not label:
        raise UserError(f"{where}: the {'label' if name else 'path'} is empty")
    audio = folder / name
    if not audio.is_file():
        raise UserError(f"{where}: no such audio file {audio}")
    return Source(audio, name, label, _part(row, name, where, validation, testing))


def _part(row: Row, name: str, where: str, validation: float, testing: float) -> Part:
    if "split" in row:
        split = (row["split"] or "").strip().lower()
        if split not in SPLIT_NAMES:
            raise UserError(
                f"{where}: unknown split {split!r}; use {', '.join(dict.fromkeys(SPLIT_NAMES))}"
            )
        return SPLIT_NAMES[split]
    speaker = (row.get("speaker") or "").strip()
    if "speaker" in row and not speaker:
        raise UserError(f"{where}: the speaker is empty")
    return hashed_split(speaker or speaker_or_name(name), validation, testing)

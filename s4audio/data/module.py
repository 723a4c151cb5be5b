"""What every audio data set shares: cache, splits, loaders, statistics."""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from torch.utils.data import DataLoader

from s4audio.data.augment import AugmentConfig
from s4audio.data.base import DataModule, Split
from s4audio.data.cache import Int64Array, Part, Source, Store, decoded
from s4audio.data.clips import Clips
from s4audio.data.collate import Batch
from s4audio.data.features import N_MFCC, Mfcc
from s4audio.data.loader import Batches
from s4audio.data.open_set import NOISE_PARTS
from s4audio.errors import UserError

Features = Literal["waveform", "mfcc"]
Partition = dict[Part, Int64Array]


class AudioDataModule(DataModule):
    """Base of all audio data sets.

    A data set says which files it has (`sources`) and what its classes are (`labels`); everything
    else is here. A subclass keeps each of its constructor's arguments in an attribute of the same
    name, which is what `describe` reads.

    Args:
        sample_rate: rate in Hz that all files are brought to.
        batch_size: clips in a batch.
        num_workers: processes that prepare batches. 0 is normally the fastest: a batch is a copy
            out of a memory map.
        seed: of the order of the training clips and of the augmentation.
        augment: random changes of the training clips; None for none.
        skip_bad_files: leave unreadable files out instead of stopping.
        max_seconds: a longer clip counts as unreadable (noise does not); None accepts any length.
        length: samples of every clip (shorter ones are zero-padded at the end, of longer ones
            training takes a random part and evaluation the middle); None keeps whole clips, and a
            batch is padded to its longest.
        features: what the batches hold, waveforms or MFCC.
        std_offset: added to the standard deviation that `statistics` reports.
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        batch_size: int,
        num_workers: int,
        seed: int,
        augment: AugmentConfig | None,
        skip_bad_files: bool,
        max_seconds: float | None,
        length: int | None = None,
        features: Features = "waveform",
        std_offset: float = 0.0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if sample_rate < 1:
            raise ValueError(f"sample_rate must be positive, got {sample_rate} Hz")
        self.augment = augment
        self.skip_bad_files = skip_bad_files
        self.max_seconds = max_seconds
        self.features = features
        self._sample_rate = sample_rate
        self._length = length
        self._std_offset = std_offset
        self._store: Store | None = None
        self._rows: Partition = {}
        self._mfcc: Mfcc | None = None
        self._warned: set[Split] = set()

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """Class names; the target of a clip is the row of its label. Known before any decoding."""

    @abstractmethod
    def sources(self) -> list[Source]:
        """The audio files of the data set; downloads or generates them first where it can."""

    @abstractmethod
    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """Rows of the store in each split; `rows_by_part` where the sources say it all."""

    @property
    def sample_rate(self) -> int:
        """Sampling rate of all clips in Hz."""
        return self._sample_rate

    @property
    def d_input(self) -> int:
        """Features at each step of a batch's inputs: 1 for waveforms, 20 for MFCC."""
        return 1 if self.features == "waveform" else N_MFCC

    def prepare_data(self) -> None:
        """Fetch and decode what is not in the cache yet; does nothing the second time."""
        self._open()

    def setup(self, stage: str | None = None) -> None:
        """Open the decoded clips; every stage needs the same ones."""
        self._open()

    def split(self, name: Split) -> Clips:
        """The clips of one split, without augmentation; may be empty."""
        store = self._open()
        return Clips(store, self._rows[name], self.labels, self._length)

    def statistics(self) -> tuple[float, float]:
        """What a model standardises its input with: mean and standard deviation.

        Returns:
            Over all samples of the training split, padding of a fixed length included. MFCC are
            normalised per coefficient by the loader, hence (0, 1).
        """
        if self.features == "mfcc":
            return 0.0, 1.0
        mean, std = self._filled_split("train").mean_and_std()
        return mean, std + self._std_offset

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled, augmented batches, all of the same number of clips."""
        clips = self._filled_split("train")
        missing = self._missing(clips)
        if missing:
            raise UserError(
                f"no training clips of {', '.join(missing)}: add some, or leave the class out"
            )
        return self._batches(clips, training=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation clip once, in order."""
        return self._evaluated("validation", "validation")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Every test clip once, in order."""
        return self._evaluated("testing", "test")

    def _evaluated(self, name: Split, word: str) -> DataLoader[Batch]:
        """The loader over a split, with a warning where a class is not in it."""
        clips = self._filled_split(name)
        missing = self._missing(clips)
        if missing and name not in self._warned:
            self._warned.add(name)
            warnings.warn(
                f"no {word} clips of {', '.join(missing)}: the scores will say nothing about that; "
                "add clips",
                stacklevel=2,
            )
        return self._batches(clips, training=False)

    def _missing(self, clips: Clips) -> list[str]:
        """Classes of which there is no clip."""
        present = set(clips.targets.tolist())
        return [label for row, label in enumerate(self.labels) if row not in present]

    def _batches(self, clips: Clips, *, training: bool) -> DataLoader[Batch]:
        batches = Batches(
            clips,
            features=self._extractor(),
            augmentation=self.augment if training else None,
            background=Clips(self._open(), self._rows["noise"], [], part=NOISE_PARTS["train"]),
            random_windows=training,
            seed=self.seed,
        )
        return self._loader(batches, training=training)

    def _extractor(self) -> Mfcc | None:
        if self.features == "mfcc" and self._mfcc is None:
            clips = self._filled_split("train")
            self._mfcc = Mfcc.fitted(clips, self._open().folder)
        return self._mfcc

    def _filled_split(self, name: Split) -> Clips:
        return self._not_empty(self.split(name), name)

    def _open(self) -> Store:
        if self._store is None:
            sources = self.sources()
            self._store = decoded(sources, self._sample_rate, self.max_seconds, self.skip_bad_files)
            self._rows = self.partition(self._store, sources)
        return self._store


def rows_by_part(store: Store, sources: Sequence[Source]) -> Partition:
    """Rows of the store that belong to each split, as the sources say."""
    part_of = {source.name: source.part for source in sources}
    parts = np.array([part_of[name] for name in store.names])
    return {part: np.flatnonzero(parts == part) for part in get_args(Part)}

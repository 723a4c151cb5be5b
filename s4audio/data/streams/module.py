"""Streams of keywords, other words and noise as a data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from s4audio.data.augment import AugmentConfig
from s4audio.data.augment.config import Range
from s4audio.data.base import Split
from s4audio.data.cache import Source, Store
from s4audio.data.clips import between
from s4audio.data.common_words import COMMON_WORDS
from s4audio.data.loader import already_a_batch
from s4audio.data.module import AudioDataModule, Partition, rows_by_part
from s4audio.data.open_set import (
    NOISE_PARTS,
    SILENCE,
    UNKNOWN,
    as_unknown,
    class_sizes,
    silence_clips,
    unknown_clips,
)
from s4audio.data.speech_commands_files import (
    ADDED,
    ALL_WORDS,
    TEN_WORDS,
    added_clips,
    background_noise,
    find_or_download,
    listed_clips,
    other_words,
)
from s4audio.data.streams.assembly import Assembler
from s4audio.data.streams.dataset import Onwards, Streams
from s4audio.data.streams.layout import StreamPlan
from s4audio.data.streams.noise import Noise
from s4audio.data.streams.options import check, checked_words, pair
from s4audio.data.streams.targets import FrameTargets
from s4audio.data.streams.words import Words

_MAX_SECONDS = 120.0
_VALIDATION_SEED = 0  # the same stream for every run


class KeywordStreams(AudioDataModule):
    """Endless streams assembled from Speech Commands on the fly, to train on what a device hears.

    Training: every row of a batch is one stream, and batch n + 1 continues batch n. A row holds a
    segment, whose frames have targets, and `context` seconds before it, which have none. A model
    that starts from silence at the beginning of the context has, at the segment, nearly the state
    it would have had after the whole stream; gradients reach back to the beginning of the context
    and no further. What a segment holds depends on (seed, row, segment number) alone.

    Validation: one stream of the validation split, always the same. Testing: the clips of the test
    split, as `SpeechCommands` with `words=12` has them. `s4audio.data.streams.layout` says what
    happens in a stream, `s4audio.data.streams.targets` what its targets are.

    Args:
        root: as for `SpeechCommands`.
        words: the keywords, whose order the targets have; None for yes, no, up, down, left, right,
            on, off, stop, go. Classes `_unknown_` and `_silence_` follow.
        download: fetch the data set (2.4 GB) when it is not there.
        segment: seconds of a segment.
        context: seconds before each segment, at least the model's pooling window, and at most
            `segment` less half a second.
        hop: samples of a frame, a multiple of the model's stride. Segment and context must be whole
            frames.
        window: seconds that the model pools.
        early: seconds from the end of a word to the first frame with its class; negative: before.
        late: seconds from the end of a word to the last frame with its class.
        keyword_share: share of keywords among the events.
        quiet_share: share of the segments without any speech.
        pause: shortest and longest pause between two events, in seconds; one in ten is longer.
        level_db: power of the words of a segment relative to full scale.
        snr_db: ratio of the words of a segment to its noise.
        epoch_minutes: length of an epoch, over all rows.
        validation_minutes: length of the validation stream.
        synthetic_clips_per_word: add so many training clips of each of the 35 words, and of some
            250 everyday words, that eSpeak NG says; 0 for none.
        sample_rate: in Hz; other than 16,000 resamples the clips.
        batch_size: number of streams, and of clips in a batch of the test.
        num_workers: processes that prepare batches. With any, each context is made twice.
        seed: of the training streams.
        augment: random changes of each training clip before it is placed; None for none. Streams
            have their own places, noise and speech, so the options for these must be off.
        skip_bad_files: leave unreadable files out instead of stopping.
        extra: folder of further training clips, WORD/NAME.wav, such as `s4audio synthesize` makes;
            words that are no keywords become `_unknown_`. None for none.

    Raises:
        UserError: unknown words, or an augmentation that streams have of their own.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        root: Path | str = "data",
        words: list[str] | None = None,
        download: bool = False,
        segment: float = 8.0,
        context: float = 2.0,
        hop: int = 160,
        window: float = 1.0,
        early: float = -0.05,
        late: float = 0.35,
        keyword_share: float = 0.4,
        quiet_share: float = 0.1,
        pause: Range = (0.2, 3.0),
        level_db: Range = (-42.0, -16.0),
        snr_db: Range = (-3.0, 35.0),
        epoch_minutes: float = 30.0,
        validation_minutes: float = 10.0,
        synthetic_clips_per_word: int = 0,
        sample_rate: int = 16_000,
        batch_size: int = 8,
        num_workers: int = 0,
        seed: int = 0,
        augment: AugmentConfig | None = None,
        skip_bad_files: bool = False,
        extra: Path | str | None = None,
    ) -> None:
        super().__init__(
            sample_rate=sample_rate,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            skip_bad_files=skip_bad_files,
            max_seconds=_MAX_SECONDS,
            length=sample_rate,
        )
        self.root = Path(root)
        self.words = checked_words(TEN_WORDS if words is None else words)
        self.download = download
        self.segment, self.context, self.hop = segment, context, hop
        self.window, self.early, self.late = window, early, late
        self.keyword_share, self.quiet_share = keyword_share, quiet_share
        self.pause, self.level_db, self.snr_db = pair(pause), pair(level_db), pair(snr_db)
        self.epoch_minutes, self.validation_minutes = epoch_minutes, validation_minutes
        self.synthetic_clips_per_word = synthetic_clips_per_word
        self.extra = extra
        check(self)

    @property
    def labels(self) -> list[str]:
        """The keywords, `_unknown_` and `_silence_`."""
        return [*self.words, UNKNOWN, SILENCE]

    def sources(self) -> list[Source]:
        """All words of training and validation, the drawn ones of testing, and the noise."""
        folder = find_or_download(self.root, self.download)
        keywords = listed_clips(folder, self.words)
        others = listed_clips(folder, other_words(self.words))
        sizes, noise = class_sizes(keywords), background_noise(folder)
        tested = {clip.name for clip in unknown_clips(others, {"testing": sizes["testing"]})}
        unknown = [
            as_unknown(clip) for clip in others if clip.part != "testing" or clip.name in tested
        ]
        silence = silence_clips([source.path for source in noise], sizes, self.skip_bad_files)
        return [*keywords, *self._added(), *unknown, *silence, *noise]

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The official split."""
        return rows_by_part(store, sources)

    def train_dataloader(self) -> DataLoader[Any]:
        """Streams that go on from epoch to epoch, as `StreamBatch`."""
        steps = round(self.epoch_minutes * 60 / self.segment / self.batch_size)
        size = max(steps, 1) * self.batch_size
        streams = self._streams("train", self.seed, self.batch_size, size)
        return self._loader_in_order(streams, Onwards(size))

    def val_dataloader(self) -> DataLoader[Any]:
        """The validation stream, as `StreamBatch`: rows follow each other."""
        size = max(round(self.validation_minutes * 60 / self.segment), 1)
        return self._loader_in_order(self._streams("validation", _VALIDATION_SEED, 1, size), None)

    def _loader_in_order(self, streams: Streams, sampler: Onwards | None) -> DataLoader[Any]:
        return DataLoader(
            streams,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=already_a_batch,
        )

    def _streams(self, split: Split, seed: int, streams: int, size: int) -> Streams:
        training, rate = split == "train", self.sample_rate
        augmentation = self.augment if training else None
        store = self._open()
        noise = [between(store[row], NOISE_PARTS[split]) for row in self._rows["noise"]]
        plan = StreamPlan(
            segment=round(self.segment * rate),
            sample_rate=rate,
            late=round(self.late * rate),
            keyword_share=self.keyword_share,
            quiet_share=self.quiet_share,
            pause=self.pause,
            level_db=self.level_db,
            snr_db=self.snr_db,
            speed=(1.0, 1.0) if augmentation is None else augmentation.speed,
        )
        assemble = Assembler(
            Words(store, self._rows[split], self.labels, self.words, rate),
            self.labels.index(UNKNOWN),
            Noise(noise, rate),
            plan,
            augmentation,
            seed,
        )
        targets = FrameTargets(
            self.hop,
            round(self.window * rate),
            round(self.early * rate),
            round(self.late * rate),
            self.labels.index(SILENCE),
            len(self.words),
        )
        return Streams(assemble, targets, round(self.context * rate), streams, size)

    def _added(self) -> list[Source]:
        clips = [] if self.extra is None else added_clips(Path(self.extra))
        if self.synthetic_clips_per_word > 0:
            from s4audio.data.synthetic import SyntheticSpeech

            words = [*ALL_WORDS, *COMMON_WORDS]
            speech = SyntheticSpeech(None, words, self.synthetic_clips_per_word).sources()
            clips += [
                replace(clip, name=ADDED + clip.name) for clip in speech if clip.part == "train"
            ]
        return [clip if clip.label in self.words else as_unknown(clip) for clip in clips]

"""Spoken commands made on the spot: the data set that needs no download."""

import csv
import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from rich.console import Console
from rich.progress import track

from s4audio.data.augment import AugmentConfig
from s4audio.data.cache import Int16Array, Source, Store, cache_dir, remove_abandoned
from s4audio.data.common_words import COMMON_WORDS
from s4audio.data.espeak import Espeak
from s4audio.data.manifest import read_manifest
from s4audio.data.module import AudioDataModule, Partition, rows_by_part
from s4audio.data.speech_commands_files import TEN_WORDS
from s4audio.data.synthetic_voices import (
    SAMPLE_RATE,
    SPLITS,
    make_voice,
    say,
    voice_names,
)
from s4audio.errors import UserError

MANIFEST = "manifest.csv"
PARAMETERS = "parameters.json"
CHECKSUMS = "checksums.sha256"

# Part of the parameters: a change of the voices or of the signal chain makes new data sets.
_GENERATOR = 2
_VALIDATION_SHARE, _TESTING_SHARE = 0.15, 0.2


class SyntheticSpeech(AudioDataModule):
    """One-second commands that eSpeak NG says in many voices, with room, microphone and noise.

    The clips are generated once (`clips_per_word=400` and ten words: about 15 seconds, 175 MB) into
    a folder of WAV files with a table `manifest.csv` and checksums; a folder that is incomplete or
    damaged is generated anew. Every voice belongs to one split only: 400 voices train, 60 validate
    and 80 test. This is not real speech: an accuracy on it says that a model
    learns and generalises to other voices, nothing about recordings of people.

    Args:
        root: where the generated folders go; None for `synthetic_speech` in the cache folder.
        words: what is said, and the labels in the order of their targets; None for yes, no, up,
            down, left, right, on, off, stop, go; ``common`` for these and 260 everyday words.
        clips_per_word: training clips of each word, >= 1. Validation has 15 % of that and testing
            20 %, in addition, and at least one clip of each word.
        synthesis_seed: of the voices and of everything drawn for each clip.
        sample_rate: rate in Hz that the clips, generated at 16,000, are resampled to.
        batch_size: clips in a batch.
        num_workers: processes that prepare batches.
        seed: of the order of the training clips and of the augmentation.
        augment: random changes of the training clips; None for none.

    Attributes:
        folder: where the clips and `manifest.csv` are, or will be.

    Raises:
        UserError: words that are empty or alike. While generating: the `espeakng-loader` package is
            missing, or a word is silent or does not fit into one second.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        root: Path | str | None = None,
        words: list[str] | Literal["common"] | None = None,
        clips_per_word: int = 400,
        synthesis_seed: int = 0,
        sample_rate: int = SAMPLE_RATE,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        augment: AugmentConfig | None = None,
    ) -> None:
        super().__init__(
            sample_rate=sample_rate,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            skip_bad_files=False,
            max_seconds=None,
        )
        if clips_per_word < 1:
            raise ValueError(f"clips_per_word must be at least 1, got {clips_per_word}")
        if synthesis_seed < 0:
            raise ValueError(f"synthesis_seed must not be negative, got {synthesis_seed}")
        self.root = root
        if words is None:
            words = list(TEN_WORDS)
        elif words == "common":
            words = [*TEN_WORDS, *COMMON_WORDS]
        elif isinstance(words, str):
            raise UserError(f"words={words!r} is one string: give a list of words, or 'common'")
        self.words = checked_words(words)
        self.clips_per_word = clips_per_word
        self.synthesis_seed = synthesis_seed
        parent = cache_dir() / "synthetic_speech" if root is None else Path(root)
        self.folder = parent / f"{len(self.words)}_words_{_key(self._parameters())}"

    @property
    def labels(self) -> list[str]:
        """The words, in the order of their targets."""
        return list(self.words)

    def sources(self) -> list[Source]:
        """The generated clips; generates them where they are missing or damaged."""
        if not is_intact(self.folder, self._parameters()):
            self._generate()
        return read_manifest(self.folder / MANIFEST)

    def partition(self, store: Store, sources: Sequence[Source]) -> Partition:
        """The column `split` of the table."""
        return rows_by_part(store, sources)

    def _parameters(self) -> dict[str, object]:
        return {
            "generator": _GENERATOR,
            "words": self.words,
            "clips_per_word": self.clips_per_word,
            "synthesis_seed": self.synthesis_seed,
        }

    def _generate(self) -> None:
        parent = self.folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent)
        temporary = parent / f"{self.folder.name}.{uuid.uuid4().hex}.partial"
        try:
            _generate(temporary, self.words, self.clips_per_word, self.synthesis_seed)
            _seal(temporary, self._parameters())
            shutil.rmtree(self.folder, ignore_errors=True)
            try:
                temporary.rename(self.folder)
            except OSError:
                # Another process may have finished the same clips since.
                if not is_intact(self.folder, self._parameters()):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def is_intact(folder: Path, parameters: dict[str, object]) -> bool:
    """Whether a folder holds every clip of a data set, bit for bit as it was generated.

    Reads all files: about half a second for the default size.

    Args:
        folder: a generated folder; need not exist.
        parameters: what it must have been generated with.
    """
    try:
        state = json.loads((folder / PARAMETERS).read_text(encoding="utf-8"))
        listing = (folder / CHECKSUMS).read_bytes()
        if state["parameters"] != parameters or state["checksums"] != _digest(listing):
            return False
        lines = [line.split("  ", 1) for line in listing.decode().splitlines()]
        return all(_digest((folder / name).read_bytes()) == digest for digest, name in lines)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _generate(folder: Path, words: Sequence[str], clips_per_word: int, seed: int) -> None:
    """Write the clips as `<split>/<word>/<voice>_<take>.wav`, and the table."""
    rows: list[tuple[str, str, str, str]] = []
    sizes = (
        clips_per_word,
        max(1, round(_VALIDATION_SHARE * clips_per_word)),
        max(1, round(_TESTING_SHARE * clips_per_word)),
    )
    for split, clips in zip(SPLITS, sizes, strict=True):
        for word in words:
            (folder / split / file_name(word)).mkdir(parents=True)
        # Each voice says every word; voices beyond the number of clips are not used.
        names = voice_names(split, seed)[:clips]
        for number, name in track(
            list(enumerate(names)),
            description=f"synthesising speech: {split}",
            console=Console(stderr=True),
            transient=True,
        ):
            takes = range(number, clips, len(names))
            origin = [seed, SPLITS.index(split), number]
            for row, take, clip in _recite(name, words, takes, origin):
                path = f"{split}/{file_name(words[row])}/{name}_{take}.wav"
                soundfile.write(folder / path, clip, SAMPLE_RATE, subtype="PCM_16")
                rows.append((path, words[row], split, name))
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "split", "speaker"))
        writer.writerows(rows)


def _recite(
    name: str, words: Sequence[str], takes: Sequence[int], origin: list[int]
) -> Iterator[tuple[int, int, Int16Array]]:
    """All takes of all words by one voice: (row of the word, take, clip)."""
    voice = make_voice(name, np.random.default_rng(origin))
    # An engine of its own: what a voice sounds like does not depend on the voices before it.
    with Espeak() as engine:
        for row, word in enumerate(words):
            for take in takes:
                yield (
                    row,
                    take,
                    say(engine, voice, word, np.random.default_rng([*origin, row, take])),
                )


def _seal(folder: Path, parameters: dict[str, object]) -> None:
    """Write the checksums of all files, in the format of `sha256sum`, and the parameters."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    listing = "".join(f"{_digest((folder / name).read_bytes())}  {name}\n" for name in names)
    (folder / CHECKSUMS).write_bytes(listing.encode())
    state = {
        "parameters": parameters,
        "checksums": _digest(listing.encode()),
        "espeakng-loader": metadata.version("espeakng-loader"),
    }
    (folder / PARAMETERS).write_text(json.dumps(state, indent=2), encoding="utf-8")


def checked_words(words: Sequence[str]) -> list[str]:
    """The words without spaces around them; raises UserError if any is empty or two are alike."""
    names = [file_name(word) for word in words]
    if not words or not all(names) or len(set(names)) < len(names):
        raise UserError(
            f"words={list(words)}: give at least one, none empty, and no two that differ in "
            "punctuation or case only"
        )
    # The table drops the spaces around a label.
    return [word.strip() for word in words]


def file_name(word: str) -> str:
    """The folder of a word."""
    return re.sub(r"\W+", "_", word.casefold()).strip("_")


def _key(parameters: dict[str, object]) -> str:
    return _digest(json.dumps(parameters, sort_keys=True).encode())[:12]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

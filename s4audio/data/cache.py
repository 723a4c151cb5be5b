"""Decoded audio on disk: one flat int16 file with every clip and a JSON index beside it.

Opening a store maps the file into memory; a clip is a slice of the map, so reading one costs a
memory copy. Stores are found by a hash of the files they were made from (path, size, time of
change, label) and of the sampling rate: whatever changes on disk makes another store.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from s4audio.data import audio
from s4audio.errors import UserError

Int16Array = npt.NDArray[np.int16]
Int64Array = npt.NDArray[np.int64]
Part = Literal["train", "validation", "testing", "noise"]

FULL_SCALE = 32768.0

_FORMAT = 1
_ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Source:
    """One audio file of a data set.

    Args:
        path: the file.
        name: how the clip is called in reports, normally the path below the data set's folder.
        label: its class; empty for background noise.
        part: the split it belongs to, or "noise" for a recording that augmentation mixes in.
    """

    path: Path
    name: str
    label: str
    part: Part


@dataclass(frozen=True)
class Store:
    """A memory-mapped set of decoded clips.

    Attributes:
        folder: where it lies on disk.
        sample_rate: in Hz, the same for all clips.
        samples: int16, every clip behind the other.
        offsets: int64 (clips,), first sample of each clip.
        lengths: int64 (clips,), samples in each clip.
        names: name of each clip.
        labels: label of each clip.
        bad: (file, reason) of each file that was left out.
    """

    folder: Path
    sample_rate: int
    samples: Int16Array
    offsets: Int64Array
    lengths: Int64Array
    names: list[str]
    labels: list[str]
    bad: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Int16Array:
        start = self.offsets[row]
        return self.samples[start : start + self.lengths[row]]

    def __reduce__(self) -> tuple[Callable[[Path], "Store"], tuple[Path]]:
        # A loader's worker maps the file itself instead of receiving a copy of all samples.
        return open_store, (self.folder,)


def cache_dir() -> Path:
    """Root of everything s4audio keeps: `$S4AUDIO_CACHE`, else `~/.cache/s4audio`."""
    return Path(os.environ.get("S4AUDIO_CACHE") or Path.home() / ".cache" / "s4audio")


def open_store(folder: Path) -> Store:
    """Map a finished store into memory.

    Raises:
        UserError: the folder is not a store.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        lengths = np.asarray(index["lengths"], dtype=np.int64)
        samples = np.memmap(folder / "samples.int16", dtype=np.int16, mode="r")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: damaged clip cache ({error}); delete the folder") from None
    if len(samples) != lengths.sum():
        raise UserError(f"{folder}: damaged clip cache (wrong size); delete the folder")
    return Store(
        folder=folder,
        sample_rate=index["sample_rate"],
        samples=samples,
        offsets=np.asarray(index["offsets"], dtype=np.int64),
        lengths=lengths,
        names=index["names"],
        labels=index["labels"],
        bad=[(name, reason) for name, reason in index["bad"]],
    )


def decoded(
    sources: Sequence[Source],
    sample_rate: int,
    max_seconds: float | None = None,
    skip_bad_files: bool = False,
) -> Store:
    """Open the store made from `sources`, building it first if there is none.

    A build writes into a temporary folder that is renamed when complete, so an interrupted one
    leaves nothing that could be mistaken for a store.

    Args:
        sources: files to decode, at least one.
        sample_rate: in Hz; files at another rate are resampled.
        max_seconds: a longer file counts as bad, unless it is background noise.
        skip_bad_files: leave unreadable files out instead of raising.

    Returns:
        The store; its rows follow `sources`, without the files that were skipped.

    Raises:
        UserError: unreadable files and `skip_bad_files` is False, or no readable file at all.
    """
    key = _key(sources, sample_rate, max_seconds)
    folder = cache_dir() / "clips" / key
    if folder.is_dir():
        store = open_store(folder)
        if skip_bad_files or not store.bad:
            return store
        # Left by an earlier run that skipped files: decode again, they may be readable now.
        shutil.rmtree(folder)
    with complete_or_absent(folder) as temporary:
        bad = _build(temporary, sources, sample_rate, max_seconds)
        if bad and (not skip_bad_files or len(bad) == len(sources)):
            raise UserError(_bad_files_message(folder.with_name(f"{key}.bad.txt"), bad, sources))
    return open_store(folder)


def _key(sources: Sequence[Source], sample_rate: int, max_seconds: float | None) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {sample_rate} {max_seconds}".encode())
    for source in sources:
        path = os.path.abspath(source.path)
        try:
            state = os.stat(path)
        except OSError:
            raise UserError(f"{source.path}: no such audio file") from None
        row = (path, source.name, source.label, state.st_size, state.st_mtime_ns)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:24]


@contextmanager
def complete_or_absent(folder: Path) -> Iterator[Path]:
    """Fill a folder that gets its name only when everything is in it.

    Where another process finishes the same folder first, its folder stays.

    Args:
        folder: what is to be made; its parent may be missing.

    Yields:
        an empty folder beside it; it is gone afterwards, whatever happens.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder.parent)
    temporary = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    temporary.mkdir()
    try:
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Delete what interrupted builds left behind, once it is a day old.

    Args:
        parent: where folders are built under names that end in `.partial`.
    """
    for partial in parent.glob("*.partial"):
        if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)


def _build(
    folder: Path, sources: Sequence[Source], sample_rate: int, max_seconds: float | None
) -> list[tuple[str, str]]:
    good: list[Source] = []
    lengths: list[int] = []
    bad: list[tuple[str, str]] = []
    with _progress() as progress, (folder / "samples.int16").open("wb") as file:
        for source in progress.track(sources, description="decoding audio"):
            # Of noise, pieces are taken: the longer the recording, the better.
            limit = None if source.part == "noise" else max_seconds
            try:
                waveform, rate = audio.read(source.path, limit)
            except UserError as error:
                bad.append((str(source.path), str(error)))
                continue
            samples = to_int16(audio.resample(waveform, rate, sample_rate))
            file.write(samples.tobytes())
            good.append(source)
            lengths.append(len(samples))
    ends = np.cumsum([0, *lengths])
    index = {
        "sample_rate": sample_rate,
        "offsets": ends[:-1].tolist(),
        "lengths": lengths,
        "names": [source.name for source in good],
        "labels": [source.label for source in good],
        "bad": bad,
    }
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return bad


def to_int16(waveform: audio.FloatArray) -> Int16Array:
    """Round float32 samples in [-1, 1] to 16 bits; exact for audio that came from 16-bit files."""
    scaled = np.rint(waveform * FULL_SCALE)
    samples: Int16Array = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return samples


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _bad_files_message(
    listing: Path, bad: Sequence[tuple[str, str]], sources: Sequence[Source]
) -> str:
    listing.write_text("".join(f"{reason}\n" for _, reason in bad), encoding="utf-8")
    count = f"{len(bad)} of {len(sources)} audio files cannot be used (all listed in {listing})"
    left_out = "mend or remove them (a recipe leaves them out with skip_bad_files in its data)"
    advice = left_out if len(bad) < len(sources) else "none is left"
    return f"{bad[0][1]}; {count}: {advice}"

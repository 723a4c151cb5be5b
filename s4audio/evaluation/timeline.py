"""From recordings to timelines of scores: the stream at work, several recordings side by side."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from s4audio.data.annotations import Spoken
from s4audio.data.recordings import AssembledRecording
from s4audio.errors import UserError
from s4audio.evaluation.detection import ScoreArray, Timeline
from s4audio.streaming.detector import is_event
from s4audio.streaming.resampler import StreamResampler
from s4audio.streaming.stream import Stream
from s4audio.streaming.wav import AudioFile


class Scores:
    """Collects a stream's logits as smoothed posteriors, as the detector smooths them.

    Memory: 4 bytes for each keyword and row, 14 MB for ten words and an hour of 10 ms rows.

    Args:
        stream: The model; it is reset.
        smoothing: Time over which posteriors are averaged, in seconds, >= 0.

    Attributes:
        words: Classes that are words.
        row_seconds: Length of a row.
    """

    def __init__(self, stream: Stream, smoothing: float) -> None:
        if not 0 <= smoothing < float("inf"):
            raise UserError(f"smoothing must be at least 0 seconds, got {smoothing}")
        stream.reset()
        self._stream = stream
        self._columns = [row for row, label in enumerate(stream.labels) if is_event(label)]
        self.words = tuple(stream.labels[column] for column in self._columns)
        if not self.words:
            raise UserError(f"none of the classes {', '.join(stream.labels)} is a word to detect")
        self.row_seconds = stream.chunk / stream.sample_rate
        self._window = max(1, round(smoothing / self.row_seconds))
        self._recent = np.zeros((stream.batch, self._window, len(self.words)))
        self._parts: list[ScoreArray] = []

    def push(self, samples: ScoreArray) -> None:
        """Hear more audio, float32 (streams, time) at the stream's sample rate."""
        logits = self._stream.push(samples).astype(np.float64)
        if not np.isfinite(logits).all():
            raise UserError("the model gives logits that are not finite: it cannot be evaluated")
        powers = np.exp(logits - logits.max(axis=2, keepdims=True))
        posteriors = powers / powers.sum(axis=2, keepdims=True)
        rows = np.concatenate([self._recent, posteriors[:, :, self._columns]], axis=1)
        sums = rows.cumsum(axis=1)
        scores = (sums[:, self._window :] - sums[:, : -self._window]) / self._window
        self._recent = rows[:, rows.shape[1] - self._window :]
        self._parts.append(scores.astype(np.float32))

    @property
    def rows(self) -> int:
        """Number of rows so far."""
        return sum(part.shape[1] for part in self._parts)

    def timelines(
        self, names: Sequence[str], spoken: Sequence[Spoken], negatives_from: float = 0.0
    ) -> list[Timeline]:
        """What was heard: one timeline a stream, all with the same spoken words."""
        scores = np.concatenate(self._parts, axis=1)
        return [
            Timeline(name, rows, self.row_seconds, self.words, tuple(spoken), negatives_from)
            for name, rows in zip(names, scores, strict=True)
        ]


def hear_assembled(
    stream: Stream, recording: AssembledRecording, smoothing: float, progress: bool = True
) -> list[Timeline]:
    """Run a stream over an assembled recording, all signal-to-noise ratios side by side.

    Args:
        stream: With as many streams as the recording has ratios; it is reset.
        recording: At the sample rate of the stream.
        smoothing: Time over which posteriors are averaged, in seconds.
        progress: Whether to draw a progress bar on stderr.

    Returns:
        One timeline a ratio.

    Raises:
        UserError: Sample rates differ.
    """
    if recording.sample_rate != stream.sample_rate:
        raise UserError(
            f"the recording has {recording.sample_rate} Hz and the model takes "
            f"{stream.sample_rate} Hz: open the data at the sample rate of the model"
        )
    scores = Scores(stream, smoothing)
    with _bar(progress) as bar:
        task = bar.add_task("listening", total=recording.samples)
        for block in recording.blocks():
            scores.push(block)
            bar.advance(task, block.shape[1])
    names = [f"{snr:g} dB" for snr in recording.snrs]
    return scores.timelines(names, recording.words, recording.negatives_from)


def hear_files(
    stream: Stream,
    recordings: dict[Path, list[Spoken]],
    smoothing: float,
    progress: bool = True,
) -> list[Timeline]:
    """Run a stream over audio files, one after the other.

    Args:
        stream: A single stream; it is reset before each file.
        recordings: Words in each file, as `read_annotations` gives them.
        smoothing: Time over which posteriors are averaged, in seconds.
        progress: Whether to draw a progress bar on stderr.

    Returns:
        One timeline a file.

    Raises:
        UserError: A file cannot be read or is shorter than a row, or a word is beyond its end.
    """
    for path, spoken in recordings.items():
        _check_file(path, spoken, stream.chunk / stream.sample_rate)
    timelines = []
    with _bar(progress) as bar:
        for path, spoken in recordings.items():
            scores = Scores(stream, smoothing)
            seconds = _hear_file(path, stream.sample_rate, scores, bar)
            # Once more: not every header knows how long its file is.
            _check_length(path, spoken, seconds, scores.row_seconds)
            timelines += scores.timelines([_name(path, recordings)], spoken)
    return timelines


def _name(path: Path, others: Collection[Path]) -> str:
    """As many of the path's last parts as no other path ends with."""
    for count in range(1, len(path.parts) + 1):
        tail = path.parts[-count:]
        if sum(other.parts[-count:] == tail for other in others) == 1:
            return Path(*tail).as_posix()
    return path.as_posix()


def _check_file(path: Path, spoken: Sequence[Spoken], row_seconds: float) -> None:
    """Before hours of listening are lost to a mistake in the last line of the table."""
    with AudioFile(path) as file:
        _check_length(path, spoken, file.seconds, row_seconds)


def _check_length(path: Path, spoken: Sequence[Spoken], seconds: float, row_seconds: float) -> None:
    if seconds < row_seconds:
        raise UserError(
            f"{path}: lasts {seconds:.4f} s, less than one row of {row_seconds:g} s: take it out "
            "of the table"
        )
    last = max((word.end for word in spoken), default=0.0)
    if last > seconds:
        raise UserError(
            f"{path}: lasts {seconds:.2f} s, but a word is listed until {last:g} s: correct the "
            "table"
        )


def _hear_file(path: Path, sample_rate: int, scores: Scores, bar: Progress) -> float:
    """Length of the file in seconds."""
    task = bar.add_task(path.name, total=None)
    samples = 0
    with AudioFile(path) as file:
        resampler = StreamResampler(file.sample_rate, sample_rate)
        for block in file:
            scores.push(resampler.push(block.samples)[None])
            samples += len(block.samples)
        scores.push(resampler.flush()[None])
        bar.update(task, total=1, completed=1)
        return samples / file.sample_rate


def _bar(visible: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not visible,
    )

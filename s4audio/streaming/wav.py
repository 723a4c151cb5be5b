"""Audio files of any length, and raw samples on standard input, as blocks."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, final

import numpy as np
import numpy.typing as npt
import soundfile

from s4audio.errors import UserError
from s4audio.streaming.source import BLOCK_SECONDS, FASTEST, Block

FloatArray = npt.NDArray[np.float32]

# Overshoot of lossy codecs and float mixes stays far below this; integers stored as floats do not.
_LARGEST_PEAK = 4.0

# A header below it, or above the fastest, is damaged: nothing that records speech is slower.
_SLOWEST = 1_000

# One step of 16-bit samples.
_STEP = np.float32(2.0**-15)

# libsndfile shortens a truncated file silently and says so only in its log.
_SHORTENED = re.compile(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

# Programs that write to a pipe cannot know the size and put a number near 2^31 or 2^32 there.
_UNKNOWN_SIZE = 2**31 - 2**16

# What libsndfile counts where a FLAC encoder that wrote to a pipe left the number out. It cannot
# read such a file to its end.
_UNKNOWN_FRAMES = 2**63 - 1


@final
class AudioFile:
    """An audio file, read block by block; several channels are averaged.

    A file that turns out to be damaged gives the blocks before the damage, then raises.

    Args:
        path: WAV, FLAC, Ogg, MP3, AIFF or any other file that libsndfile decodes.

    Raises:
        UserError: The file is missing, empty, not audio, or its header gives an impossible sample
            rate or, of a FLAC, no length. While iterating: it is cut, corrupt, or holds no samples,
            NaN, infinity or values far outside [-1, 1].
    """

    lost_blocks = 0

    def __init__(self, path: Path | str) -> None:
        path = Path(path)
        self.name = str(path)
        if not path.is_file():
            raise UserError(f"{path}: no such audio file")
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty (0 bytes)")
        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.SoundFileError as error:
            raise UserError(f"{path}: not readable as audio ({_reason(error)})") from None
        if self._file.frames == _UNKNOWN_FRAMES:
            self._file.close()
            raise UserError(
                f"{path}: its header gives no length, as of a FLAC written to a pipe: convert it "
                "with a program that writes to a file"
            )
        self.sample_rate: int = self._file.samplerate
        if not _SLOWEST <= self.sample_rate <= FASTEST:
            self._file.close()
            raise UserError(
                f"{path}: the header gives a sample rate of {self.sample_rate} Hz, expected "
                f"{_SLOWEST} to {FASTEST}: write the file again with its true rate"
            )

    @property
    def seconds(self) -> float:
        """Length as the header gives it."""
        frames: int = self._file.frames
        return frames / self.sample_rate

    def __iter__(self) -> Iterator[Block]:
        """Blocks from where the file was last read."""
        frames = 0
        size = max(1, round(BLOCK_SECONDS * self.sample_rate))
        while len(samples := self._read(size, frames)):
            waveform: FloatArray = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
            yield Block(self._checked(waveform, frames), time.monotonic())
            frames += len(samples)
        self._check_complete(frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _read(self, size: int, frames: int) -> FloatArray:
        try:
            samples: FloatArray = self._file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            where = f"after {frames / self.sample_rate:.2f} s"
            raise UserError(f"{self.name}: corrupt {where} ({_reason(error)})") from None
        return samples

    def _checked(self, waveform: FloatArray, frames: int) -> FloatArray:
        peak = float(np.abs(waveform).max())
        where = f"{self.name}: after {frames / self.sample_rate:.2f} s"
        if not np.isfinite(peak):
            raise UserError(f"{where} the samples contain NaN or infinity")
        if peak > _LARGEST_PEAK:
            raise UserError(
                f"{where} samples reach {peak:g}, expected [-1, 1]: divide float samples by their "
                "full scale (32768 for 16 bits)"
            )
        return np.clip(waveform, -1.0, 1.0) if peak > 1.0 else waveform

    def _check_complete(self, frames: int) -> None:
        for header, actual in _SHORTENED.findall(self._file.extra_info):
            if int(actual) < int(header) < _UNKNOWN_SIZE:
                raise UserError(
                    f"{self.name}: cut after {frames / self.sample_rate:.2f} s, the header "
                    f"announces {header} bytes of audio and the file holds {actual}"
                )
        if frames < self._file.frames < _UNKNOWN_SIZE:
            raise UserError(
                f"{self.name}: cut after {frames / self.sample_rate:.2f} s, {frames} of "
                f"{self._file.frames} samples could be decoded"
            )
        if frames == 0:
            raise UserError(f"{self.name}: the file holds no samples")


def _reason(error: soundfile.SoundFileError) -> str:
    return str(error).split(": ", 1)[-1].rstrip(".")


@final
class RawInput:
    """Raw samples from a pipe: 16 bits, signed, little-endian, mono, without a header.

    Args:
        pipe: Where bytes come from, such as ``sys.stdin.buffer``; it is not closed.
        sample_rate: Sample rate in Hz.
    """

    name = "standard input"
    lost_blocks = 0

    def __init__(self, pipe: BinaryIO, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._pipe = pipe

    def __iter__(self) -> Iterator[Block]:
        """Blocks until the pipe is closed.

        Raises:
            UserError: It begins like a WAV file or ends within a sample.
        """
        expected = f"expected raw 16-bit mono samples at {self.sample_rate} Hz without a header"
        size = max(2, round(BLOCK_SECONDS * self.sample_rate)) * 2
        begun = False
        while data := self._pipe.read(size):
            if not begun and data.startswith(b"RIFF"):
                raise UserError(f"{self.name}: begins with the header of a WAV file, {expected}")
            begun = True
            whole = len(data) - len(data) % 2
            samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) * _STEP
            yield Block(samples, time.monotonic())
            if whole < len(data):
                raise UserError(f"{self.name}: ends within a sample, {expected}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

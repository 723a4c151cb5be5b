"""A microphone, through PortAudio."""

import os
import queue
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType, TracebackType
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from s4audio.errors import UserError
from s4audio.streaming.source import BLOCK_SECONDS, Block

# What a slow program may fall behind before blocks are dropped.
_QUEUE_SECONDS = 30.0

# A device that delivers nothing for this long, not even silence, is gone.
_PATIENCE_SECONDS = 5.0


@final
class Microphone:
    """An input device that records from its opening on, at its own sample rate.

    Recording starts in the constructor, so nothing is lost while the caller gets ready.

    Args:
        device: Number or part of the name of an input device; None takes the system's default.

    Attributes:
        name: Full name of the device.
        sample_rate: Its sample rate in Hz.
        lost_blocks: How often audio was lost so far, because the driver or this program was late.

    Raises:
        UserError: There is no such device, it cannot be opened, or PortAudio is not installed.
            While iterating: the device stopped.
    """

    def __init__(self, device: int | str | None = None) -> None:
        sounddevice = _sounddevice()
        info = _find(sounddevice, device)
        self.name = str(info["name"])
        self.sample_rate = int(info["default_samplerate"])
        self.lost_blocks = 0
        self._blocks: queue.Queue[Block] = queue.Queue(round(_QUEUE_SECONDS / BLOCK_SECONDS))
        self._open = ExitStack()
        try:
            with _muted():
                stream = sounddevice.InputStream(
                    device=info["index"],
                    channels=_channels(sounddevice, info),
                    samplerate=self.sample_rate,
                    blocksize=round(BLOCK_SECONDS * self.sample_rate),
                    dtype="float32",
                    latency="low",
                    callback=self._hear,
                )
                self._open.callback(stream.close)
                stream.start()
        except sounddevice.PortAudioError as error:
            self._open.close()
            raise UserError(f"cannot record from {self.name}: {_reason(error)}") from None

    def __iter__(self) -> Iterator[Block]:
        """Blocks without end, in the order they were recorded."""
        while True:
            try:
                yield self._blocks.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                raise UserError(
                    f"{self.name} stopped: no audio came for {_PATIENCE_SECONDS:g} s"
                ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def _hear(
        self, samples: npt.NDArray[np.float32], frames: int, times: object, status: Any
    ) -> None:
        """Called by PortAudio in its own thread; the array is only lent."""
        self.lost_blocks += bool(status.input_overflow)
        try:
            self._blocks.put_nowait(Block(samples.mean(axis=1), time.monotonic()))
        except queue.Full:
            self.lost_blocks += 1


@contextmanager
def _muted() -> Iterator[None]:
    """Hide what PortAudio and ALSA write to standard error; what matters of it is raised too."""
    saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError:
        raise UserError("microphones need sounddevice: pip install 's4audio[microphone]'") from None
    except OSError:
        raise UserError(
            "microphones need the PortAudio library, which was not found: "
            "install it (Debian and Ubuntu: apt install libportaudio2)"
        ) from None
    module: ModuleType = sounddevice
    return module


def _find(sounddevice: ModuleType, device: int | str | None) -> dict[str, Any]:
    """PortAudio's description of an input device."""
    inputs = [info for info in sounddevice.query_devices() if info["max_input_channels"] > 0]
    if not inputs:
        raise UserError("no microphone found: connect one, or read a file with --wav FILE")
    try:
        info: dict[str, Any] = sounddevice.query_devices(device, "input")
    except (ValueError, sounddevice.PortAudioError):
        known = ", ".join(f"{info['index']} ({info['name']})" for info in inputs)
        asked = "default microphone" if device is None else f"microphone {device!r}"
        raise UserError(f"no single {asked}; choose one of: {known}") from None
    return info


def _channels(sounddevice: ModuleType, info: dict[str, Any]) -> int:
    """One channel, or all of a device that cannot be opened with one."""
    try:
        sounddevice.check_input_settings(
            device=info["index"], channels=1, samplerate=info["default_samplerate"]
        )
    except sounddevice.PortAudioError:
        return int(info["max_input_channels"])
    return 1


def _reason(error: Exception) -> str:
    return str(error).partition(": ")[2] or str(error)

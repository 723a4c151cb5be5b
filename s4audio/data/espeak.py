"""Speech from text with eSpeak NG, through ctypes.

The `espeakng-loader` wheel brings the shared library and its voices on every platform, so nothing
has to be installed in the system. It is an optional dependency: `pip install 's4audio[synthetic]'`.

eSpeak NG keeps its state in static variables: two calls cannot run at once, and a sentence depends
on the ones before it (the flutter of the voice, its breath and the glottal phase run on). Two
things follow. A lock guards every call. And each `Espeak` loads a private copy of the library,
whose variables start afresh: a new engine that is asked for the same things in the same order gives
the same samples, in every process, whatever else has been said before.
"""

import _ctypes
import ctypes
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from s4audio.data import audio
from s4audio.data.espeak_library import (
    CHARACTERS_UTF8,
    INITIALIZE_DONT_EXIT,
    LONGEST_DATA_PATH,
    OUTPUT_SYNCHRONOUS,
    PITCH,
    PITCH_RANGE,
    POSITION_CHARACTER,
    RATE,
    VOLUME,
    SynthCallback,
    VoiceRecord,
    installed,
)
from s4audio.errors import UserError

_LOCK = threading.RLock()
_RANDOM_SEED = 1


class EspeakVoice(NamedTuple):
    """A voice or a variant of eSpeak NG.

    Attributes:
        name: what `synthesize` takes: `"en-us"` for a voice, `"f2"` for a variant (`"en-us+f2"`).
        title: the name in words, `"English (America)"`.
        gender: `"male"`, `"female"` or `"none"`, as its file states.
    """

    name: str
    title: str
    gender: str


class Espeak:
    """One engine: a private copy of the library in its initial state. Use it in a `with` block.

    Example:
        >>> with Espeak() as engine:                                      # doctest: +SKIP
        ...     waveform = engine.synthesize("left", "en-us+f2", rate=150)

    Attributes:
        sample_rate: rate of the waveforms in Hz (22,050).

    Raises:
        UserError: the `espeakng-loader` package is missing or incomplete.
    """

    sample_rate: int

    def __init__(self) -> None:
        library, data = installed()
        # On Windows a loaded library cannot be deleted: whatever is left, the system clears.
        self._folder = tempfile.TemporaryDirectory(prefix="s4audio-", ignore_cleanup_errors=True)
        copy = shutil.copy(library, self._folder.name)
        if len(os.fsencode(data)) > LONGEST_DATA_PATH:
            data = Path(shutil.copytree(data, Path(self._folder.name, data.name)))
        with _LOCK:
            self._library: ctypes.CDLL | None = ctypes.CDLL(copy)
            self.sample_rate = self._library.espeak_Initialize(
                OUTPUT_SYNCHRONOUS, 0, os.fsencode(data), INITIALIZE_DONT_EXIT
            )
            if self.sample_rate <= 0:
                self.close()
                raise UserError(
                    f"eSpeak NG cannot read its voices at {data}: reinstall it with "
                    "pip install --force-reinstall espeakng-loader"
                )
            # Some variants breathe noise, which the library would seed with the time of day.
            self._library.espeak_ng_SetRandSeed(ctypes.c_long(_RANDOM_SEED))
            self._blocks: list[npt.NDArray[np.int16]] = []
            self._callback = SynthCallback(self._collect)  # the library holds only its address
            self._library.espeak_SetSynthCallback(self._callback)
            self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(VoiceRecord))
            self._voices = {voice.name for voice in self.voices()}
            self._variants = {variant.name for variant in self.variants()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unload the library. The engine cannot be used again; closing twice does nothing."""
        with _LOCK:
            if self._library is None:
                return
            self._library.espeak_Terminate()
            if sys.platform == "win32":
                _ctypes.FreeLibrary(self._library._handle)
            else:
                _ctypes.dlclose(self._library._handle)
            self._library = None
            self._folder.cleanup()

    def voices(self) -> list[EspeakVoice]:
        """The language voices (accents), sorted by name: `"en-us"`, `"en-gb-scotland"`, `"de"`."""
        records = self._records(None)
        return sorted(_voice(record, record.languages[1:]) for record in records)

    def variants(self) -> list[EspeakVoice]:
        """The variants, which change the timbre of any voice, sorted by name: `"m1"`, `"f2"`."""
        records = self._records(VoiceRecord(languages=b"variant"))
        return sorted(_voice(record, record.identifier.rpartition(b"/")[2]) for record in records)

    def synthesize(
        self,
        text: str,
        voice: str = "en-us",
        *,
        rate: int = 175,
        pitch: int = 50,
        pitch_range: int = 50,
        volume: int = 100,
    ) -> audio.FloatArray:
        """Say a text.

        Args:
            text: what to say; punctuation and numbers are read as eSpeak NG reads them.
            voice: a name of `voices()`, or `voice+variant` with a name of `variants()`.
            rate: words a minute, 80 to 450.
            pitch: 0 to 99, 50 is the centre of the voice.
            pitch_range: 0 (monotone) to 99.
            volume: 0 to 200; some variants clip at 100.

        Returns:
            Waveform, float32 (time,) in [-1, 1] at `sample_rate`, with the silence that the engine
            puts around the words.

        Raises:
            UserError: an unknown voice, or a number out of range.
        """
        self._check_voice(voice)
        _check_number("rate", rate, 80, 450)
        _check_number("volume", volume, 0, 200)
        _check_number("pitch", pitch, 0, 99)
        _check_number("pitch_range", pitch_range, 0, 99)
        with _LOCK:
            library, self._blocks = self._open_library(), []
            library.espeak_SetVoiceByName(voice.encode())
            library.espeak_SetParameter(RATE, rate, 0)
            library.espeak_SetParameter(VOLUME, volume, 0)
            library.espeak_SetParameter(PITCH, pitch, 0)
            library.espeak_SetParameter(PITCH_RANGE, pitch_range, 0)
            encoded = text.encode()
            size = ctypes.c_size_t(len(encoded) + 1)
            status = library.espeak_Synth(
                encoded, size, 0, POSITION_CHARACTER, 0, CHARACTERS_UTF8, None, None
            )
            if status != 0:
                raise RuntimeError(f"eSpeak NG failed on {text!r} with status {status}")
            if not self._blocks:
                return np.zeros(0, dtype=np.float32)
            return np.concatenate(self._blocks).astype(np.float32) / np.float32(32768)

    def _check_voice(self, voice: str) -> None:
        # The library falls back silently on names it does not know.
        accent, plus, variant = voice.partition("+")
        if accent not in self._voices or (plus and variant not in self._variants):
            english = ", ".join(sorted(name for name in self._voices if name.startswith("en")))
            raise UserError(
                f"eSpeak NG has no voice {voice!r}: use e.g. {english}, with or without a variant "
                "such as +f2 (list_voices() and list_variants() name them all)"
            )

    def _open_library(self) -> ctypes.CDLL:
        if self._library is None:
            raise RuntimeError("this Espeak engine is closed")
        return self._library

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def _records(self, selection: VoiceRecord | None) -> list[VoiceRecord]:
        with _LOCK:
            pointers = self._open_library().espeak_ListVoices(
                None if selection is None else ctypes.byref(selection)
            )
            records: list[VoiceRecord] = []
            while pointers[len(records)]:
                records.append(pointers[len(records)].contents)
            return records


def _check_number(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{name}={value}: choose an integer from {low} to {high}")


def _voice(record: VoiceRecord, name: bytes) -> EspeakVoice:
    gender = {1: "male", 2: "female"}.get(record.gender, "none")
    return EspeakVoice(name.decode(), record.name.decode(), gender)


def list_voices() -> list[EspeakVoice]:
    """Language voices (accents) of the installed eSpeak NG, sorted by name."""
    with Espeak() as engine:
        return engine.voices()


def list_variants() -> list[EspeakVoice]:
    """Variants of the installed eSpeak NG, sorted by name."""
    with Espeak() as engine:
        return engine.variants()


def synthesize(
    text: str,
    voice: str = "en-us",
    *,
    rate: int = 175,
    pitch: int = 50,
    pitch_range: int = 50,
    sample_rate: int = 16_000,
) -> audio.FloatArray:
    """Say one text: the same arguments always give the same samples.

    For many texts keep one `Espeak` open: loading the library takes longer than saying a word.

    Args:
        text: what to say.
        voice: accent, or `accent+variant`, as in `Espeak.synthesize`.
        rate: words a minute, 80 to 450.
        pitch: 0 to 99, 50 is the centre of the voice.
        pitch_range: 0 (monotone) to 99.
        sample_rate: of the result, in Hz.

    Returns:
        Waveform, float32 (time,) at `sample_rate`.

    Raises:
        UserError: the package is missing, an unknown voice, or a number out of range.
    """
    with Espeak() as engine:
        waveform = engine.synthesize(text, voice, rate=rate, pitch=pitch, pitch_range=pitch_range)
        return audio.resample(waveform, engine.sample_rate, sample_rate)

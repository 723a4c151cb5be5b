"""The shared library of eSpeak NG: where it is, and the values and types of its C interface."""

import ctypes
from pathlib import Path

from s4audio.errors import UserError

# Values of the C interface (speak_lib.h).
OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
CHARACTERS_UTF8 = 1
POSITION_CHARACTER = 1
RATE, VOLUME, PITCH, PITCH_RANGE = 1, 2, 3, 4
# The library keeps its data path in a buffer of 160 bytes and appends file names to it.
LONGEST_DATA_PATH = 110


class VoiceRecord(ctypes.Structure):
    """One of `espeak_ListVoices`, or what it is to list."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def installed() -> tuple[Path, Path]:
    """Paths of the shared library and of the voice data in the wheel.

    Raises:
        UserError: the `espeakng-loader` package is missing or incomplete.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise UserError(
            "synthetic speech needs the espeakng-loader package: pip install 's4audio[synthetic]'"
        ) from None
    library = Path(espeakng_loader.get_library_path())
    data = library.parent / "espeak-ng-data"
    if not library.is_file() or not (data / "phontab").is_file():
        raise UserError(
            f"the espeakng-loader package at {library.parent} is incomplete: reinstall it with "
            "pip install --force-reinstall espeakng-loader"
        )
    return library, data

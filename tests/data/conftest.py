"""Small recordings for the tests of data sets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

# A busy machine is no reason to fail.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

RATE = 16_000

WriteWav = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("S4AUDIO_CACHE", str(folder))
    return folder


@pytest.fixture
def write_wav() -> WriteWav:
    """Write noise, different for each path, to an audio file."""

    def write(path: Path, samples: int = RATE, rate: int = RATE, level: float = 0.1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(list(path.name.encode()))
        soundfile.write(path, level * random.uniform(-1, 1, samples), rate)
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path, write_wav: WriteWav) -> Path:
    """Two classes with 20 clips of different lengths each, and a background recording."""
    root = tmp_path / "recordings"
    for word in ("left", "right"):
        for number in range(20):
            write_wav(root / word / f"{number}.wav", samples=1000 + 50 * number)
    write_wav(root / "_background_noise_" / "hum.wav", samples=5000)
    return root


@pytest.fixture
def speech_commands(tmp_path: Path, write_wav: WriteWav) -> Path:
    """A tree in the layout of Speech Commands: four clips of each of 35 words, 20 of ten words."""
    from s4audio.data.speech_commands_files import ALL_WORDS, TEN_WORDS

    root = tmp_path / "data"
    tree = root / "SpeechCommands" / "speech_commands_v0.02"
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    for word in ALL_WORDS:
        for number in range(20 if word in TEN_WORDS else 4):
            name = f"{word}/{number:08x}_nohash_0.wav"
            write_wav(tree / name, samples=400 if number == 1 else RATE)
            if number in (1, 2):
                lists["validation" if number == 1 else "testing"].append(name)
    for split, names in lists.items():
        (tree / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    write_wav(tree / "_background_noise_" / "tap.wav", samples=3 * RATE)
    return root

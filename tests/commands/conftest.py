"""A tiny data set, its recipe, and one finished training that the tests of commands share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.cli import main
from s4audio.streaming.stream import Stream

RECIPE = """
seed_everything: 3
model:
  class_path: s4audio.tasks.ClassificationTask
  init_args:
    network: {{kind: s4d, d_model: 8, n_layers: 1, d_state: 4, length: 400}}
    optimizer: {{learning_rate: 0.02, kernel_learning_rate: 0.002, weight_decay: 0.05}}
    schedule: {{kind: cosine, warmup_steps: 2}}
data:
  class_path: s4audio.data.AudioFolder
  init_args: {{root: {root}, batch_size: 4, validation: 0.25, testing: 0.25}}
trainer: {{max_epochs: 2, default_root_dir: {runs}, accelerator: cpu}}
"""


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S4AUDIO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("S4AUDIO_DEBUG", raising=False)
        yield


def write_tones(folder: Path, labels: dict[str, float]) -> Path:
    """Ten clips of 25 ms for each label, a tone of its frequency."""
    random = np.random.default_rng(0)
    for label, frequency in labels.items():
        (folder / label).mkdir(parents=True)
        for number in range(10):
            time = np.arange(400) / 16_000
            tone = 0.5 * np.sin(2 * np.pi * frequency * time + random.uniform(0, 6))
            soundfile.write(folder / label / f"speaker{number}.wav", tone, 16_000)
    return folder


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"), {"high": 3000.0, "low": 200.0})


@pytest.fixture
def recipe(tones: Path, tmp_path: Path) -> Path:
    """A recipe whose runs go to tmp_path/runs."""
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE.format(root=tones, runs=tmp_path / "runs"))
    return path


@pytest.fixture(scope="session")
def trained(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of two epochs; do not change it."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "tiny.yaml"
    path.write_text(RECIPE.format(root=tones, runs=folder / "runs"))
    assert main(["fit", "--config", str(path)]) == 0
    return folder / "runs" / "tiny" / "version_0"


class ToneStream:
    """In place of a trained `Stream`: knows two tones and silence, in rows of 10 ms."""

    labels = ("_silence_", "high", "low")
    sample_rate = 16_000
    chunk = 160

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.rest = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        samples = np.concatenate([self.rest, samples])
        rows = len(samples) // self.chunk
        blocks, self.rest = np.split(samples, [rows * self.chunk])
        blocks = blocks.reshape(rows, self.chunk)
        loud = np.abs(blocks).max(axis=1) > 0.1
        # The high tone changes sign 60 times in a row, the low one 6 times.
        high = np.count_nonzero(np.diff(np.signbit(blocks)), axis=1) > 30
        return 9 * np.stack([~loud, loud & high, loud & ~high], axis=1).astype(np.float32)


@pytest.fixture
def tones_or_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ToneStream | Stream]:
    """In place of `Stream`: a model named "tones" is a `ToneStream`."""

    def open_stream(model: str) -> ToneStream | Stream:
        return ToneStream() if model == "tones" else Stream(model)

    monkeypatch.setattr("s4audio.streaming.stream.Stream", open_stream)
    return open_stream


@pytest.fixture
def high_then_low() -> Callable[..., np.ndarray]:
    """4 s: a high tone from 0.5 s to 1 s, a low one from 2.5 s to 3 s."""

    def waveform(sample_rate: int = 16_000) -> np.ndarray:
        time = np.arange(4 * sample_rate) / sample_rate
        high = np.sin(2 * np.pi * 3000 * time) * ((time >= 0.5) & (time < 1))
        low = np.sin(2 * np.pi * 300 * time) * ((time >= 2.5) & (time < 3))
        return (0.5 * (high + low)).astype(np.float32)

    return waveform


@pytest.fixture
def recording(high_then_low: Callable[..., np.ndarray], tmp_path: Path) -> Path:
    path = tmp_path / "tones.wav"
    soundfile.write(path, high_then_low(), 16_000)
    return path

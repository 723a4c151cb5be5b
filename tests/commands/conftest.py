"""A tiny data set, its recipe, and one finished training that the tests of commands share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.cli import main

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

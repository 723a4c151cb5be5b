"""Every recipe trains, validates, tests and predicts on tiny data."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from s4audio.cli import main
from s4audio.data.speech_commands import ALL_WORDS, TEN_WORDS

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
PATHS = sorted(RECIPES.rglob("*.yaml"))

TINY_NETWORK = {"d_model": 8, "n_layers": 1, "d_state": 4}
FEW_STEPS = {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 2}


@pytest.fixture(scope="session")
def speech_commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise bursts in the layout of Speech Commands: 8 clips of each of ten words, 3 of others."""
    root = tmp_path_factory.mktemp("recipes")
    tree = root / "SpeechCommands" / "speech_commands_v0.02"
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    random = np.random.default_rng(0)
    for word in ALL_WORDS:
        (tree / word).mkdir(parents=True)
        for number in range(8 if word in TEN_WORDS else 3):
            name = f"{word}/{number:08x}_nohash_0.wav"
            burst = np.zeros(16_000)
            burst[4_000:8_000] = random.uniform(-0.3, 0.3, 4_000)
            soundfile.write(tree / name, burst, 16_000)
            if number < 2:
                lists["validation" if number == 0 else "testing"].append(name)
    (tree / "_background_noise_").mkdir()
    soundfile.write(
        tree / "_background_noise_" / "hum.wav", random.uniform(-0.1, 0.1, 32_000), 16_000
    )
    for split, names in lists.items():
        (tree / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    return root


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S4AUDIO_CACHE", str(tmp_path_factory.getbasetemp() / "recipes_cache"))


def options(recipe: Path, speech_commands: Path, runs: Path) -> list[str]:
    """Words after the command that make the recipe tiny."""
    data_class = yaml.safe_load(recipe.read_text())["data"]["class_path"].split(".")[-1]
    tiny = {"SpeechCommands": {"root": speech_commands}, "SyntheticSpeech": {"clips_per_word": 2}}
    data = {"batch_size": 4, **tiny[data_class]}
    sections = {
        "model.init_args.network": TINY_NETWORK,
        "data.init_args": data,
        "trainer": {**FEW_STEPS, "accelerator": "cpu", "default_root_dir": runs},
    }
    given = [f"--{section}.{key}={x}" for section, ks in sections.items() for key, x in ks.items()]
    return ["--config", str(recipe), *given]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_a_recipe_for_every_kind_in_every_folder() -> None:
    found = {(path.parent.name, path.stem.split("_")[-1]) for path in PATHS}
    folders = {"quickstart", "speech_commands", "speech_commands_subset"}
    assert {
        (folder, kind) for folder in folders for kind in ("s4", "s4d", "dss", "sgconv")
    } <= found


@pytest.mark.parametrize("recipe", PATHS, ids=lambda path: str(path.relative_to(RECIPES)))
def test_recipe_runs(recipe: Path, speech_commands: Path, tmp_path: Path) -> None:
    given = options(recipe, speech_commands, tmp_path)
    assert main(["fit", *given]) == 0
    content = yaml.safe_load(recipe.read_text())
    run = tmp_path / content.get("name", recipe.stem) / "version_0"
    losses = [float(row["train/loss"]) for row in rows(run / "metrics.csv") if row["train/loss"]]
    assert len(losses) == 1
    assert np.isfinite(losses).all()
    for command in ("validate", "test", "predict"):
        assert main([command, *given, "--ckpt_path", "last"]) == 0
    wanted = content.get("report", {"rates": [16_000]})["rates"]
    assert {int(row["sample_rate"]) for row in rows(run / "rates.csv")} == set(wanted)
    scores = rows(run / "scores.csv")
    assert len(scores) == len(rows(run / "predictions.csv")) > 0

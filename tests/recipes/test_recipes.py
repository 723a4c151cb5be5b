"""Every recipe trains, validates, tests, continues and predicts on tiny data."""

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from s4audio.cli import main

# Test files have no package, so their helpers are loaded by path.
_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
PATHS = sorted(RECIPES.rglob("*.yaml"))
FEW_STEPS = {"limit_train_batches": 2, "limit_val_batches": 2, "limit_test_batches": 2}
KINDS = ("s4", "s4d", "dss", "sgconv")

MakeData = Callable[[str], dict]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S4AUDIO_CACHE", str(tmp_path_factory.getbasetemp() / "recipes_cache"))


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> MakeData:
    """Arguments of a data class for files that are made once."""
    made: dict[str, dict] = {}

    def make(name: str) -> dict:
        if name not in made:
            made[name] = tiny.DATA[name](tmp_path_factory.mktemp(name))
        return made[name]

    return make


def words(content: dict, recipe: Path, made_data: MakeData, runs: Path) -> list[str]:
    """Words after the command that make the recipe tiny."""
    data, model = (content[part]["class_path"].split(".")[-1] for part in ("data", "model"))
    trainer = {**FEW_STEPS, "accelerator": "cpu", "default_root_dir": runs}
    return [
        "--config",
        str(recipe),
        *tiny.flat(tiny.MODELS[model](content["model"]["init_args"]), "model.init_args"),
        *tiny.flat({"batch_size": 4, **made_data(data)}, "data.init_args"),
        *tiny.flat(trainer, "trainer"),
    ]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def losses(run: Path) -> list[float]:
    """Training losses of the epochs."""
    found = [float(row["train/loss"]) for row in rows(run / "metrics.csv") if row["train/loss"]]
    assert np.isfinite(found).all()
    return found


@pytest.mark.parametrize(
    ("folder", "tasks"),
    [
        ("quickstart", [""]),
        ("speech_commands", ["sc10_", "sc35_"]),
        ("speech_commands_subset", [""]),
        (
            "long_range_arena",
            ["listops_", "text_", "retrieval_", "image_", "pathfinder_", "pathx_"],
        ),
        ("language", ["characters_"]),
        ("density", ["cifar10_"]),
        ("forecasting", ["etth1_", "etth2_"]),
        ("vital_signs", ["hr_", "rr_", "spo2_"]),
        ("pixels", ["smnist_", "pmnist_", "scifar_"]),
    ],
)
def test_there_is_a_recipe_for_every_kind(folder: str, tasks: list[str]) -> None:
    names = {path.stem for path in PATHS if path.parent.name == folder}
    assert {f"{task}{kind}" for task in tasks for kind in KINDS} <= names


@pytest.mark.parametrize("recipe", PATHS, ids=lambda path: str(path.relative_to(RECIPES)))
def test_recipe_runs(recipe: Path, made_data: MakeData, tmp_path: Path) -> None:
    content = yaml.safe_load(recipe.read_text())
    given = words(content, recipe, made_data, tmp_path)
    assert main(["fit", *given, "--trainer.max_epochs=1"]) == 0
    run = tmp_path / content.get("name", recipe.stem) / "version_0"
    assert len(losses(run)) == 1
    assert {"report.json", "config.yaml"} <= {path.name for path in run.iterdir()}
    if "report" in content:
        wanted = content["report"]["rates"]
        assert {int(row["sample_rate"]) for row in rows(run / "rates.csv")} == set(wanted)

    for command in ("validate", "test", "predict"):
        assert main([command, *given, "--ckpt_path=last"]) == 0
    assert len(rows(run / "scores.csv")) > 0

    assert main(["fit", *given, "--trainer.max_epochs=2", "--ckpt_path=last"]) == 0
    assert len(losses(run)) == 1  # the second epoch; the first is in metrics.part1.csv

"""A recipe of streams from the command line: fit, resume, validate, test, predict."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.cli import main
from s4audio.data import KeywordStreams
from s4audio.data.speech_commands_files import ALL_WORDS

pytest.importorskip("torchaudio")

RECIPE = """
seed_everything: 3
model:
  class_path: s4audio.tasks.LongFormTask
  init_args:
    network: {kind: s4d, d_model: 8, n_layers: 1, d_state: 4, stem_stride: 32}
    schedule: {kind: constant}
data:
  class_path: s4audio.data.KeywordStreams
  init_args:
    segment: 2.0
    context: 1.0
    batch_size: 2
    epoch_minutes: 0.2
    validation_minutes: 0.1
trainer: {max_epochs: 2, accelerator: cpu}
report: {rates: [16000, 8000]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    random = np.random.default_rng(0)
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    for word in ALL_WORDS:
        (folder / word).mkdir()
        for number in range(3):
            name = f"{word}/{number}_nohash_0.wav"
            burst = np.zeros(16_000)
            burst[4_000:8_000] = random.uniform(-0.3, 0.3, 4_000)
            soundfile.write(folder / name, burst, 16_000)
            if number < 2:
                lists["validation" if number == 0 else "testing"].append(name)
    for split, names in lists.items():
        (folder / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "_background_noise_").mkdir()
    hum = random.uniform(-0.1, 0.1, 64_000)
    soundfile.write(folder / "_background_noise_" / "hum.wav", hum, 16_000)
    return folder


@pytest.fixture
def words(root: Path, tmp_path: Path) -> list[str]:
    recipe = tmp_path / "streams.yaml"
    recipe.write_text(RECIPE)
    given = ["--config", str(recipe), f"--data.init_args.root={root}"]
    return [*given, f"--trainer.default_root_dir={tmp_path / 'runs'}"]


def weights(run: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["s4audio"]["data"]["class"] == "KeywordStreams"
    return checkpoint["state_dict"]


def unneeded(module: KeywordStreams) -> None:
    raise AssertionError("prepared")


def test_a_recipe(
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["fit", *words]) == 0
    run = tmp_path / "runs" / "streams" / "version_0"
    with (run / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/loss"]]
    assert len(rows) == 2
    for name in ("val/loss", "val/accuracy", "val/false_alarm"):
        assert all(np.isfinite(float(row[name])) for row in rows)
    for command in ("validate", "test", "predict"):
        assert main([command, *words, "--ckpt_path", "last"]) == 0
    assert "false alarms in" in capsys.readouterr().out
    with (run / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert len(scores) == 12
    assert {"_unknown_", "_silence_"} < scores[0].keys()
    best = str(run / "checkpoints" / "best.ckpt")
    # What an evaluation needs is read from the folder: no synthetic voices, no pieces of noise.
    monkeypatch.setattr(KeywordStreams, "prepare_data", unneeded)
    options = ["--hours", "0.03", "--snrs", "20", "--output", str(run / "stream")]
    assert main(["evaluate", best, "--stream", *options]) == 0
    with (run / "stream" / "spoken.csv").open(newline="") as file:
        spoken = [row["word"] for row in csv.DictReader(file)]
    # All other words under their own names, and no pieces of noise as words.
    assert set(spoken) <= set(ALL_WORDS)
    assert len(set(spoken)) > 10


def test_a_resumed_run_hears_what_it_would_have_heard(words: list[str], tmp_path: Path) -> None:
    assert main(["fit", *words]) == 0
    assert main(["fit", *words, "--name", "parts", "--trainer.max_epochs=1"]) == 0
    assert main(["fit", *words, "--name", "parts", "--ckpt_path", "last"]) == 0
    runs = tmp_path / "runs"
    straight, resumed = weights(runs / "streams/version_0"), weights(runs / "parts/version_0")
    assert straight.keys() == resumed.keys()
    for name, value in straight.items():
        torch.testing.assert_close(value, resumed[name], rtol=1e-4, atol=1e-5)


def test_initial_weights(words: list[str], tmp_path: Path) -> None:
    assert main(["fit", *words, "--trainer.max_epochs=1"]) == 0
    run = tmp_path / "runs" / "streams" / "version_0"
    best = run / "checkpoints" / "best.ckpt"
    more = [*words, "--name", "more", f"--model.init_args.initial={best}"]
    # Steps of nothing: the weights stay what they were.
    still = ["--model.init_args.optimizer.learning_rate=1e-9"]
    still += ["--model.init_args.optimizer.kernel_learning_rate=1e-9"]
    assert main(["fit", *more, *still, "--trainer.max_epochs=1"]) == 0
    ours = weights(tmp_path / "runs" / "more" / "version_0")
    theirs = torch.load(best, weights_only=True)["state_dict"]
    for name, value in theirs.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(ours[name], value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.init_args.network.stem_stride=48", "data.hop=160"),
        ("--model.init_args.network.length=8000", "set network.length to 16000"),
        ("--model.init_args.initial=nowhere", "nowhere"),
        ("--data.init_args.augment={shift_ms: 10}", "shift_ms"),
    ],
)
def test_mistakes_take_one_line(
    words: list[str], option: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["fit", *words, option]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1

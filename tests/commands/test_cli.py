import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import s4audio
from s4audio.cli import COMMANDS, main
from s4audio.tasks import ClassificationTask


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    original = ClassificationTask.training_step

    def training_step(self: ClassificationTask, batch: object, batch_idx: int) -> torch.Tensor:
        if self.global_step == step:
            raise KeyboardInterrupt
        return original(self, batch, batch_idx)

    monkeypatch.setattr(ClassificationTask, "training_step", training_step)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_overview_names_every_command(words: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(words) == (0 if words else 2)
    lines = capsys.readouterr().out.splitlines()
    for name, command in COMMANDS.items():
        assert any(line.split() == [name, *command.summary.split()] for line in lines)


def test_version(capsys: pytest.CaptureFixture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"s4audio {s4audio.__version__}\n"


def test_a_reader_of_the_output_that_leaves() -> None:
    program = (
        "import sys; from s4audio import cli; import s4audio.commands.models as models; "
        "models.run = lambda *_: print('x' * 1_000_000) or 0; sys.exit(cli.main(['models']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("fit", ["--config", "--ckpt_path", "--name", "--report.rates", "--checkpoint.monitor"]),
        ("predict", ["--trainer.accelerator", "--data", "--model", "--seed_everything"]),
        ("evaluate", ["checkpoint", "--rates", "--data", "--output", "--device", "--stream"]),
        ("import-checkpoint", ["weights", "config", "--output"]),
        ("export", ["--output", "--rate", "--quantize"]),
        ("listen", ["--wav", "--mic", "--threshold", "--smoothing", "--refractory"]),
        ("benchmark", ["--suites", "--quick", "--output", "--threads", "--repeats"]),
        ("push", ["model", "repository", "--private"]),
        ("models", ["--help"]),
    ],
)
def test_help_lists_the_options(
    command: str, options: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: s4audio {command}")
    assert all(option in text for option in options)


def test_light_commands_do_not_import_the_training_framework() -> None:
    program = (
        "import sys; from s4audio.cli import main; main(['--help']); main(['models', '--help']); "
        "main(['models']); "
        "assert not {'lightning', 'torchaudio', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_models_lists_presets(capsys: pytest.CaptureFixture) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in s4audio.list_models() + s4audio.list_pretrained())
    (row,) = (line for line in text.splitlines() if "│ ten-words" in line)
    assert [cell.strip() for cell in row.split("│")[2:5]] == ["10", "16,000", "129,130"]


def test_fit_leaves_checkpoints_logs_and_report(trained: Path) -> None:
    assert (trained / "checkpoints" / "best.ckpt").is_file()
    assert (trained / "checkpoints" / "last.ckpt").is_file()
    columns = read_csv(trained / "metrics.csv")[0].keys()
    assert {"train/loss", "val/loss", "val/accuracy", "test/accuracy", "test/macro_f1"} <= columns
    assert list(trained.glob("events.out.tfevents.*"))
    for suffix in ("png", "svg"):
        assert (trained / f"confusion_matrix.{suffix}").stat().st_size > 0
    assert yaml.safe_load((trained / "config.yaml").read_text())["seed_everything"] == 3
    last = torch.load(trained / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == 1
    assert last["s4audio"]["data"]["class"] == "AudioFolder"


def test_fit_prints_a_line_an_epoch_and_a_panel(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["fit", "--config", str(recipe), "--report.rates", "[16000, 8000]"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert sum("val accuracy" in line and "train loss" in line for line in lines) == 2
    assert any("epoch 1/2" in line and "left" in line for line in lines)
    for words in ("test accuracy", "8 kHz zero-shot (decimation)", "checkpoint", "logs, plots"):
        assert words in captured.out
    assert captured.err == ""
    assert (tmp_path / "runs" / "tiny" / "version_0" / "accuracy_by_rate.png").is_file()


def test_a_profiler_reports(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["fit", "--config", str(recipe), "--trainer.profiler", "simple"]) == 0
    assert "train_dataloader_next" in caplog.text
    assert "run_training_batch" in caplog.text


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_fast_dev_run_leaves_nothing_behind(command: str, recipe: Path, tmp_path: Path) -> None:
    words = [command, "--config", str(recipe), "--report.rates", "[16000, 8000]"]
    words += ["--report.output", str(tmp_path / "output")]
    assert main([*words, "--trainer.fast_dev_run", "true"]) == 0
    assert not (tmp_path / "runs").exists()


def test_test_reports_what_fit_reported(
    trained: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["test", "--config", str(recipe), "--report.output", str(tmp_path / "output")]
    assert main([*words, "--ckpt_path", str(trained / "checkpoints" / "best.ckpt")]) == 0
    captured = capsys.readouterr()
    assert "test macro F1" in captured.out
    assert captured.err == ""
    here = json.loads((tmp_path / "output" / "report.json").read_text())
    there = json.loads((trained / "report.json").read_text())
    assert here["confusion_matrix"] == there["confusion_matrix"]
    assert not (tmp_path / "runs").exists()


def test_saved_configuration_serves_every_command(trained: Path, tmp_path: Path) -> None:
    words = ["--config", str(trained / "config.yaml"), "--report.output", str(tmp_path)]
    for command in ("validate", "test", "predict"):
        best = str(trained / "checkpoints" / "best.ckpt")
        assert main([command, *words, "--ckpt_path", best]) == 0


def test_predict_writes_one_row_a_clip(trained: Path, recipe: Path, tmp_path: Path) -> None:
    words = ["predict", "--config", str(recipe), "--report.output", str(tmp_path)]
    assert main([*words, "--ckpt_path", str(trained / "checkpoints" / "best.ckpt")]) == 0
    rows = read_csv(tmp_path / "scores.csv")
    assert list(rows[0]) == ["name", "label", "high", "low"]
    assert len({row["name"] for row in rows}) == len(rows) > 0
    for row in rows:
        scores = {label: float(row[label]) for label in ("high", "low")}
        assert sum(scores.values()) == pytest.approx(1, abs=1e-5)
        assert scores[row["label"]] == max(scores.values())


def test_evaluate_on_the_training_data_and_on_a_folder(
    trained: Path, tones: Path, tmp_path: Path
) -> None:
    checkpoint = str(trained / "checkpoints" / "best.ckpt")
    own, folder = tmp_path / "own", tmp_path / "folder"
    assert main(["evaluate", checkpoint, "--rates", "16000", "8000", "--output", str(own)]) == 0
    other = shutil.copytree(tones, tmp_path / "other")
    words = ["--rates", "16000", "--data", str(other), "--output", str(folder), "--device", "cpu"]
    assert main(["evaluate", checkpoint, *words]) == 0
    assert {row["sample_rate"] for row in read_csv(own / "rates.csv")} == {"16000", "8000"}
    assert read_csv(folder / "rates.csv")[0]["clips"] == "20"


def test_evaluate_takes_a_saved_model(trained: Path, tones: Path, tmp_path: Path) -> None:
    s4audio.load(trained / "checkpoints" / "best.ckpt").save_pretrained(tmp_path / "model")
    words = ["evaluate", str(tmp_path / "model"), "--rates", "16000"]
    assert main(words) == 2
    assert main([*words, "--data", str(tones)]) == 0
    assert (tmp_path / "model" / "report.json").is_file()


def test_interrupted_training_continues_to_the_same_end(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    words = ["fit", "--config", str(recipe)]
    assert main([*words, "--name", "whole"]) == 0
    whole = torch.load(tmp_path / "runs/whole/version_0/checkpoints/last.ckpt", weights_only=True)
    with monkeypatch.context() as patch:
        interrupt_at(patch, whole["global_step"] // 2)
        assert main([*words, "--name", "part"]) == 130
    run = tmp_path / "runs" / "part" / "version_0"
    assert f"--ckpt_path {run / 'checkpoints' / 'last.ckpt'}" in capsys.readouterr().err
    assert main([*words, "--name", "part", "--ckpt_path", "last"]) == 0
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]
    assert (run / "metrics.part1.csv").is_file()
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    for name, value in whole["state_dict"].items():
        assert last["state_dict"][name].equal(value), name


def test_ctrl_c_in_the_last_test_leaves_the_last_checkpoint(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = tmp_path / "runs" / "tiny" / "version_0" / "checkpoints" / "last.ckpt"
    before: list[bytes] = []

    def test_step(*args: object) -> None:
        before.append(last.read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr(ClassificationTask, "test_step", test_step)
    assert main(["fit", "--config", str(recipe)]) == 130
    assert before == [last.read_bytes()]


def test_terminated_training_says_so_and_can_be_continued(recipe: Path, tmp_path: Path) -> None:
    words = ["fit", "--config", str(recipe), "--trainer.max_epochs", "100000"]
    with subprocess.Popen(
        [sys.executable, "-m", "s4audio", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("epoch 2"))
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped; continue with --ckpt_path" in errors
    assert "Traceback" not in errors


def test_a_refused_checkpoint_leaves_its_run_alone(
    recipe: Path, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    last = trained / "checkpoints" / "last.ckpt"
    other = ["--model.init_args.network.d_model", "16"]
    assert main(["fit", "--config", str(recipe), "--ckpt_path", str(last), *other]) == 2
    assert "d_model 8 there, 16 here" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_a_checkpoint_that_is_not_there_leaves_the_run_alone(
    recipe: Path, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    files = sorted(trained.rglob("*"))
    typo = trained / "checkpoints" / "lst.ckpt"
    assert main(["fit", "--config", str(recipe), "--ckpt_path", str(typo)]) == 2
    assert "no file at" in capsys.readouterr().err
    assert sorted(trained.rglob("*")) == files


def test_failing_report_keeps_the_checkpoint(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("s4audio.tasks.classes.report_classes", fail)
    assert main(["fit", "--config", str(recipe)]) == 1
    best = tmp_path / "runs" / "tiny" / "version_0" / "checkpoints" / "best.ckpt"
    assert best.is_file()
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: no ink" in line
    assert str(best) in line


def test_early_stopping_from_the_command_line(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["fit", "--config", str(recipe), "--trainer.callbacks", "EarlyStopping"]
    words += ["--trainer.callbacks.monitor", "train/loss", "--trainer.callbacks.patience", "0"]
    words += ["--trainer.callbacks.stopping_threshold", "100", "--trainer.max_epochs", "5"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "epoch 1/5" in text
    assert "epoch 2/5" not in text

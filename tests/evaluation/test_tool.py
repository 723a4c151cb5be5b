"""The script around the library."""

import runpy
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import s4audio

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "evaluate_resampled.py"


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("S4AUDIO_CACHE", str(tmp_path / "cache"))

    def run_script(*arguments):
        monkeypatch.setattr(sys, "argv", ["evaluate_resampled.py", *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run_script


@pytest.fixture
def recordings(clips, tmp_path):
    """A folder for every class."""
    for index in range(len(clips)):
        folder = tmp_path / "recordings" / clips.labels[clips.targets[index]]
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / clips.names[index], clips[index].waveform, clips.sample_rate)
    return tmp_path / "recordings"


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    labels = ["low", "middle", "high"]
    config = s4audio.ClassifierConfig(kind="s4d", d_model=8, n_layers=1, d_state=4, length=1680)
    s4audio.SequenceClassifier(config, labels).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_script(run, checkpoint, recordings, tmp_path, capsys):
    run(checkpoint, recordings, "--rates", 16_000, 8_000, "--output", tmp_path / "report")
    printed = capsys.readouterr().out
    assert "Accuracy on 12 clips of 3 classes by a model trained at 16 kHz" in printed
    assert (tmp_path / "report" / "report.json").is_file()


def test_script_tells_of_mistakes_in_one_line(run, checkpoint, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(checkpoint, tmp_path / "nowhere")
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate_resampled: ")
    assert "nowhere" in line

"""`s4audio export` on a finished training."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio import UserError
from s4audio.cli import main
from s4audio.commands.export import run
from s4audio.export import onnx_file
from s4audio.streaming import Stream

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


def test_export_prints_differences_sizes_speeds_and_accuracies(
    checkpoint: str, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, output = tmp_path / "sound.wav", tmp_path / "m.onnx"
    soundfile.write(recording, np.sin(np.arange(8000) / 9), 8000)
    words = ["--output", str(output), "--quantize", "int8", "--data", str(tones)]
    assert run("export", [checkpoint, *words, "--audio", str(recording)]) == 0
    printed = capsys.readouterr().out
    for word in ("recording", "noise", "float32", "int8", "%", "16000 Hz"):
        assert word in printed
    (int8,) = [line for line in printed.splitlines() if "int8" in line]
    assert re.search(r"int8 +│ +\d\.\de-0\d +│", int8)
    assert Stream(output).push(np.zeros(800, np.float32)).shape == (5, 2)


def test_a_path_is_shown_as_it_is(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "exp[v2]"
    folder.mkdir()
    output = folder / f"{'long-name' * 10}.onnx"
    assert run("export", [checkpoint, "--output", str(output)]) == 0
    assert f"{output}: 16000 Hz, an answer every 160 samples" in capsys.readouterr().out


def test_rate_chunk_and_window(checkpoint: str, tmp_path: Path) -> None:
    output = tmp_path / "m.onnx"
    words = ["--output", str(output), "--rate", "2", "--chunk", "40", "--window", "0.1"]
    assert run("export", [checkpoint, *words]) == 0
    stream = Stream(output)
    assert (stream.sample_rate, stream.chunk, stream.window_seconds) == (8000, 40, 0.1)


def test_a_difference_is_one_line_and_exit_code_1(
    checkpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_file, "LARGEST_DIFFERENCE", 0.0)
    assert main(["export", checkpoint, "--output", str(tmp_path / "m.onnx")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("s4audio: the float32 graph differs")
    assert message.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "m.txt"], "onnx file"),
        (["--output", "m.onnx", "--rate", "0"], "rate must be above 0"),
        (["--output", "m.onnx", "--rate", "-2"], "rate must be above 0"),
        (["--output", "m.onnx", "--rate", "1e-4", "--audio", "x.wav"], "more than 768000 Hz"),
        (["--output", "m.onnx", "--rate", "1e-320"], "more than 768000 Hz: choose a larger rate"),
        (["--output", "m.onnx", "--window", "1e9"], "more than 100000: give at most 1000 seconds"),
    ],
)
def test_bad_options(checkpoint: str, words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run("export", [checkpoint, *words])

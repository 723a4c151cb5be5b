"""`s4audio demo`, as a user starts it."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from s4audio.cli import main


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Stands for onnxruntime-web, where npm puts it."""
    folder = tmp_path / "node_modules" / "onnxruntime-web"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "ort.wasm.min.mjs").write_text("export const env = {};")
    return folder


def test_serves_shipped_weights_until_interrupted(runtime: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    command = [sys.executable, "-m", "s4audio", "demo", "ten-words", "--port", "0"]
    # A test run in the background hands on that interrupts are ignored.
    reset = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        signal.signal(signal.SIGINT, reset)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"ten-words is at (http://127\.0\.0\.1:\d+/); Ctrl\+C ends\n", line)
        assert found, line + process.communicate()[1]
        with urllib.request.urlopen(f"{found[1]}model.onnx", timeout=10) as answer:
            model = tmp_path / "served.onnx"
            model.write_bytes(answer.read())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "s4audio: interrupted\n"
    from s4audio.streaming import Stream

    assert len(Stream(model).labels) == 10


def test_without_onnxruntime_web(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "ten-words", "--runtime", "elsewhere"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("s4audio: no onnxruntime-web at elsewhere: run npm install")
    assert message.count("\n") == 1


@pytest.mark.parametrize("model", ["nothing.onnx", "no-such-weights"])
def test_a_model_that_is_missing(
    model: str, runtime: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", model, "--runtime", str(runtime)]) == 2
    assert model in capsys.readouterr().err

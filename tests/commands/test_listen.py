"""`listen` on recordings: its events, options and mistakes."""

import io
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.cli import main
from s4audio.models import create_model
from s4audio.streaming.stream import Stream

pytestmark = pytest.mark.usefixtures("tones_or_model")

Waveforms = Callable[..., np.ndarray]


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def words(text: str) -> list[str]:
    return [event["word"] for event in events(text)]


def test_one_json_line_an_event(recording: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["listen", "tones", "--wav", str(recording)]) == 0
    captured = capsys.readouterr()
    high, low = events(captured.out)
    assert list(high) == ["word", "score", "start", "end", "latency"]
    assert (high["word"], low["word"]) == ("high", "low")
    for event, begin in ((high, 0.5), (low, 2.5)):
        assert 0.8 <= event["score"] <= 1
        assert event["start"] == pytest.approx(begin + 0.12, abs=0.021)
        assert event["end"] == pytest.approx(begin + 0.24, abs=0.021)
        assert 0 <= event["latency"] < 5
    assert re.fullmatch(r"4\.0 s of audio, 2 events, real-time factor \d+\.\d{3}\n", captured.err)


@pytest.mark.parametrize(("rate", "suffix"), [(8000, "wav"), (44_100, "flac"), (48_000, "ogg")])
def test_other_rates_formats_and_stereo(
    rate: int,
    suffix: str,
    high_then_low: Waveforms,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    path = tmp_path / f"tones.{suffix}"
    soundfile.write(path, np.stack([high_then_low(rate)] * 2, axis=1), rate)
    assert main(["listen", "tones", "--wav", str(path)]) == 0
    high, low = events(capsys.readouterr().out)
    assert high["start"] == pytest.approx(0.62, abs=0.03)
    assert low["end"] == pytest.approx(2.74, abs=0.03)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["high", "low"]),
        (["--threshold", "1.0"], []),
        (["--thresholds.high", "1"], ["low"]),
        (["--thresholds.high", "1", "--thresholds.low", "1"], []),
        (["--thresholds", '{"low": 1}'], ["high"]),
        (["--refractory", "2.5"], ["high"]),
        (["--smoothing", "0.7"], []),
        (["--smoothing", "0"], ["high", "low"]),
    ],
)
def test_options_of_the_detector(
    options: list[str], expected: list[str], recording: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["listen", "tones", "--wav", str(recording), *options]) == 0
    assert words(capsys.readouterr().out) == expected


def test_raw_samples_on_standard_input(
    high_then_low: Waveforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pipe = io.BytesIO((high_then_low() * 32767).astype("<i2").tobytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
    assert main(["listen", "tones", "--wav", "-"]) == 0
    assert words(capsys.readouterr().out) == ["high", "low"]


def test_closed_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdin", None)  # what `<&-` leaves
    assert main(["listen", "tones", "--wav", "-"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "nan"])
def test_damaged_file_gives_the_events_before_the_damage(
    damage: str, recording: Path, high_then_low: Waveforms, capsys: pytest.CaptureFixture
) -> None:
    if damage == "cut":
        recording.write_bytes(recording.read_bytes()[:70_000])
    else:
        samples = high_then_low()
        samples[35_000] = np.nan
        soundfile.write(recording, samples, 16_000, "FLOAT")
    assert main(["listen", "tones", "--wav", str(recording)]) == 2
    captured = capsys.readouterr()
    assert words(captured.out) == ["high"]
    (line,) = captured.err.splitlines()
    assert line.startswith(f"s4audio: {recording}: ")
    assert {"cut": "cut after 2.19 s", "nan": "NaN"}[damage] in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["nowhere.onnx", "--wav", "x"], "nowhere.onnx"),
        (["nowhere.ckpt", "--wav", "x"], "nowhere.ckpt"),
        (["tones", "--wav", "nowhere.wav"], "nowhere.wav"),
        (["tones", "--wav", "x", "--mic"], "choose file or microphone"),
        (["tones", "--realtime", "--mic", "0"], "choose file or microphone"),
        (["tones", "--realtime"], "--realtime is for files"),
        (["tones", "--threshold", "2"], "threshold"),
        (["tones", "--threshold", "high"], "threshold: Expected float, got high"),
        (["tones", "--thresholds.hgih", "0.5"], "did you mean 'high'"),
        (["tones", "--thresholds.high", "loud"], "loud"),
        (["tones", "--thresholds", "{yes: 0.5}"], "--thresholds.WORD"),
        (["tones", "--thresholds._silence_", "0.5"], "_silence_"),
        (["tones", "--smoothing", "-1"], "smoothing"),
        (["tones", "--smoothing", "1e12"], "not enough memory"),
        (["tones", "--refractory", "soon"], "soon"),
        (["tones", "--volume", "11"], "--volume"),
        ([], "model"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str], expected: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["listen", *options]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("s4audio: ")
    assert expected in line
    assert captured.out == ""


def save(kind: str, folder: Path, bidirectional: bool = False) -> str:
    torch.manual_seed(0)
    model = create_model(
        kind, classes=2, d_model=4, n_layers=1, length=800, bidirectional=bidirectional
    )
    model.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["s4", "s4d", "dss", "sgconv"])
def test_real_models(
    kind: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = save(kind, tmp_path / kind)
    command = ["listen", model, "--wav", str(recording)]
    assert main([*command, "--threshold", "0.01", "--smoothing", "0"]) == 0
    captured = capsys.readouterr()
    # Both scores stay above such a threshold, so each class rises once and never falls.
    assert sorted(words(captured.out)) == sorted(Stream(model).labels)
    assert events(captured.out)[0]["start"] == 0
    assert captured.err.startswith("4.0 s of audio")
    assert main([*command, "--threshold", "1"]) == 0
    assert capsys.readouterr().out == ""


def test_trained_model(
    trained: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    checkpoint = str(trained / "checkpoints" / "best.ckpt")
    assert main(["listen", checkpoint, "--wav", str(recording), "--threshold", "0.5"]) == 0
    # One of two classes always has half of the posterior.
    first, *_ = events(capsys.readouterr().out)
    assert first["word"] in ("high", "low")
    assert first["end"] < 0.5


def test_models_that_cannot_stream(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = save("s4d", tmp_path / "model", bidirectional=True)
    assert main(["listen", model, "--wav", str(recording)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "bidirectional" in line


def test_foreign_onnx_file(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "foreign", [value], [other])
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9),
        tmp_path / "foreign.onnx",
    )
    (tmp_path / "text.onnx").write_text("hello")
    for name in ("foreign.onnx", "text.onnx"):
        assert main(["listen", str(tmp_path / name), "--wav", str(recording)]) == 2
        captured = capsys.readouterr()
        (line,) = captured.err.splitlines()
        assert name in line
        assert captured.out == ""


def test_script_prints_the_words(
    recording: Path,
    tones_or_model: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    script = str(Path(__file__).resolve().parents[2] / "tools" / "stream_keywords.py")
    monkeypatch.setattr("s4audio.streaming.Stream", tones_or_model)
    monkeypatch.setattr("sys.argv", [script, "tones", str(recording)])
    runpy.run_path(script, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s: ")[1].split()[0] for line in lines] == ["high", "low"]
    monkeypatch.setattr("sys.argv", [script, "tones", "nowhere.wav"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(script, run_name="__main__")
    assert capsys.readouterr().err == "stream_keywords: nowhere.wav: no such audio file\n"


def test_help_names_every_option(capsys: pytest.CaptureFixture) -> None:
    assert main(["listen", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--wav", "--mic", "--threshold", "--thresholds", "--smoothing", "--realtime"):
        assert option in text
    assert "default: 0.8" in text


def test_help_says_that_the_model_comes_first(capsys: pytest.CaptureFixture) -> None:
    assert main(["listen", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("usage: s4audio listen MODEL [options]")
    assert "Write it after MODEL, or MODEL is taken for DEVICE" in text


def test_starts_without_the_training_framework() -> None:
    program = (
        "import sys, s4audio.commands.listen, s4audio.streaming.listener, s4audio.streaming.wav;"
        "import s4audio.streaming.microphone;"
        "assert not {'lightning', 'torchaudio', 'sounddevice', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

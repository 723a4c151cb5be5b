import io
import json
import os
import pty
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.cli import main
from s4audio.models import create_model
from s4audio.streaming.source import Block
from s4audio.streaming.stream import Stream
from s4audio.streaming.wav import AudioFile


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


def open_stream(model: str) -> ToneStream | Stream:
    return ToneStream() if model == "tones" else Stream(model)


@pytest.fixture(autouse=True)
def model_named_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s4audio.streaming.stream.Stream", open_stream)


def high_then_low(sample_rate: int = 16_000) -> np.ndarray:
    """4 s: a high tone from 0.5 s to 1 s, a low one from 2.5 s to 3 s."""
    time = np.arange(4 * sample_rate) / sample_rate
    high = np.sin(2 * np.pi * 3000 * time) * ((time >= 0.5) & (time < 1))
    low = np.sin(2 * np.pi * 300 * time) * ((time >= 2.5) & (time < 3))
    return (0.5 * (high + low)).astype(np.float32)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "tones.wav"
    soundfile.write(path, high_then_low(), 16_000)
    return path


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
    rate: int, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture
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
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pipe = io.BytesIO((high_then_low() * 32767).astype("<i2").tobytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
    assert main(["listen", "tones", "--wav", "-"]) == 0
    assert words(capsys.readouterr().out) == ["high", "low"]


def test_realtime_takes_as_long_as_the_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "tones.wav"
    soundfile.write(path, high_then_low()[:16_000], 16_000)
    begun = time.monotonic()
    assert main(["listen", "tones", "--wav", str(path), "--realtime"]) == 0
    assert time.monotonic() - begun >= 1.0
    (event,) = events(capsys.readouterr().out)
    assert 0 <= event["latency"] < 1


@pytest.mark.parametrize("damage", ["cut", "nan"])
def test_damaged_file_gives_the_events_before_the_damage(
    damage: str, recording: Path, capsys: pytest.CaptureFixture
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
        (["tones", "--threshold", "2"], "threshold"),
        (["tones", "--threshold", "high"], "threshold: Expected float, got high"),
        (["tones", "--thresholds.hgih", "0.5"], "did you mean 'high'"),
        (["tones", "--thresholds.high", "loud"], "loud"),
        (["tones", "--thresholds", "{yes: 0.5}"], "--thresholds.WORD"),
        (["tones", "--thresholds._silence_", "0.5"], "_silence_"),
        (["tones", "--smoothing", "-1"], "smoothing"),
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


def at_block(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], object]) -> None:
    """Do something while a file is read, before this block."""
    original = AudioFile.__iter__

    def blocks(self: AudioFile) -> object:
        for index, block in enumerate(original(self)):
            if index == number:
                action()
            yield block

    monkeypatch.setattr(AudioFile, "__iter__", blocks)


def test_interrupt_keeps_the_events_and_the_summary(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    at_block(monkeypatch, 30, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert main(["listen", "tones", "--wav", str(recording)]) == 130
    captured = capsys.readouterr()
    assert words(captured.out) == ["high"]
    assert captured.err.startswith("1.5 s of audio, 1 event,")


def test_reader_that_goes_away(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    reading, writing = os.pipe()
    pipe = os.fdopen(writing, "w")
    monkeypatch.setattr("sys.stdout", pipe)
    at_block(monkeypatch, 30, lambda: os.close(reading))
    assert main(["listen", "tones", "--wav", str(recording)]) == 0
    pipe.close()
    assert capsys.readouterr().err == ""


def test_events_come_at_once(
    recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    seen: list[str] = []
    with path.open("w") as file:
        monkeypatch.setattr("sys.stdout", file)
        at_block(monkeypatch, 30, lambda: seen.extend(words(path.read_text())))
        assert main(["listen", "tones", "--wav", str(recording)]) == 0
    assert seen == ["high"]
    assert words(path.read_text()) == ["high", "low"]


class Terminal:
    """A pseudo-terminal whose text is collected."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.file = os.fdopen(slave, "w")
        self._data = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._data += os.read(self._master, 10_000)
            except OSError:
                return

    def close(self) -> str:
        self.file.close()
        self._reader.join(10)
        os.close(self._master)
        return self._data.decode()


@pytest.mark.parametrize("both", [True, False])
def test_meters_on_a_terminal(
    both: bool,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr("s4audio.commands.live._REFRESH_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal.file)
    if both:
        monkeypatch.setattr("sys.stdout", terminal.file)
    assert main(["listen", "tones", "--wav", str(recording)]) == 0
    text = terminal.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert "dBFS" in plain
    assert "-6 dBFS" in plain
    assert "-60 dBFS" in plain
    assert "real-time factor" in plain
    lines = [line for line in re.split(r"[\r\n]+", plain) if line.startswith("{")]
    if both:
        assert words("\n".join(lines)) == ["high", "low"]
    else:
        assert not lines
        assert words(capsys.readouterr().out) == ["high", "low"]
    assert plain.rstrip().endswith(re.findall(r"4\.0 s of audio, 2 events.*", plain)[-1].strip())


def test_slow_model_is_seen_in_the_latency(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    original = AudioFile.__iter__

    def late(self: AudioFile) -> object:
        for block in original(self):
            yield Block(block.samples, block.arrived - 7.0)

    monkeypatch.setattr(AudioFile, "__iter__", late)
    assert main(["listen", "tones", "--wav", str(recording)]) == 0
    for event in events(capsys.readouterr().out):
        assert 7 <= event["latency"] < 9


def test_script_prints_the_words(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    script = str(Path(__file__).resolve().parents[2] / "tools" / "stream_keywords.py")
    monkeypatch.setattr("s4audio.streaming.Stream", open_stream)
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


def test_starts_without_the_training_framework() -> None:
    program = (
        "import sys, s4audio.commands.listen, s4audio.streaming.listener, s4audio.streaming.wav;"
        "import s4audio.streaming.microphone;"
        "assert not {'lightning', 'torchaudio', 'sounddevice', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

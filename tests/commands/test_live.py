"""`listen` while it runs: clocks, signals, pipes, and the meters on a terminal."""

import io
import json
import os
import pty
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from s4audio.cli import main
from s4audio.commands.live import meters
from s4audio.streaming.source import Block
from s4audio.streaming.wav import AudioFile

pytestmark = pytest.mark.usefixtures("tones_or_model")


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def words(text: str) -> list[str]:
    return [event["word"] for event in events(text)]


def test_realtime_takes_as_long_as_the_recording(
    high_then_low: Callable[[], np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "tones.wav"
    soundfile.write(path, high_then_low()[:16_000], 16_000)
    begun = time.monotonic()
    assert main(["listen", "tones", "--wav", str(path), "--realtime"]) == 0
    assert time.monotonic() - begun >= 1.0
    (event,) = events(capsys.readouterr().out)
    assert 0 <= event["latency"] < 1


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
    latencies = [event["latency"] for event in events(capsys.readouterr().out)]
    assert len(latencies) == 2
    assert all(7 <= latency < 9 for latency in latencies)


def test_names_of_classes_are_shown_as_they_are() -> None:
    names = ("[bold]", "[/bold]", ":smile:", "[link=x]")
    console = Console(file=io.StringIO(), width=100)
    console.print(meters(names, 0.5, np.array([0.4, 0.3, 0.2, 0.1]), "listening"))
    shown = console.file.getvalue()
    assert [line.split()[0] for line in shown.splitlines()[1:5]] == list(names)

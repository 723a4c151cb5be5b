"""Recording without a sound card: PulseAudio plays a file to a null sink and records its monitor.

.ci/pulseaudio.sh prepares a machine for it; elsewhere these tests are skipped.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.cli import main
from s4audio.errors import UserError
from s4audio.streaming.microphone import Microphone
from s4audio.streaming.source import Block

PULSE = "pulse"
"""PortAudio's name of PulseAudio's ALSA device."""


def pactl(*words: str) -> str:
    return subprocess.run(
        ["pactl", *words], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def pulseaudio_runs() -> bool:
    if not (shutil.which("pactl") and shutil.which("paplay")):
        return False
    try:
        pactl("info")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True


@pytest.fixture
def null_sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a sink of the test's own, whose monitor PulseAudio gives to `Microphone`."""
    sounddevice = pytest.importorskip("sounddevice", exc_type=(ImportError, OSError))
    if not pulseaudio_runs():
        pytest.skip("no PulseAudio server (see .ci/pulseaudio.sh)")
    if PULSE not in {device["name"] for device in sounddevice.query_devices()}:
        pytest.skip("ALSA knows no PulseAudio (Debian: libasound2-plugins)")
    sink = f"s4audio_{os.getpid()}_{time.monotonic_ns()}"
    module = pactl("load-module", "module-null-sink", f"sink_name={sink}", "rate=48000")
    with monkeypatch.context() as patch:
        patch.setenv("PULSE_SOURCE", f"{sink}.monitor")
        yield sink
    pactl("unload-module", module)


@pytest.fixture
def tone_file(tmp_path: Path) -> Path:
    """Half a second of 1 kHz."""
    path = tmp_path / "tone.wav"
    time = np.arange(24_000) / 48_000
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 1000 * time), 48_000)
    return path


def play(path: Path, sink: str) -> None:
    subprocess.run(["paplay", f"--device={sink}", str(path)], check=True, timeout=30)


def test_records_what_is_played(null_sink: str, tone_file: Path) -> None:
    samples: list[np.ndarray] = []
    with Microphone(PULSE) as microphone:
        # PulseAudio begins to record up to 2 s after it says so; a first block is the proof.
        next(iter(microphone))
        player = threading.Thread(target=play, args=(tone_file, null_sink))
        player.start()
        for block in microphone:
            assert block.samples.dtype == np.float32
            assert block.samples.ndim == 1
            assert 0 <= time.monotonic() - block.arrived < 5
            samples.append(block.samples)
            if not player.is_alive() and not block.samples.any():
                break
    player.join()
    assert microphone.name == PULSE
    recording = np.concatenate(samples)
    loud = np.flatnonzero(np.abs(recording) > 0.25)
    seconds = (loud[-1] - loud[0]) / microphone.sample_rate
    # A loaded machine may tear holes into the playing, never shorten it.
    assert 0.45 < seconds < 2
    middle = recording[loud[0] : loud[0] + microphone.sample_rate // 10]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * 10 == pytest.approx(1000, abs=20)
    assert np.abs(recording).max() == pytest.approx(0.5, abs=0.05)


def test_devices_by_number(null_sink: str) -> None:
    import sounddevice

    number = next(d["index"] for d in sounddevice.query_devices() if d["name"] == PULSE)
    with Microphone(number) as microphone:
        assert microphone.name == PULSE
        assert len(next(iter(microphone)).samples) > 0


@pytest.mark.parametrize("device", ["no such thing", 9999])
def test_unknown_device_lists_the_others(null_sink: str, device: str | int) -> None:
    with pytest.raises(UserError, match=r"choose one of: .*pulse") as error:
        Microphone(device)
    assert repr(device) in str(error.value)
    assert "\n" not in str(error.value)


def test_slow_reader_is_told_what_was_lost(null_sink: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s4audio.streaming.microphone._QUEUE_SECONDS", 0.1)
    with Microphone(PULSE) as microphone:
        deadline = time.monotonic() + 20
        while microphone.lost_blocks < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert microphone.lost_blocks >= 3
        assert len(next(iter(microphone)).samples) > 0


def test_device_that_stops(null_sink: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Microphone(PULSE) as microphone:
        next(iter(microphone))
        time.sleep(0.5)
    monkeypatch.setattr("s4audio.streaming.microphone._PATIENCE_SECONDS", 0.2)
    # What was recorded before is still handed out.
    blocks: list[Block] = []
    with pytest.raises(UserError, match=r"pulse stopped: no audio came for 0\.2 s"):
        blocks.extend(microphone)
    assert blocks


def test_no_server(null_sink: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PULSE_SERVER", "unix:/nowhere")
        with pytest.raises(UserError) as error:
            Microphone(PULSE)
    assert "cannot record from pulse" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"pip install 's4audio\[microphone\]'"):
        Microphone()


class LoudnessStream:
    """In place of a trained `Stream`: the word is `noise`, wherever it is not silent."""

    labels = ("_silence_", "noise")
    sample_rate = 16_000
    chunk = 160

    def __init__(self, model: object) -> None:
        self.reset()

    def reset(self) -> None:
        self.rest = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        samples = np.concatenate([self.rest, samples])
        rows = len(samples) // self.chunk
        self.rest = samples[rows * self.chunk :]
        peaks = np.abs(samples[: rows * self.chunk]).reshape(rows, self.chunk).max(axis=1)
        return np.stack([np.zeros(rows), 40 * (peaks - 0.1)], axis=1).astype(np.float32)


@pytest.mark.parametrize("device", [["--mic", PULSE], ["--mic"], []])
def test_listen_until_interrupted(
    device: list[str],
    null_sink: str,
    tone_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr("s4audio.streaming.stream.Stream", LoudnessStream)
    opened = threading.Event()
    original = Microphone.__init__

    def announce(self: Microphone, device: int | str | None = None) -> None:
        original(self, device)
        opened.set()

    monkeypatch.setattr(Microphone, "__init__", announce)

    def play_then_interrupt() -> None:
        if not opened.wait(20):
            return
        play(tone_file, null_sink)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    player = threading.Thread(target=play_then_interrupt)
    player.start()
    code = main(["listen", "model.onnx", *device])
    player.join()
    captured = capsys.readouterr()
    assert code == 130, captured.err
    events = [json.loads(line) for line in captured.out.splitlines()]
    assert [event["word"] for event in events] == ["noise"]
    assert 0 < events[0]["start"] < events[0]["end"]
    assert 0 <= events[0]["latency"] < 5
    opening, summary = captured.err.splitlines()
    assert opening.startswith("listening to ")
    assert "1 event, real-time factor" in summary

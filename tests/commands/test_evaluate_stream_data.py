"""What long recordings are assembled from."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.commands import stream_data
from s4audio.commands.stream_data import assembled, keywords_alone, open_clips, other_words
from s4audio.data import AudioFolder, SpeechCommands

RATE = 16_000


def test_bad_files_stay_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpeechCommands, "prepare_data", lambda self: None)
    monkeypatch.setattr(SpeechCommands, "split", lambda self, name: self.skip_bad_files)
    for skip in (True, False):
        data = SpeechCommands("nowhere", words=12, skip_bad_files=skip)
        alone = keywords_alone(data, data.labels[:10])
        assert (alone.labels, alone.skip_bad_files) == (data.labels[:10], skip)
        assert other_words(alone) is skip


def test_only_keywords_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The few clips of `_unknown_` and the pieces of noise are no words to hear."""
    data = SpeechCommands("nowhere", words=12)
    prepared: list[list[str]] = []
    monkeypatch.setattr(stream_data, "chosen_data", lambda *arguments: data)
    monkeypatch.setattr(SpeechCommands, "prepare_data", lambda self: prepared.append(self.labels))
    opened = open_clips(Path("a.ckpt"), None, data.labels, RATE)
    assert opened.labels == data.labels[:10]
    assert prepared == [data.labels[:10]]


def test_the_noise_of_the_data_is_heard(tmp_path: Path) -> None:
    """A hum of 1 kHz between the words, and no noise of random colours."""
    time = np.arange(12 * RATE) / RATE
    for name, hertz, seconds in (("yes/a", 300, 1), ("_background_noise_/hum", 1000, 12)):
        (tmp_path / name).parent.mkdir()
        tone = 0.3 * np.sin(2 * np.pi * hertz * time[: seconds * RATE])
        soundfile.write(tmp_path / f"{name}.wav", tone, RATE)
    data = AudioFolder(tmp_path, validation=0.0, testing=1.0)
    recording = assembled(data, [], ["yes", "_silence_"], (0.005, 0.0), [0.0], 0)
    first = int(recording.words[0].start * RATE) - RATE // 10
    (audio,) = np.concatenate(list(recording.blocks()), axis=1)[:, :first]
    powers = np.square(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    assert powers[np.abs(hertz - 1000) < 20].sum() > 0.99 * powers.sum()

"""Streams over recordings: the scores are those of the detector."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.data.annotations import Spoken
from s4audio.errors import UserError
from s4audio.evaluation.timeline import Scores, hear_files
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.streaming.detector import Detector
from s4audio.streaming.stream import Stream

CONFIG = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, length=1600)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = SequenceClassifier(CONFIG, ["yes", "_noise_", "no"])
    with torch.no_grad():
        model.decoder.weight.mul_(20)
    return model.eval()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32)


def test_scores_are_those_of_the_detector(model):
    audio = noise(2, 8000)
    stream = Stream(model, batch=2)
    scores = Scores(stream, smoothing=0.05)
    for block in np.split(audio, [100, 1700, 1701, 5000], axis=1):
        scores.push(block)
    timelines = scores.timelines(["a", "b"], [])
    assert scores.words == ("yes", "no")
    for row, timeline in enumerate(timelines):
        single = Stream(model)
        detector = Detector(single.labels, timeline.row_seconds, smoothing=0.05)
        for number in range(50):
            detector.push(single.push(audio[row, 160 * number : 160 * (number + 1)]))
            expected = detector.scores[[0, 2]]
            np.testing.assert_allclose(timeline.scores[number], expected, atol=1e-5)
        assert np.ptp(timeline.scores) > 0.01


def test_files_of_another_rate(model, tmp_path: Path):
    for name, rate in (("a.wav", 8000), ("b.wav", 16_000)):
        soundfile.write(tmp_path / name, noise(rate), rate)
    recordings = {tmp_path / "a.wav": [Spoken("yes", 0.2, 0.5)], tmp_path / "b.wav": []}
    timelines = hear_files(Stream(model), recordings, 0.3, progress=False)
    assert [timeline.name for timeline in timelines] == ["a.wav", "b.wav"]
    for timeline in timelines:
        assert len(timeline.scores) == pytest.approx(100, abs=1)
    recordings[tmp_path / "a.wav"].append(Spoken("no", 0.9, 1.5))
    with pytest.raises(UserError, match=r"lasts 1\.00 s.*1\.5 s"):
        hear_files(Stream(model), recordings, 0.3, progress=False)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (Spoken("no", 0.9, 1.5), r"b\.wav: lasts 1\.00 s, but a word is listed until 1\.5 s"),
        (None, r"b\.wav: not readable as audio"),
        ("short", r"b\.wav: lasts 0\.0063 s"),
    ],
)
def test_mistakes_are_found_before_listening(
    model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last, message: str
):
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)
    if last is None:
        (tmp_path / "b.wav").write_text("no audio")
    else:
        soundfile.write(tmp_path / "b.wav", noise(100 if last == "short" else 16_000), 16_000)
    stream = Stream(model)
    heard: list[np.ndarray] = []
    monkeypatch.setattr(stream, "push", heard.append)
    recordings = {
        tmp_path / "a.wav": [Spoken("yes", 0.2, 0.5)],
        tmp_path / "b.wav": [last] if isinstance(last, Spoken) else [],
    }
    with pytest.raises(UserError, match=message):
        hear_files(stream, recordings, 0.3, progress=False)
    assert heard == []


def test_a_file_shorter_than_a_row_is_refused(model, tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", noise(100), 16_000)
    with pytest.raises(UserError, match=r"a\.wav: lasts 0\.0063 s.*0\.01 s"):
        hear_files(Stream(model), {tmp_path / "a.wav": []}, 0.3, progress=False)


def test_mistakes(model):
    with pytest.raises(UserError, match="smoothing"):
        Scores(Stream(model), -1)
    silent = SequenceClassifier(CONFIG, ["_a_", "_b_"]).eval()
    with pytest.raises(UserError, match="_a_, _b_"):
        Scores(Stream(silent), 0.3)

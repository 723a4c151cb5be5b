"""The weights that come with the package: size, card, and that they work."""

from pathlib import Path

import numpy as np
import pytest
import torch

import s4audio
from s4audio.data import SpeechCommands, SyntheticSpeech
from s4audio.models.pretrained import SHIPPED
from s4audio.streaming import Stream

NAMES = s4audio.list_pretrained()
LARGEST_BYTES = 2_000_000
CARD_HEADINGS = ("## Data", "## Licence", "## Training", "## Accuracy", "## Limits")


def test_there_are_three() -> None:
    assert NAMES == ["common-words", "ten-words", "twelve-classes"]


@pytest.mark.parametrize("name", NAMES)
def test_size_and_card(name: str) -> None:
    folder = SHIPPED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < LARGEST_BYTES
    card = (folder / "README.md").read_text()
    assert [heading for heading in CARD_HEADINGS if heading not in card] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_gives_what_the_clip_gives(name: str) -> None:
    model = s4audio.load(name)
    waveform = 0.1 * np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    stream = Stream(name)
    with torch.no_grad():
        logits = model(torch.from_numpy(waveform)[None, :, None])[0]
    assert stream.labels == model.labels
    np.testing.assert_allclose(stream.push(waveform)[-1], logits, atol=1e-4 * logits.abs().max())


@pytest.mark.parametrize(
    ("name", "words", "floor"), [("ten-words", 10, 0.95), ("twelve-classes", 12, 0.85)]
)
def test_validation_accuracy(name: str, words: int, floor: float, real_data: Path) -> None:
    data = SpeechCommands(real_data, words=words)  # type: ignore[arg-type]
    data.prepare_data()
    clips = data.split("validation")
    assert clips.labels == list(s4audio.load(name).labels)
    waveforms, _ = clips.stack(range(len(clips)))
    with torch.no_grad():
        answers = s4audio.load(name)(waveforms.unsqueeze(-1)).argmax(1).numpy()
    assert (answers == clips.targets).mean() > floor


def test_common_words_knows_voices_it_never_heard(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'synthetic' is not installed")
    model = s4audio.load("common-words")
    words = ["yes", "morning", "yellow", "kitchen", "window"]
    data = SyntheticSpeech(tmp_path, words, clips_per_word=40)
    data.prepare_data()
    clips = data.split("testing")
    waveforms, _ = clips.stack(range(len(clips)))
    with torch.no_grad():
        answers = model(waveforms.unsqueeze(-1)).argmax(1)
    right = [model.labels[row] == words[t] for row, t in zip(answers, clips.targets, strict=True)]
    assert np.mean(right) > 0.9

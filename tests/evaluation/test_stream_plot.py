"""The picture of a training stream."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s4audio.data import StreamBatch
from s4audio.data.streams import IGNORED, NO_KEYWORD
from s4audio.evaluation.stream_plot import draw_stream, plot_stream
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.streaming.classifier import StreamingClassifier

LABELS = ["yes", "_unknown_", "_silence_"]


def test_the_files(tmp_path: Path):
    targets = np.array([2, 2, IGNORED, 0, 0, IGNORED, 2, NO_KEYWORD, 1, 2])
    scores = np.full((10, 3), 1 / 3, np.float32)
    paths = draw_stream(np.zeros(1600, np.float32), targets, scores, LABELS, 1600, tmp_path / "a")
    assert [path.name for path in paths] == ["a.png", "a.svg"]
    with Image.open(paths[0]) as picture:
        assert picture.width > 1000


def test_scores_are_those_of_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Context and segments follow each other; the context is heard and not shown."""
    audio = 0.1 * torch.randn(1600 * 4)
    batch = StreamBatch(
        torch.stack([audio[:3200], audio[1600:4800], audio[3200:]]).unsqueeze(-1),
        torch.full((3, 10), 2),
        160,
    )

    class Data:
        labels, hop, window, sample_rate = LABELS, 160, 0.1, 16_000

        def val_dataloader(self):
            return self

        dataset = property(lambda self: self)

        def __getitems__(self, rows):
            assert list(rows) == [4, 5, 6]
            return batch

    drawn = {}
    monkeypatch.setattr(
        "s4audio.evaluation.stream_plot.draw_stream",
        lambda heard, targets, scores, *rest: drawn.update(heard=heard, scores=scores) or [],
    )
    torch.manual_seed(0)
    network = SequenceClassifier(ClassifierConfig(kind="s4d", d_model=4, n_layers=1), LABELS)
    plot_stream(network, Data(), tmp_path / "a", first=4, segments=3)
    assert np.array_equal(drawn["heard"], audio[1600:].numpy())
    stream = StreamingClassifier(network, chunk=160, window=0.1)
    logits, _ = stream(audio[None], stream.initial_state())
    np.testing.assert_allclose(drawn["scores"], logits[0, 10:].softmax(-1), atol=1e-6)

"""Training on streams: the logits are those of the stream, the loss is what it says."""

import pytest
import torch
from torch.nn import functional

from s4audio.data.streams import IGNORED, NO_KEYWORD
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.streaming.classifier import StreamingClassifier
from s4audio.tasks import LongFormTask
from s4audio.tasks.long_form import frame_logits, sliding_mean, word_scores

LABELS = ["yes", "no", "_unknown_", "_silence_"]
TINY = {"d_model": 8, "n_layers": 2, "d_state": 4, "length": 1600, "stem_stride": 16}


def network(labels: list[str] = LABELS, **options) -> SequenceClassifier:
    torch.manual_seed(0)
    return SequenceClassifier(ClassifierConfig(**{"kind": "s4d", **TINY, **options}), labels)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "s4"},
        {"kind": "s4d", "normalization": "level"},
        {"kind": "s4d", "length": 1000},
        {"kind": "dss", "version": "exp"},
        {"kind": "sgconv", "kernel_dim": 16},
        {"kind": "s4d", "stem_stride": 1, "norm": "layer"},
    ],
    ids=str,
)
@torch.no_grad()
def test_against_the_stream(options):
    model = network(**options).eval()
    # Statistics other than 0 and 1, as of a trained network.
    for norm in (m for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    audio = 0.3 * torch.randn(2, 4800)
    stream = StreamingClassifier(model, chunk=160)
    expected, _ = stream(audio, stream.initial_state(2))
    ours = frame_logits(model, audio.unsqueeze(-1), 160)
    assert ours.shape == (2, 30, 4)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=2e-4)


def test_sliding_mean_against_naive():
    x = torch.randn(2, 7, 3)
    for window in (1, 3, 9):
        naive = [x[:, max(0, i + 1 - window) : i + 1].mean(1) for i in range(7)]
        torch.testing.assert_close(sliding_mean(x, window), torch.stack(naive, 1))


def task(**options) -> LongFormTask:
    torch.manual_seed(0)
    return LongFormTask(ClassifierConfig(kind="s4d", **TINY), LABELS, **options)


def test_the_loss_against_naive():
    logits = torch.randn(2, 6, 4)
    targets = torch.tensor([[0, 3, 2, IGNORED, NO_KEYWORD, 3], [1, 1, 3, NO_KEYWORD, 3, IGNORED]])
    total = weights = 0.0
    for row in range(2):
        for frame in range(6):
            target, shares = int(targets[row, frame]), logits[row, frame].softmax(0)
            if target == IGNORED:
                continue
            weight = 0.25 if target in (2, 3, NO_KEYWORD) else 1.0
            right = shares[2] + shares[3] if target == NO_KEYWORD else shares[target]
            total, weights = total - weight * right.log(), weights + weight
    loss = task(background_weight=0.25).frame_loss(logits, targets)
    torch.testing.assert_close(loss, total / weights)
    assert task().frame_loss(logits, torch.full((2, 6), IGNORED)) == 0
    smoothed = task(background_weight=1.0).frame_loss(logits[:1, :3], targets[:1, :3], 0.2)
    reference = functional.cross_entropy(logits[0, :3], targets[0, :3], label_smoothing=0.2)
    torch.testing.assert_close(smoothed, reference)


def test_a_word_is_decided_once():
    targets = torch.tensor([[3, 0, 0, IGNORED, 0, 3], [0, 0, NO_KEYWORD, 2, 2, 2]])
    logits = torch.full((2, 6, 4), -4.0)
    logits[0, 1, 0], logits[0, 2, 1] = 2.0, 1.0  # the surer frame decides
    logits[0, 4, 1] = 4.0
    logits[1, :2, 0], logits[1, 3:, 3] = 4.0, 4.0
    scores, words = word_scores(logits, targets, silence=3)
    assert words.tolist() == [0, 0, 0, 2]
    assert scores.argmax(1).tolist() == [0, 1, 0, 3]


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({"bidirectional": True}, LABELS, "cannot stream"),
        ({"normalization": "clip"}, LABELS, "cannot stream"),
        ({"pooling": "last"}, LABELS, "pooling=last"),
        ({"kind": "dss"}, LABELS, "set version to exp"),
        ({}, LABELS[:3], "lack _silence_"),
    ],
)
def test_networks_that_cannot_be_trained(options, labels, message):
    with pytest.raises(UserError, match=message):
        LongFormTask(ClassifierConfig(**{"kind": "s4d", **TINY, **options}), labels)


def test_a_weight_out_of_range():
    with pytest.raises(ValueError, match="background_weight is 0"):
        task(background_weight=0)

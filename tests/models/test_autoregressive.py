"""The autoregressive model: it is one, and it says so when it cannot be."""

import json
from dataclasses import replace

import pytest
import torch

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.models.autoregressive import (
    AutoregressiveConfig,
    AutoregressiveModel,
    FeedForward,
    load_autoregressive,
)
from s4audio.models.block import Block

SMALL = ClassifierConfig(kind="s4d", d_model=8, n_layers=4, d_state=4, length=50, norm="layer")
KINDS = ("s4", "s4d", "dss", "sgconv")


def small(kind: str, **options: object) -> AutoregressiveModel:
    torch.manual_seed(0)
    backbone = replace(SMALL, kind=kind, version="exp" if kind == "dss" else None)
    config = AutoregressiveConfig(backbone, **options)
    return AutoregressiveModel(config, [str(i) for i in range(12)]).eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cutoffs", [(), (5,)])
def test_no_token_sees_the_future(kind: str, cutoffs: tuple[int, ...]) -> None:
    model = small(kind, feed_forward=16, cutoffs=cutoffs)
    tokens = torch.randint(12, (2, 40))
    changed = tokens.clone()
    changed[:, 20] = (tokens[:, 20] + 1) % 12
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert before.shape == (2, 40, 12)
    assert torch.equal(before[:, :20], after[:, :20])
    assert (before[:, 20:] - after[:, 20:]).abs().amax((0, 2)).min() > 0


@pytest.mark.parametrize("cutoffs", [(), (5,)])
def test_likelihood_of_the_scored_tokens_only(cutoffs: tuple[int, ...]) -> None:
    model = small("s4d", cutoffs=cutoffs)
    tokens = torch.randint(12, (2, 30))
    targets = torch.randint(12, (2, 30))
    targets[0, :10] = -1
    targets[1, 25:] = -1
    nats = model.negative_log_likelihood(tokens, targets)
    expected = [
        -model(tokens)[row, time, target]
        for row, line in enumerate(targets.tolist())
        for time, target in enumerate(line)
        if target >= 0
    ]
    torch.testing.assert_close(nats, torch.stack(expected))


@pytest.mark.parametrize(("every", "expected"), [(1, "BFBFBFBF"), (2, "BBFBBF"), (3, "BBBFB")])
def test_order_of_the_layers(every: int, expected: str) -> None:
    model = small("s4d", feed_forward=16, feed_forward_every=every)
    letters = {Block: "B", FeedForward: "F"}
    assert "".join(letters[type(layer)] for layer in model.backbone.blocks) == expected


def test_a_feed_forward_layer_against_plain_algebra() -> None:
    torch.manual_seed(0)
    layer = FeedForward(4, 6, "layer", prenorm=True, dropout=0.0, tie_dropout=True)
    x = torch.randn(2, 4, 5)
    u = torch.nn.functional.layer_norm(x.transpose(1, 2), (4,))
    inner = torch.nn.functional.gelu(u @ layer.inner.weight.T + layer.inner.bias)
    expected = x.transpose(1, 2) + inner @ layer.outer.weight.T + layer.outer.bias
    torch.testing.assert_close(layer(x), expected.transpose(1, 2))


def test_config_as_json() -> None:
    config = AutoregressiveConfig(SMALL, feed_forward=16, feed_forward_every=2, cutoffs=(5, 7))
    assert AutoregressiveConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "must not see the future"),
        ({"stem_stride": 4}, "stem_stride=4 does not belong to the backbone of an autoregressive"),
        ({"stem_kernel": 4}, "stem_kernel=4 does not belong"),
        ({"vocabulary": 5}, "vocabulary=5 does not belong"),
        ({"normalization": "clip"}, "normalization='clip' does not belong"),
        ({"kind": "dss"}, "set backbone.version exp"),
        ({"kind": "dss", "version": "softmax"}, "set backbone.version exp"),
    ],
)
def test_backbones_that_do_not_fit(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        AutoregressiveConfig(replace(SMALL, **options))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([[0, 9]]), "expected tokens from 0 to 2, got 9"),
        (torch.tensor([[0, -1]]), "expected tokens from 0 to 2, got -1"),
        (torch.zeros(0, 3, dtype=torch.int64), "at least one row"),
    ],
)
def test_tokens_that_there_are_not(tokens: torch.Tensor, message: str) -> None:
    model = AutoregressiveModel(AutoregressiveConfig(SMALL), ["a", "b", "c"])
    with pytest.raises(ValueError, match=message):
        model(tokens)


def test_other_mistakes() -> None:
    with pytest.raises(UserError, match="feed_forward=-1 must be 0 or more"):
        AutoregressiveConfig(SMALL, feed_forward=-1)
    with pytest.raises(ValueError, match=r"tokens \(batch, time\) with at least one step"):
        small("s4d")(torch.zeros(2, 0, dtype=torch.int64))


def test_checkpoints(tmp_path) -> None:
    model = small("s4", feed_forward=16)
    state = {f"network.{name}": x for name, x in model.state_dict().items()}
    entry = {"config": model.config.to_dict(), "labels": list(model.labels)}
    torch.save({"state_dict": state, "s4audio": entry}, tmp_path / "model.ckpt")
    loaded, description = load_autoregressive(tmp_path / "model.ckpt")
    tokens = torch.randint(12, (1, 20))
    assert not loaded.training
    assert torch.equal(loaded(tokens), model(tokens))
    assert description["labels"] == list(model.labels)
    torch.save({"state_dict": {}, "s4audio": {"config": {}}}, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="holds a ClassificationTask, which predicts no next token"):
        load_autoregressive(tmp_path / "other.ckpt")

"""The classifier of pairs."""

import pytest
import torch

from s4audio.models import ClassifierConfig
from s4audio.models.pairs import PairClassifier


def model(**options: object) -> PairClassifier:
    torch.manual_seed(0)
    config = ClassifierConfig(
        **{"kind": "s4d", "d_model": 8, "n_layers": 1, "d_state": 4, "vocabulary": 9} | options
    )
    return PairClassifier(config, ["no", "yes"]).eval()


def test_each_pair_is_judged_by_itself() -> None:
    pairs = model()
    tokens = torch.randint(1, 9, (6, 20, 1))
    logits = pairs(tokens)
    assert logits.shape == (3, 2)
    for row in range(3):
        alone = pairs(tokens[2 * row : 2 * row + 2])[0]
        torch.testing.assert_close(alone, logits[row])


def test_the_head_sees_both_vectors_their_product_and_their_difference() -> None:
    pairs = model()
    tokens = torch.randint(1, 9, (2, 20, 1))
    frames = pairs.encoder(tokens, None, 1.0)
    a, b = pairs.backbone(frames.x).mean(-1)
    torch.testing.assert_close(pairs(tokens)[0], pairs.head(torch.cat([a, b, a * b, a - b])))


def test_padding_changes_nothing() -> None:
    pairs = model(bidirectional=True)
    tokens = torch.randint(1, 9, (2, 20, 1))
    tokens[1, 13:] = 0
    longer = torch.cat([tokens, torch.zeros(2, 7, 1, dtype=torch.int64)], dim=1)
    lengths = torch.tensor([20, 13])
    torch.testing.assert_close(pairs(longer, lengths), pairs(tokens, lengths))


def test_the_order_of_the_pair_matters() -> None:
    pairs = model()
    tokens = torch.randint(1, 9, (2, 20, 1))
    assert not torch.allclose(pairs(tokens), pairs(tokens.flip(0)))


@pytest.mark.parametrize("labels", [[], ["a", "a"]])
def test_labels_that_are_none(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="labels must be"):
        PairClassifier(ClassifierConfig(kind="s4d", vocabulary=3), labels)


def test_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="normalization='clip' is for waveforms"):
        model(vocabulary=None, normalization="clip")


@pytest.mark.parametrize(
    ("tokens", "lengths", "message"),
    [
        (torch.zeros(3, 10, 1).long(), None, "two rows for each pair, got 3 rows"),
        (torch.full((2, 10), 9), None, "expected tokens from 0 to 8, got 9"),
        (torch.zeros(2, 0, 1).long(), None, "at least one row and one step"),
        (torch.zeros(2, 10).long(), torch.tensor([0, 9]), "lengths from 1 to the 10 steps"),
        (torch.zeros(2, 10).long(), torch.tensor([3]), r"expected lengths \(2,\) of integers"),
    ],
)
def test_inputs_that_do_not_fit(
    tokens: torch.Tensor, lengths: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model()(tokens, lengths)


def test_features_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"expected input \(batch, time, 1\)"):
        model(vocabulary=None)(torch.zeros(2, 10, 3))

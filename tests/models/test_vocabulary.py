"""Embedding and softmax: the adaptive form is one distribution, and both ends share weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio.errors import UserError
from s4audio.models.vocabulary import AdaptiveVocabulary, SoftmaxVocabulary, make_vocabulary


@pytest.mark.parametrize("cutoffs", [(), (5,), (5, 12)])
def test_the_likelihood_is_that_of_the_distribution(cutoffs: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    vocabulary = make_vocabulary(20, 16, cutoffs)
    y, targets = torch.randn(50, 16), torch.randint(20, (50,))
    log_p = vocabulary.log_probabilities(y)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(50))
    expected = -log_p.gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(vocabulary.negative_log_likelihood(y, targets), expected)
    batched = vocabulary.log_probabilities(y.view(5, 10, 16))
    torch.testing.assert_close(batched, log_p.view(5, 10, 20))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 19), min_size=1, max_size=12))
def test_adaptive_input_against_a_plain_loop(tokens: list[int]) -> None:
    torch.manual_seed(0)
    vocabulary = AdaptiveVocabulary(20, 16, (5, 12))
    rows = []
    for token in tokens:
        if token < 5:
            vector = vocabulary.softmax.head.weight[token]
        else:
            cluster, first = (0, 5) if token < 12 else (1, 12)
            to_short, to_tokens = vocabulary.softmax.tail[cluster]
            vector = to_tokens.weight[token - first] @ to_short.weight
        rows.append(4 * vector)
    found = vocabulary.embed(torch.tensor(tokens))
    torch.testing.assert_close(found, torch.stack(rows))
    torch.testing.assert_close(vocabulary.embed(torch.tensor([tokens])), found[None])


def test_input_and_output_share_every_weight() -> None:
    vocabulary = AdaptiveVocabulary(20, 16, (5, 12))
    vocabulary.embed(torch.arange(20)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in vocabulary.parameters())
    # 5 frequent words and 2 clusters of 16, and clusters of 4 and of 1 with their maps.
    count = (5 + 2) * 16 + (16 * 4 + 4 * 7) + (16 * 1 + 1 * 8)
    assert sum(p.numel() for p in vocabulary.parameters()) == count


def test_gradients_of_words_that_do_not_occur_are_zero() -> None:
    vocabulary = SoftmaxVocabulary(4, 3)
    vocabulary.embed(torch.tensor([1, 1])).sum().backward()
    assert vocabulary.embedding.weight.grad[:, 0].tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize(
    ("size", "d_model", "cutoffs", "message"),
    [
        (20, 16, (12, 5), r"cutoffs=\[12, 5\] must rise and lie within the 20 tokens"),
        (20, 16, (5, 20), "lie within the 20 tokens"),
        (20, 8, (5, 12), "d_model=8 leaves nothing"),
        (1, 8, (), "at least two tokens, got 1"),
    ],
)
def test_mistakes(size: int, d_model: int, cutoffs: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_vocabulary(size, d_model, cutoffs)

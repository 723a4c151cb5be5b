"""Frames of tokens: n-grams, strides, padding."""

import torch
from torch import Tensor

from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.encoder import NGRAM_ROWS, EmbeddingEncoder, ngram_rows


def encoder(ngrams: int, stride: int) -> EmbeddingEncoder:
    """With n-grams as if they were trained."""
    torch.manual_seed(0)
    module = EmbeddingEncoder(20, 4, ngrams, stride)
    if ngrams > 1:
        torch.nn.init.normal_(module.table.weight)
    return module


def tokens(*shape: int) -> Tensor:
    return torch.randint(1, 20, shape, generator=torch.Generator().manual_seed(1))


def test_rows_against_a_plain_loop():
    text = tokens(2, 9)
    found = ngram_rows(text, 4)
    assert found.shape == (2, 9, 3)
    for batch in range(2):
        for end in range(9):
            code = int(text[batch, end])
            for back in range(1, 4):
                earlier = int(text[batch, end - back]) if end >= back else 0
                code = (code * 1_000_003 + earlier + 1) % (2**31 - 1)
                assert found[batch, end, back - 1] == code % NGRAM_ROWS


def test_an_ngram_has_one_row_wherever_it_stands_and_others_have_others():
    rows = ngram_rows(torch.tensor([[5, 6, 7, 9, 5, 6, 7]]), 3)[0]
    assert torch.equal(rows[2], rows[6])
    assert rows[1, 0] == rows[5, 0]
    every_pair = torch.cartesian_prod(torch.arange(1, 100), torch.arange(1, 100))
    used = ngram_rows(every_pair, 2)[:, 1, 0].unique()
    assert len(used) > 0.9 * len(every_pair)


def test_frames_against_a_plain_loop():
    module, text = encoder(ngrams=3, stride=4), tokens(2, 12)
    frames = module(text, None, 1.0).x
    rows = ngram_rows(text, 3)
    steps = module.embedding(text) + module.table.weight[rows].sum(2)
    expected = torch.stack([steps[:, first : first + 4].mean(1) for first in (0, 4, 8)], dim=-1)
    torch.testing.assert_close(frames, expected)


def test_ngrams_begin_as_nothing():
    torch.manual_seed(0)
    plain = EmbeddingEncoder(20, 4)
    torch.manual_seed(0)
    both = EmbeddingEncoder(20, 4, ngrams=4)
    text = tokens(2, 9)
    assert torch.equal(plain(text, None, 1.0).x, both(text, None, 1.0).x)


def test_the_past_alone_decides():
    module, text = encoder(ngrams=3, stride=1), tokens(1, 9)
    other = text.clone()
    other[0, 5] += 1
    same = (module(text, None, 1.0).x == module(other, None, 1.0).x).all(1)[0]
    assert same.tolist() == [True] * 5 + [False] * 3 + [True]


def test_a_row_alone_is_the_row_in_a_padded_batch():
    torch.manual_seed(0)
    config = ClassifierConfig(
        kind="s4d", d_model=8, n_layers=2, vocabulary=20, ngrams=3, stem_stride=4, length=40
    )
    model = SequenceClassifier(config, ["no", "yes"]).eval()
    torch.nn.init.normal_(model.encoder.table.weight)
    text = torch.zeros(2, 40, dtype=torch.int64)
    text[0, :13], text[1] = tokens(13), tokens(40)
    text[0, 13:] = 7  # whatever stands behind the end
    with torch.no_grad():
        together = model(text, torch.tensor([13, 40]))
        alone = model(text[:1, :13])
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_lengths_are_those_of_frames_that_hold_a_token():
    lengths = torch.tensor([1, 8, 9, 16])
    frames = encoder(ngrams=2, stride=8)(tokens(4, 16), lengths, 1.0)
    assert frames.x.shape == (4, 4, 2)
    assert frames.lengths is not None
    assert frames.lengths.tolist() == [1, 1, 2, 2]

"""Baselines by counting, against entropies that are known."""

import math

import numpy as np
import pytest

from s4audio.evaluation.baselines import bigram_nats, histogram_nats, unigram_nats


def test_shares() -> None:
    train, test = np.array([0, 0, 1]), np.array([0, 1, 2])
    expected = -(math.log(3 / 6) + math.log(2 / 6) + math.log(1 / 6)) / 3
    assert unigram_nats(train, test, 3) == pytest.approx(expected)


def test_pairs_that_always_follow() -> None:
    rows = np.random.default_rng(0).integers(0, 2, 50_000)
    text = np.stack([rows, rows + 2], 1).ravel()  # every second token follows from the first
    assert unigram_nats(text, text, 4) == pytest.approx(math.log(4), abs=1e-3)
    assert bigram_nats(text, text, 4) == pytest.approx(math.log(2) / 2, abs=1e-3)


def test_an_unknown_pair_falls_back_on_the_single_token() -> None:
    train = np.array([0, 0, 1, 1])
    # 1 -> 0 never occurs, 1 is first of one pair.
    assert bigram_nats(train, np.array([1, 0]), 2) == pytest.approx(-math.log(0.5 / 2))


def test_columns_have_their_own_shares() -> None:
    values = np.stack([np.zeros(1000, int), np.arange(1000) % 4], 1)
    assert histogram_nats(values, values, 4) == pytest.approx(math.log(4) / 2, abs=0.01)

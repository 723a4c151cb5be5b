"""What counting alone achieves: the figures that a model of tokens has to beat."""

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.integer]


def unigram_nats(train: Tokens, test: Tokens, size: int) -> float:
    """Mean nats of tokens whose shares are those of the training split.

    Args:
        train: integers (time,).
        test: integers (time,), at least one.
        size: number of tokens of the vocabulary; each counts once more than it occurs.

    Returns:
        nats a token.
    """
    return float(-np.log(_shares(train, size))[test].mean())


def bigram_nats(train: Tokens, test: Tokens, size: int) -> float:
    """Mean nats of tokens, each given the one before it, by the counts of the training split.

    Pairs that are rare there fall back on the shares of the single tokens.

    Args:
        train: integers (time,).
        test: integers (time,), at least two; the first is given.
        size: number of tokens of the vocabulary, a few thousand at most: pairs are in one table.

    Returns:
        nats a token.
    """
    shares_V = _shares(train, size)
    pairs = train[:-1].astype(np.int64) * size + train[1:]
    counts_VV = np.bincount(pairs, minlength=size * size).reshape(size, size)
    first, second = test[:-1], test[1:]
    p = (counts_VV[first, second] + shares_V[second]) / (counts_VV[first].sum(-1) + 1)
    return float(-np.log(p).mean())


def histogram_nats(train: Tokens, test: Tokens, size: int) -> float:
    """Mean nats of values whose shares in each column are those of the training split.

    Args:
        train: integers (rows, columns), such as pixels and colours.
        test: integers (rows, columns).
        size: number of levels.

    Returns:
        nats a value.
    """
    columns = zip(train.T, test.T, strict=True)
    return float(np.mean([unigram_nats(ours, theirs, size) for ours, theirs in columns]))


def _shares(tokens: Tokens, size: int) -> NDArray[np.float64]:
    counts = np.bincount(tokens, minlength=size) + 1
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares

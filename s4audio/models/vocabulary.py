"""Tokens in, tokens out: the embedding of a vocabulary and its distribution, as one module.

Both ends of a model of tokens have a vector for each token. Kept together, they can share them.

Shape suffixes: B batch, L time steps, H channels, V tokens of the vocabulary.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError

SHRINKING = 4
"""Each cluster of rarer tokens has vectors so many times shorter than the one before."""


class Vocabulary(nn.Module, ABC):
    """A vector for each token, and a distribution over the tokens for each vector."""

    @abstractmethod
    def embed(self, tokens: Tensor) -> Tensor:
        """Vectors of tokens.

        Args:
            tokens: int64, any shape.

        Returns:
            (..., H).
        """

    @abstractmethod
    def log_probabilities(self, y: Tensor) -> Tensor:
        """Logarithms of the probabilities of all tokens.

        Args:
            y: (..., H).

        Returns:
            (..., V).
        """

    @abstractmethod
    def negative_log_likelihood(self, y: Tensor, targets: Tensor) -> Tensor:
        """The same for one token of each row, without the others where they are not needed.

        Args:
            y: (rows, H).
            targets: int64 (rows,).

        Returns:
            nats (rows,), at least 0.
        """


class SoftmaxVocabulary(Vocabulary):
    """An embedding, and a linear map to the logits of a softmax; nothing is shared.

    Args:
        size: number of tokens V.
        d_model: channels H.
    """

    def __init__(self, size: int, d_model: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, d_model)
        self.decoder = nn.Linear(d_model, size)

    def embed(self, tokens: Tensor) -> Tensor:
        """See `Vocabulary`."""
        x: Tensor = self.embedding(tokens)
        return x

    def log_probabilities(self, y: Tensor) -> Tensor:
        """See `Vocabulary`."""
        return F.log_softmax(self.decoder(y), dim=-1)

    def negative_log_likelihood(self, y: Tensor, targets: Tensor) -> Tensor:
        """See `Vocabulary`."""
        return F.cross_entropy(self.decoder(y), targets, reduction="none")


class AdaptiveVocabulary(Vocabulary):
    """Adaptive input and adaptive softmax with tied weights, for large vocabularies.

    Tokens are in order of falling frequency. The first have vectors of H numbers; each cluster of
    rarer ones has vectors shorter by a factor of 4, and one linear map to H. The softmax tells the
    frequent tokens and the clusters apart, and then the tokens of the cluster it needs. Input and
    output use the same vectors and the same maps.

    Args:
        size: number of tokens V.
        d_model: channels H.
        cutoffs: first token of each cluster of rarer ones, ascending, within the vocabulary.

    Raises:
        UserError: if the cutoffs do not fit the vocabulary or the channels.

    Source: Grave et al., "Efficient softmax approximation for GPUs" (2017); Baevski, Auli,
        "Adaptive Input Representations for Neural Language Modeling" (2019), section 3.
    """

    def __init__(self, size: int, d_model: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        bounds = [0, *cutoffs, size]
        if any(a >= b for a, b in pairwise(bounds)):
            raise UserError(
                f"cutoffs={list(cutoffs)} must rise and lie within the {size} tokens of the "
                "vocabulary"
            )
        if d_model < SHRINKING ** len(cutoffs):
            raise UserError(
                f"d_model={d_model} leaves nothing of the vectors of {len(cutoffs)} clusters, each "
                f"{SHRINKING} times shorter than the one before: raise d_model or use fewer cutoffs"
            )
        self.bounds = tuple(bounds)
        self.scale = math.sqrt(d_model)
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(
            d_model, size, list(cutoffs), div_value=SHRINKING
        )
        for weight in self.softmax.parameters():
            # Every vector and every map keeps the size of what it is applied to.
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def embed(self, tokens: Tensor) -> Tensor:
        """See `Vocabulary`."""
        flat = tokens.flatten()
        frequent = self.softmax.head.weight
        vectors = F.embedding(flat.clamp(max=self.bounds[1] - 1), frequent)
        for i, (first, end) in enumerate(pairwise(self.bounds[1:])):
            tail = self.softmax.tail[i]
            assert isinstance(tail, nn.Sequential)
            to_short, to_tokens = (linear.weight for linear in tail)
            assert isinstance(to_short, Tensor)
            assert isinstance(to_tokens, Tensor)
            (rows,) = torch.nonzero((flat >= first) & (flat < end), as_tuple=True)
            short = F.embedding(flat[rows] - first, to_tokens)
            vectors = vectors.index_copy(0, rows, (short @ to_short).to(vectors.dtype))
        return self.scale * vectors.view(*tokens.shape, -1)

    def log_probabilities(self, y: Tensor) -> Tensor:
        """See `Vocabulary`."""
        return self.softmax.log_prob(y.reshape(-1, y.shape[-1])).view(*y.shape[:-1], -1)

    def negative_log_likelihood(self, y: Tensor, targets: Tensor) -> Tensor:
        """See `Vocabulary`."""
        found: Tensor = self.softmax(y, targets).output
        return -found


def make_vocabulary(size: int, d_model: int, cutoffs: Sequence[int]) -> Vocabulary:
    """Adaptive if there are cutoffs, else plain."""
    if size < 2:
        raise UserError(f"a vocabulary needs at least two tokens, got {size}")
    if cutoffs:
        return AdaptiveVocabulary(size, d_model, cutoffs)
    return SoftmaxVocabulary(size, d_model)

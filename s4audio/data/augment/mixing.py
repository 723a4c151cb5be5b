"""Clips between two classes."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Mixed(NamedTuple):
    """A batch of mixed clips.

    Attributes:
        inputs: as given.
        lengths: int64 (batch,), of the longer clip of each pair.
        targets: (batch, classes).
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor


def mixup(
    inputs: Tensor, lengths: Tensor, targets: Tensor, alpha: float, random: np.random.Generator
) -> Mixed:
    """Mix each clip with another one of the batch, and their targets in the same shares.

    Args:
        inputs: (batch, time, ...), zero behind `lengths`.
        lengths: int64 (batch,).
        targets: (batch, classes), each row sums to 1; `one_hot` of the classes.
        alpha: > 0; shares follow Beta(alpha, alpha): near 0 or 1 for small alpha, uniform for 1.
        random: source of pairs and shares.

    Source: Zhang et al., mixup: Beyond empirical risk minimization, arXiv 1710.09412.
    """
    batch = len(inputs)
    other = torch.from_numpy(random.permutation(batch)).to(inputs.device)
    shares = torch.from_numpy(random.beta(alpha, alpha, batch)).to(inputs)
    return Mixed(
        inputs=torch.lerp(inputs[other], inputs, shares.view(-1, *[1] * (inputs.dim() - 1))),
        lengths=torch.maximum(lengths, lengths[other]),
        targets=torch.lerp(targets[other].to(shares), targets.to(shares), shares.unsqueeze(1)),
    )

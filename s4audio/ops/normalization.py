"""Batch normalisation of a tile of channels, forward and backward, for loops over tiles.

With averages over batch and time, x^ = (x - mean) / std and u = w x^ + b,

    dw = sum du x^,   db = sum du,   dx = (w / std) (du - average du - x^ average (du x^)).

Source: Ioffe, Szegedy, "Batch Normalization" (2015), section 3.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Normalized(NamedTuple):
    """A tensor made from normalised channels, and their statistics.

    Attributes:
        y: (batch, channels, time).
        mean: of each channel of the input (channels,), without a gradient.
        variance: likewise, divided by the number of values.
    """

    y: Tensor
    mean: Tensor
    variance: Tensor


def normalized(
    x_BHL: Tensor, weight_H: Tensor, bias_H: Tensor, eps: float, dtype: torch.dtype
) -> Normalized:
    """Normalise by the statistics of x.

    Args:
        x_BHL: (batch, channels, time).
        weight_H: factor of each normalised channel.
        bias_H: what is added to it.
        eps: added to the variance.
        dtype: precision of everything.

    Returns:
        the normalised tensor and the statistics.
    """
    x_BHL = x_BHL.to(dtype)
    mean_H = x_BHL.mean((0, 2))
    centred_BHL = x_BHL - mean_H[:, None]
    # Of the norms of the rows, since a norm needs no tensor of squares.
    variance_H = torch.linalg.vector_norm(centred_BHL, dim=2).square().mean(0) / x_BHL.shape[2]
    factor_H = (variance_H + eps).rsqrt() * weight_H
    return Normalized(centred_BHL.mul_(factor_H[:, None]).add_(bias_H[:, None]), mean_H, variance_H)


def normalization_gradient(
    du_BHL: Tensor, centred_BHL: Tensor, weight_H: Tensor, scale_H: Tensor, dx_BHL: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradient of `normalized`.

    Args:
        du_BHL: gradient with respect to the normalised tensor (batch, channels, time).
        centred_BHL: x - mean of the same tile; it is overwritten.
        weight_H: factor of each channel.
        scale_H: 1 / std of each channel.
        dx_BHL: where the gradient with respect to the input goes.

    Returns:
        the gradients with respect to the factor and the shift of each channel.
    """
    count = du_BHL.shape[0] * du_BHL.shape[2]
    d_weight_H = (du_BHL * centred_BHL).sum((0, 2)) * scale_H
    d_bias_H = du_BHL.sum((0, 2), dtype=centred_BHL.dtype)
    sum_BHL = centred_BHL.mul_((d_weight_H * scale_H / -count)[:, None]).add_(du_BHL)
    sum_BHL.sub_((d_bias_H / count)[:, None])
    torch.mul(sum_BHL, (weight_H * scale_H)[:, None], out=dx_BHL)
    return d_weight_H, d_bias_H

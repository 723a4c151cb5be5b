"""Pooling over time: from frames to one vector for each row."""

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["mean", "last", "max"]


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Which frames are valid.

    Args:
        lengths: valid frames of each row (batch,).
        frames: number of frames.

    Returns:
        bool (batch, 1, frames).
    """
    return torch.arange(frames, device=lengths.device) < lengths[:, None, None]


def lengths_if_padded(lengths: Tensor, time: int) -> Tensor | None:
    """Lengths of a batch, or None if nothing is padded: a mask costs time in every layer.

    Args:
        lengths: valid steps of each row (batch,).
        time: steps of the batch.
    """
    return lengths if bool((lengths < time).any()) else None


def pool(x_BHL: Tensor, lengths: Tensor | None, pooling: Pooling) -> Tensor:
    """Pool the valid frames.

    Args:
        x_BHL: (batch, channels, frames).
        lengths: valid frames of each row (batch,), at least 1, or None if all are valid.
        pooling: ``mean``, ``last`` or ``max``.

    Returns:
        (batch, channels).
    """
    if lengths is None:
        if pooling == "mean":
            return x_BHL.mean(-1)
        return x_BHL[..., -1] if pooling == "last" else x_BHL.amax(-1)
    if pooling == "last":
        last = (lengths - 1)[:, None, None].expand(-1, x_BHL.shape[1], 1)
        return x_BHL.gather(-1, last)[..., 0]
    mask = frame_mask(lengths, x_BHL.shape[-1])
    if pooling == "mean":
        # A sum over a long clip is beyond float16.
        wide = torch.promote_types(x_BHL.dtype, torch.float32)
        mean_BH: Tensor = (x_BHL * mask).sum(-1, dtype=wide) / lengths[:, None]
        return mean_BH.to(x_BHL.dtype)
    return x_BHL.masked_fill(~mask, -torch.inf).amax(-1)

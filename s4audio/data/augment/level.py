"""Effects on the level."""

import torch
from torch import Tensor


def gain(waveforms: Tensor, decibels: Tensor) -> Tensor:
    """Change the level of each clip.

    Args:
        waveforms: (batch, time).
        decibels: (batch,).
    """
    return waveforms * (10 ** (decibels / 20)).unsqueeze(1)


def clip(waveforms: Tensor, decibels: Tensor, soft: Tensor) -> Tensor:
    """Overdrive each clip.

    Args:
        waveforms: (batch, time).
        decibels: (batch,), how far the limit lies below the clip's peak.
        soft: bool (batch,): approach the limit as a hyperbolic tangent instead of cutting there.

    Returns:
        (batch, time), within the limits; quiet samples keep their level.
    """
    peaks = torch.linalg.vector_norm(waveforms, ord=torch.inf, dim=1)
    limits = (peaks / 10 ** (decibels / 20)).unsqueeze(1)
    cut = torch.maximum(torch.minimum(waveforms, limits), -limits)
    rounded = limits * torch.tanh(waveforms / limits.clamp(min=1e-12))
    return torch.where(soft.unsqueeze(1), rounded, cut)

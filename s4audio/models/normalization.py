"""Normalisation of the input, kept inside the model so that it takes raw waveforms."""

import torch
from torch import Tensor, nn

SMALLEST_RMS = 1e-4
"""A clip below -80 dBFS is left as quiet as it is: silence must not become noise."""


class Standardize(nn.Module):
    """(x - mean) / std with statistics of the training set, 0 and 1 until they are set."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def set_statistics(self, mean: float, std: float) -> None:
        """Store the statistics.

        Args:
            mean: of all samples of the training set.
            std: their standard deviation, above 0.

        Raises:
            ValueError: if std is not positive.
        """
        if not std > 0:
            raise ValueError(f"the training set's standard deviation must be positive, got {std}")
        self.mean.fill_(mean)
        self.std.fill_(std)

    def forward(self, x_BLF: Tensor, mask_BL1: Tensor | None) -> Tensor:
        """Normalise (batch, time, features); the mask is not needed."""
        return (x_BLF - self.mean) / self.std


class ClipNormalize(nn.Module):
    """Every clip to zero mean and unit root mean square over its valid samples."""

    def forward(self, x_BLF: Tensor, mask_BL1: Tensor | None) -> Tensor:
        """Normalise (batch, time, features).

        Args:
            x_BLF: input.
            mask_BL1: 1 for valid steps, 0 for padding; None if all are valid.

        Returns:
            the same shape.
        """
        if mask_BL1 is None:
            mean = x_BLF.mean(1, keepdim=True)
            rms = (x_BLF - mean).square().mean(1, keepdim=True).sqrt()
        else:
            steps = mask_BL1.sum(1, keepdim=True)
            mean = (x_BLF * mask_BL1).sum(1, keepdim=True) / steps
            rms = (((x_BLF - mean) * mask_BL1).square().sum(1, keepdim=True) / steps).sqrt()
        return (x_BLF - mean) / rms.clamp(min=SMALLEST_RMS)

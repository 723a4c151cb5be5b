"""Normalisation of the input, kept inside the model so that it takes raw waveforms."""

import torch
from torch import Tensor, nn

SMALLEST_RMS = 1e-4
"""A clip below -80 dBFS is left as quiet as it is: silence must not become noise."""

SMALLEST_PEAK = 3e-3
"""Sound whose peaks stay below -50 dBFS is left quiet by the level follower."""

TINY = 1e-12
"""Keeps the logarithm of silence finite."""

RELEASE_SECONDS = 1.0
"""Time in which the level follower forgets a peak by a factor of e."""


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

    def forward(self, x_BLF: Tensor, mask_BL1: Tensor | None, rate: float) -> Tensor:
        """Normalise (batch, time, features); mask and rate are not needed."""
        return (x_BLF - self.mean) / self.std


class ClipNormalize(nn.Module):
    """Every clip to zero mean and unit root mean square over its valid samples."""

    def forward(self, x_BLF: Tensor, mask_BL1: Tensor | None, rate: float) -> Tensor:
        """Normalise (batch, time, features).

        Args:
            x_BLF: input.
            mask_BL1: 1 for valid steps, 0 for padding; None if all are valid.
            rate: not needed.

        Returns:
            the same shape.
        """
        # Squares of quiet samples and the number of many are beyond float16.
        wide = x_BLF.to(torch.promote_types(x_BLF.dtype, torch.float32))
        if mask_BL1 is None:
            mean = wide.mean(1, keepdim=True)
            rms = (wide - mean).square().mean(1, keepdim=True).sqrt()
        else:
            steps = mask_BL1.sum(1, keepdim=True, dtype=wide.dtype)
            mean = (wide * mask_BL1).sum(1, keepdim=True) / steps
            rms = (((wide - mean) * mask_BL1).square().sum(1, keepdim=True) / steps).sqrt()
        return ((wide - mean) / rms.clamp(min=SMALLEST_RMS)).to(x_BLF.dtype)


class LevelFollower(nn.Module):
    """Divide by the level, as a causal peak follower hears it.

        peak[t] = max over s <= t of |x[s]| exp(-(t - s) / release),    y = x / (peak + floor)

    It rises at once and falls slowly, so the output stays within [-1, 1] and does not depend on the
    gain of the recording. Unlike statistics of a clip it needs no future: such a model can stream.

    Args:
        release: time constant in samples at the training rate.
    """

    def __init__(self, release: float) -> None:
        super().__init__()
        self.release = release

    def forward(self, x_BLF: Tensor, mask_BL1: Tensor | None, rate: float) -> Tensor:
        """Normalise.

        Args:
            x_BLF: (batch, time, features); the level is that of the loudest feature.
            mask_BL1: not needed, padding comes after the valid samples.
            rate: evaluation step / training step.

        Returns:
            the same shape.
        """
        # Logarithms turn the decay into a straight line, and the follower into a running maximum.
        slope_L = torch.arange(x_BLF.shape[1], device=x_BLF.device).double() * rate / self.release
        log_BL = x_BLF.abs().amax(-1).double().clamp(min=TINY).log()
        peak_BL = (torch.cummax(log_BL + slope_L, dim=1).values - slope_L).exp()
        return x_BLF / (peak_BL + SMALLEST_PEAK).to(x_BLF.dtype)[..., None]

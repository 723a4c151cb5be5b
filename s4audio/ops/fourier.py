"""Real Fourier transform with a gradient as cheap as the transform.

torch differentiates `rfft` through a complex transform of the full, zero-padded spectrum, four
times the work and memory of what the adjoint of a real transform needs: one inverse real transform.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rfft(x: Tensor) -> Tensor:
    """`torch.fft.rfft` over the last axis.

    Args:
        x: real (..., n).

    Returns:
        complex (..., n // 2 + 1).

    Example:
        >>> rfft(torch.tensor([1.0, 1.0])).real
        tensor([2., 0.])
    """
    spectrum: Tensor = _RealFFT.apply(x)
    return spectrum


class _RealFFT(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[-1]
        spectrum: Tensor = torch.fft.rfft(x)
        return spectrum

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # The inverse counts every bin twice, but for the first and the one at half the rate.
        halved = gradient * 0.5  # a complex quotient would take four times as long
        halved[..., 0] = gradient[..., 0]
        if ctx.size % 2 == 0:
            halved[..., -1] = gradient[..., -1]
        dx: Tensor = torch.fft.irfft(halved, n=ctx.size, norm="forward")
        return dx

"""Long convolution by FFT with a hand-written backward.

    y[t] = sum_j k0[j] u[t - j]                        causal
    y[t] = sum_j k0[j] u[t - j] + sum_j k1[j] u[t + 1 + j]   bidirectional

The reverse half starts one step later, as in the published implementations: the present sample
belongs to the forward half. Both halves are laid out on one circle, so a bidirectional layer costs
the same three transforms as a causal one. Derivation in the README, "Convolution".
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_GOOD_FACTORS = (2, 3, 5)


def fft_convolution(u_BHL: Tensor, k_DHM: Tensor) -> Tensor:
    """Linear convolution of each channel with its kernel.

    Args:
        u_BHL: input (batch, channels, time).
        k_DHM: kernel (directions, channels, taps), one direction for causal, two for
            bidirectional. More taps than time steps are cut, fewer are padded with zeros.

    Returns:
        (batch, channels, time), in the kernel's precision (float32, or float64 for float64).

    Raises:
        ValueError: if channels differ or there are neither one nor two directions.

    Example:
        >>> u = torch.tensor([[[1.0, 2.0, 3.0]]])
        >>> fft_convolution(u, torch.tensor([[[1.0, 0.5]]]))
        tensor([[[1.0000, 2.5000, 4.0000]]])
    """
    directions, channels, taps = k_DHM.shape
    if channels != u_BHL.shape[1]:
        raise ValueError(f"input has {u_BHL.shape[1]} channels but the kernel has {channels}")
    if directions not in (1, 2):
        raise ValueError(f"a kernel has 1 direction or 2 (bidirectional), got {directions}")
    length = u_BHL.shape[-1]
    size = next_fast_length(2 * length - 1)
    circle_HS = _on_circle(k_DHM[..., : min(taps, length)], length, size)
    y: Tensor = _CircularConvolution.apply(u_BHL.to(k_DHM.dtype), circle_HS)
    return y


def next_fast_length(minimum: int) -> int:
    """Smallest even length of at least `minimum` whose only prime factors are 2, 3 and 5.

    Args:
        minimum: at least 1.

    Returns:
        a length that FFT libraries handle well.

    Example:
        >>> next_fast_length(31999)
        32000
    """
    candidate = minimum + minimum % 2
    while not _is_smooth(candidate):
        candidate += 2
    return candidate


def _is_smooth(n: int) -> bool:
    for factor in _GOOD_FACTORS:
        while n % factor == 0:
            n //= factor
    return n == 1


def _on_circle(k_DHM: Tensor, length: int, size: int) -> Tensor:
    forward_HM = k_DHM[0]
    if k_DHM.shape[0] == 1:
        return torch.nn.functional.pad(forward_HM, (0, size - forward_HM.shape[-1]))
    # Lag -(j + 1) is position size - 1 - j; the last possible lag is -(length - 1).
    reverse_HM = k_DHM[1, :, : length - 1].flip(-1)
    gap = forward_HM.new_zeros(
        forward_HM.shape[0], size - forward_HM.shape[-1] - reverse_HM.shape[-1]
    )
    return torch.cat([forward_HM, gap, reverse_HM], dim=-1)


class _CircularConvolution(torch.autograd.Function):
    """y = irfft(rfft(u) rfft(k))[:L]; saves only the two spectra."""

    @staticmethod
    def forward(ctx: Any, u_BHL: Tensor, k_HS: Tensor) -> Tensor:
        size = k_HS.shape[-1]
        u_f, k_f = torch.fft.rfft(u_BHL, n=size), torch.fft.rfft(k_HS)
        ctx.save_for_backward(u_f, k_f)
        ctx.length, ctx.size = u_BHL.shape[-1], size
        y: Tensor = torch.fft.irfft(u_f * k_f, n=size)[..., : ctx.length]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHL: Tensor) -> tuple[Tensor | None, Tensor | None]:
        u_f, k_f = ctx.saved_tensors
        dy_f = torch.fft.rfft(dy_BHL, n=ctx.size)
        du = dk = None
        if ctx.needs_input_grad[1]:
            # The batch is summed before the one inverse transform of each channel.
            dk = torch.fft.irfft((dy_f * u_f.conj()).sum(0), n=ctx.size)
        if ctx.needs_input_grad[0]:
            du = torch.fft.irfft(dy_f * k_f.conj(), n=ctx.size)[..., : ctx.length]
        return du, dk

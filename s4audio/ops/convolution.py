"""Long convolution by FFT with a hand-written backward.

    y[t] = sum_j k0[j] u[t - j]                        causal
    y[t] = sum_j k0[j] u[t - j] + sum_j k1[j] u[t + 1 + j]   bidirectional

The reverse half starts one step later, as in the published implementations: the present sample
belongs to the forward half. Both halves are laid out on one circle, so a bidirectional layer costs
the same three transforms as a causal one. Derivation in the README, "Convolution".
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_GOOD_FACTORS = (2, 3, 5)

TILE_BYTES = 4 * 2**20
"""Spectra that are held at once: about a core's share of the cache."""


def fft_convolution(u_BHL: Tensor, k_DHM: Tensor) -> Tensor:
    """Linear convolution of each channel with its kernel.

    Args:
        u_BHL: input (batch, channels, time).
        k_DHM: kernel (directions, channels, taps), one direction for causal, two for
            bidirectional. More taps than time steps are cut, fewer are padded with zeros.

    Returns:
        (batch, channels, time), in the precision of the input. The transforms run in the higher of
        the input's and the kernel's precision.

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
    precision = torch.promote_types(u_BHL.dtype, k_DHM.dtype)
    y_BHL: Tensor = _CircularConvolution.apply(u_BHL, circle_HS.to(precision))
    return y_BHL


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
    """y = irfft(rfft(u) rfft(k))[:L], a few channels at a time; saves u and one spectrum.

    The spectra of a few channels stay in the processor's cache, and their memory is used again for
    the next few: on a CPU this is several times as fast as whole tensors. The spectrum of u is made
    again in the backward pass, which costs less than writing and reading it.
    """

    @staticmethod
    def forward(ctx: Any, u_BHL: Tensor, k_HS: Tensor) -> Tensor:
        length, size = u_BHL.shape[-1], k_HS.shape[-1]
        k_f = torch.fft.rfft(k_HS)
        ctx.save_for_backward(u_BHL, k_f)
        ctx.size = size
        y_BHL = torch.empty_like(u_BHL, memory_format=torch.contiguous_format)
        for some, padded in _tiles(u_BHL, k_HS):
            y_f = _spectrum(u_BHL[:, some], padded).mul_(k_f[some])
            y_BHL[:, some] = torch.fft.irfft(y_f, n=size)[..., :length]
        return y_BHL

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHL: Tensor) -> tuple[Tensor | None, Tensor | None]:
        u_BHL, k_f = ctx.saved_tensors
        size, length = ctx.size, u_BHL.shape[-1]
        needs_u, needs_k = ctx.needs_input_grad
        du_BHL = torch.empty_like(u_BHL, memory_format=torch.contiguous_format) if needs_u else None
        dk_HS = k_f.real.new_empty(u_BHL.shape[1], size)
        k_conj = k_f.conj_physical()
        for some, padded in _tiles(u_BHL, dk_HS):
            dy_f = _spectrum(dy_BHL[:, some], padded)
            if needs_k:
                # The batch is summed before the one inverse transform of each channel.
                u_conj = _spectrum(u_BHL[:, some], padded).conj_physical_()
                dk_HS[some] = torch.fft.irfft(u_conj.mul_(dy_f).sum(0), n=size)
            if du_BHL is not None:
                du_f = dy_f.mul_(k_conj[some])
                du_BHL[:, some] = torch.fft.irfft(du_f, n=size)[..., :length]
        return du_BHL, dk_HS if needs_k else None


def _tiles(u_BHL: Tensor, k_HS: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Slices of the channels whose spectra fit in a processor's cache, all of them on a GPU.

    With each comes room for its padded signals, zero beyond the length of u.
    """
    (batch, channels, _), size = u_BHL.shape, k_HS.shape[-1]
    whole = u_BHL.device.type != "cpu" or torch.compiler.is_compiling()
    count = channels if whole else max(1, TILE_BYTES // (batch * size * k_HS.element_size()))
    padded = k_HS.new_zeros(batch, min(count, channels), size)
    for start in range(0, channels, count):
        stop = min(start + count, channels)
        yield slice(start, stop), padded[:, : stop - start]


def _spectrum(x_BHL: Tensor, padded: Tensor) -> Tensor:
    padded[..., : x_BHL.shape[-1]] = x_BHL
    return torch.fft.rfft(padded)

"""Long convolution by FFT with a hand-written backward.

    y[t] = sum_j k0[j] u[t - j]                        causal
    y[t] = sum_j k0[j] u[t - j] + sum_j k1[j] u[t + 1 + j]   bidirectional

The reverse half starts one step later, as in the published implementations: the present sample
belongs to the forward half.

A complex transform of length n >= L, taken modulo z^n = i instead of z^n = 1, keeps what runs over
the end apart: it comes back as the imaginary part (the right-angle convolution). So nothing is
padded to 2 L, and both halves of a bidirectional kernel fit in one transform, the reverse one
multiplied by -i. Derivation in the README, "Convolution".

Source: Crandall, "Topics in Advanced Scientific Computation" (1996), section 4.2.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from s4audio.ops.normalization import Normalized, normalization_gradient, normalized
from s4audio.ops.tiles import in_tiles, output_dtype, slices

_GOOD_FACTORS = (2, 3, 5)

TILE_BYTES = 8 * 2**20
"""Spectra that are held at once: few enough for the cache, and enough rows for a transform, because
each call plans it anew."""


def fft_convolution(u_BHL: Tensor, k_DHM: Tensor) -> Tensor:
    """Linear convolution of each channel with its kernel.

    Args:
        u_BHL: input (batch, channels, time).
        k_DHM: kernel (directions, channels, taps), one direction for causal, two for
            bidirectional. More taps than time steps are cut, fewer are padded with zeros.

    Returns:
        (batch, channels, time), in the precision of the input, or of autocast if it is on. The
        transforms run in the higher of the input's and the kernel's precision, at least float32.

    Raises:
        ValueError: if channels differ or there are neither one nor two directions.

    Example:
        >>> u = torch.tensor([[[1.0, 2.0, 3.0]]])
        >>> fft_convolution(u, torch.tensor([[[1.0, 0.5]]]))
        tensor([[[1.0000, 2.5000, 4.0000]]])
    """
    y_BHL: Tensor = _Convolution.apply(u_BHL, _checked(u_BHL, k_DHM), None, None, 0.0)[0]
    return y_BHL


def normalized_convolution(
    x_BHL: Tensor, k_DHM: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> Normalized:
    """Batch normalisation of the input by its own statistics, then `fft_convolution`.

    The normalised input lives for a few channels at a time only: on a CPU this saves the time and
    the memory of a whole tensor in each direction.

    Args:
        x_BHL: input (batch, channels, time).
        k_DHM: kernel, as for `fft_convolution`.
        weight: factor of each normalised channel (channels,).
        bias: what is added to it (channels,).
        eps: added to the variance.

    Returns:
        the convolution and the statistics; differentiable in the four tensors.

    Raises:
        ValueError: as for `fft_convolution`.
    """
    return Normalized(*_Convolution.apply(x_BHL, _checked(x_BHL, k_DHM), weight, bias, eps))


def _checked(u_BHL: Tensor, k_DHM: Tensor) -> Tensor:
    """The taps that matter, in the precision of the transforms."""
    directions, channels, taps = k_DHM.shape
    if channels != u_BHL.shape[1]:
        raise ValueError(f"input has {u_BHL.shape[1]} channels but the kernel has {channels}")
    if directions not in (1, 2):
        raise ValueError(f"a kernel has 1 direction or 2 (bidirectional), got {directions}")
    precision = torch.promote_types(u_BHL.dtype, k_DHM.dtype)
    precision = torch.promote_types(precision, torch.float32)
    return k_DHM[..., : min(taps, u_BHL.shape[-1])].to(precision)


def next_fast_length(minimum: int) -> int:
    """An even length that FFT libraries handle well.

    That is a power of two if one is at most a twentieth above `minimum`, since those are faster by
    more than that, and otherwise the next length whose only prime factors are 2, 3 and 5.

    Args:
        minimum: at least 1.

    Returns:
        a length of at least `minimum`.

    Example:
        >>> next_fast_length(15000), next_fast_length(16000)
        (15000, 16384)
    """
    power = 1 << (minimum - 1).bit_length()
    if 20 * power <= 21 * minimum:
        return max(2, power)
    candidate = minimum + minimum % 2
    while not _is_smooth(candidate):
        candidate += 2
    return candidate


def _is_smooth(n: int) -> bool:
    for factor in _GOOD_FACTORS:
        while n % factor == 0:
            n //= factor
    return n == 1


class _Convolution(torch.autograd.Function):
    """A few channels at a time; saves u and the spectrum of the kernel.

    The spectra of a few channels stay in the processor's cache, and their memory is used again for
    the next few: on a CPU this is several times as fast as whole tensors. The spectrum of u is made
    again in the backward pass, which costs less than writing and reading it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_BHL: Tensor,
        k_DHM: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        length, size = x_BHL.shape[-1], next_fast_length(x_BHL.shape[-1])
        twist_N = _twist(k_DHM, size)
        untwist_L = twist_N[:length].conj_physical()
        k_f = twist_N.new_empty(k_DHM.shape[1], size)
        mean_H, variance_H = k_DHM.new_zeros(2, k_DHM.shape[1])
        y_BHL = torch.empty(x_BHL.shape, dtype=output_dtype(x_BHL), device=x_BHL.device)
        for some in slices(len(k_f), _fitting(x_BHL, k_f, rows=1)):
            k_f[some] = torch.fft.fft(_in_one_turn(k_DHM[:, some], length, size).mul_(twist_N))
        for some, room in _tiles(x_BHL, k_f):
            u_tile = x_BHL[:, some]
            if weight is not None and bias is not None:
                u_tile, mean_H[some], variance_H[some] = normalized(
                    u_tile, weight[some], bias[some], eps, k_DHM.dtype
                )
            y_f = torch.fft.fft(_twisted(u_tile, twist_N, room)).mul_(k_f[some])
            y_tile = _signal(torch.fft.ifft(y_f), untwist_L)
            # A conversion that has to skip the imaginary parts is slow.
            y_BHL[:, some] = y_tile if y_tile.dtype == y_BHL.dtype else y_tile.contiguous()
        ctx.save_for_backward(x_BHL, k_f, twist_N, mean_H, (variance_H + eps).rsqrt(), weight, bias)
        ctx.kernel_shape = k_DHM.shape
        ctx.mark_non_differentiable(mean_H, variance_H)
        return y_BHL, mean_H, variance_H

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHL: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x_BHL, k_f, twist_N, mean_H, scale_H, weight, bias = ctx.saved_tensors
        length = x_BHL.shape[-1]
        needs_x, needs_k = ctx.needs_input_grad[0] or weight is not None, ctx.needs_input_grad[1]
        dx_BHL = torch.empty_like(x_BHL, memory_format=torch.contiguous_format) if needs_x else None
        dk_DHM = twist_N.real.new_empty(ctx.kernel_shape) if needs_k else None
        d_weight, d_bias = mean_H.new_zeros(2, len(mean_H))
        untwist_N = twist_N.conj_physical()
        # An adjoint multiplies with conjugate spectra, which are those of the other direction:
        # conj(fft(a x)) = n ifft(conj(a) x) for real x. So dy_f and dk_HN are conjugate here.
        for some, room in _tiles(x_BHL, k_f):
            x_tile = u_tile = x_BHL[:, some]
            if weight is not None:
                x_tile = x_tile - mean_H[some, None]
                factor = (weight[some] * scale_H[some])[:, None]
                u_tile = (x_tile * factor).add_(bias[some, None])
            dy_f = torch.fft.ifft(_twisted(dy_BHL[:, some], untwist_N, room))
            if dk_DHM is not None:
                # The batch is summed before the one inverse transform of each channel.
                u_f = torch.fft.fft(_twisted(u_tile, twist_N, room))
                dk_HN = torch.fft.fft(u_f.mul_(dy_f).sum(0)).mul_(twist_N)
                dk_DHM[:, some] = _from_one_turn(dk_HN.conj(), ctx.kernel_shape, length)
            if dx_BHL is None:
                continue
            du_tile = _signal(torch.fft.fft(dy_f.mul_(k_f[some])), twist_N[:length])
            if weight is None:
                dx_BHL[:, some] = du_tile
            else:
                d_weight[some], d_bias[some] = normalization_gradient(
                    du_tile, x_tile, weight[some], scale_H[some], dx_BHL[:, some]
                )
        if weight is None:
            return dx_BHL, dk_DHM, None, None, None
        return dx_BHL, dk_DHM, d_weight.to(weight.dtype), d_bias.to(bias.dtype), None


def _in_one_turn(k_DHM: Tensor, length: int, size: int) -> Tensor:
    """The kernel modulo z^n = i: complex (channels, n)."""
    directions, channels, taps = k_DHM.shape
    turn_HN = k_DHM.new_zeros(channels, size, 2)
    turn_HN[:, :taps, 0] = k_DHM[0]
    if directions == 2:
        # Lag -(j + 1) is z^(n - 1 - j) / i; the last possible lag is -(length - 1).
        reverse_HM = k_DHM[1, :, : length - 1]
        turn_HN[:, size - reverse_HM.shape[-1] :, 1] = -reverse_HM.flip(-1)
    return torch.view_as_complex(turn_HN)


def _from_one_turn(turn_HN: Tensor, kernel_shape: torch.Size, length: int) -> Tensor:
    """Adjoint of `_in_one_turn`: real (directions, channels, taps)."""
    directions, _, taps = kernel_shape
    forward_HM = turn_HN.real[:, :taps]
    if directions == 1:
        return forward_HM[None]
    reverse_HM = -turn_HN.imag.flip(-1)[:, : min(taps, length - 1)]
    return torch.stack([forward_HM, F.pad(reverse_HM, (0, taps - reverse_HM.shape[-1]))])


def _twist(k_DHM: Tensor, size: int) -> Tensor:
    """The n-th roots of i, exp(i pi t / 2n): they turn z^n = i into z^n = 1."""
    angle_N = torch.arange(size, dtype=torch.float64, device=k_DHM.device) * (math.pi / (2 * size))
    precision = torch.complex128 if k_DHM.dtype == torch.float64 else torch.complex64
    return torch.polar(torch.ones_like(angle_N), angle_N).to(precision)


def _fitting(u_BHL: Tensor, k_f: Tensor, rows: int) -> int:
    """Channels of which `rows` spectra each fit in a processor's cache; on a GPU all."""
    channels, size = k_f.shape
    fitting = TILE_BYTES // (rows * size * k_f.element_size())
    return max(1, min(channels, fitting) if in_tiles(u_BHL) else channels)


def _tiles(u_BHL: Tensor, k_f: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Slices of the channels, with room for the signals of each, zero beyond the length of u."""
    batch, (channels, size) = len(u_BHL), k_f.shape
    count = _fitting(u_BHL, k_f, batch)
    room = k_f.new_zeros(batch, count, size)
    for some in slices(channels, count):
        yield some, room[:, : some.stop - some.start]


def _twisted(x_BHL: Tensor, twist_N: Tensor, room: Tensor) -> Tensor:
    room[..., : x_BHL.shape[-1]] = x_BHL
    return room.mul_(twist_N)


def _signal(x_BHN: Tensor, twist_L: Tensor) -> Tensor:
    """The real part of what comes back from a transform, as a view; its memory is used."""
    return x_BHN[..., : twist_L.shape[0]].mul_(twist_L).real

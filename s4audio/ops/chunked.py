"""Long convolution with a linear recurrence, by matrix products over chunks of time.

A causal kernel K[l] = C A^l B is a recurrence as well. Over a chunk of T steps, with the state s
before it and its input u as rows, and everything in real numbers,

    y  = u toeplitz(K[0 .. T - 1]) + s leave,      leave[:, t] = C A^(t + 1)
    s' = s (A^T)* + u enter,                       enter[t]    = A^(T - 1 - t) B,

with * the transpose. So all but the step from one chunk to the next is matrix products. Processors
with matrix units do them many times as fast in bfloat16, which a Fourier transform cannot use; in
float32 the transform is as fast, and takes any kernel.

Source: Gu et al., "Combining Recurrent, Convolutional, and Continuous-time Models with Linear State
Space Layers" (2021), section 3. The gradient is in the README, "Chunks".
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s4audio.ops.normalization import Normalized, normalization_gradient, normalized
from s4audio.ops.pieces import cut, diagonal_sums, empty_pieces, in_pieces, join, toeplitz
from s4audio.ops.tiles import in_tiles, output_dtype, slices

TILE_BYTES = 64 * 2**20
"""Inputs and states that are held at once: more channels in one product, and little memory."""

FEW_CHANNELS = 2
"""Channels whose waveforms, of a batch, stay in a core's own cache."""


class Chunks(NamedTuple):
    """A causal kernel as a recurrence over chunks of T steps, with a state of n real numbers.

    Attributes:
        taps: first samples of the kernel (channels, T).
        enter: what a unit input at each step adds to the state after the chunk (channels, T, n).
        leave: what each number of the state before the chunk adds to the outputs (channels, n, T).
        transition: what a chunk does to the state: complex (channels, n / 2), factors of the pairs
            in a state [re, im, re, im, ...], or real (channels, n, n), new by old.
    """

    taps: Tensor
    enter: Tensor
    leave: Tensor
    transition: Tensor


def chunked_convolution(u_BHL: Tensor, chunks: Chunks) -> Tensor:
    """Causal convolution of each channel with its kernel.

    Args:
        u_BHL: input (batch, channels, time).
        chunks: the kernel.

    Returns:
        (batch, channels, time), in the precision of the input, or of autocast if it is on. Matrix
        products run in that precision, the states are kept in at least float32.

    Example:
        >>> halving = torch.tensor([[[0.25]]])  # s' = s / 4 over two steps
        >>> chunks = Chunks(
        ...     torch.tensor([[1.0, 0.5]]),
        ...     torch.tensor([[[0.5], [1.0]]]),
        ...     torch.tensor([[[0.5, 0.25]]]),
        ...     halving,
        ... )
        >>> chunked_convolution(torch.tensor([[[1.0, 0.0, 0.0, 0.0]]]), chunks)
        tensor([[[1.0000, 0.5000, 0.2500, 0.1250]]])
    """
    y_BHL: Tensor = _ChunkedConvolution.apply(u_BHL, *chunks, None, None, 0.0)[0]
    return y_BHL


def normalized_chunked_convolution(
    x_BHL: Tensor, chunks: Chunks, weight: Tensor, bias: Tensor, eps: float
) -> Normalized:
    """Batch normalisation of the input by its own statistics, then `chunked_convolution`.

    Args:
        x_BHL: input (batch, channels, time).
        chunks: the kernel.
        weight: factor of each normalised channel (channels,).
        bias: what is added to it (channels,).
        eps: added to the variance.

    Returns:
        the convolution and the statistics; differentiable in x, kernel, weight and bias.
    """
    return Normalized(*_ChunkedConvolution.apply(x_BHL, *chunks, weight, bias, eps))


class _ChunkedConvolution(torch.autograd.Function):
    """A few channels at a time; saves x alone and makes the states again in the backward pass.

    What is cut into chunks has the shape (channels, chunks, batch, T or n).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_BHL: Tensor,
        taps_HT: Tensor,
        enter_HTn: Tensor,
        leave_HnT: Tensor,
        transition: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        chunks = Chunks(taps_HT, enter_HTn, leave_HnT, transition)
        y_BHL = torch.empty(x_BHL.shape, dtype=output_dtype(x_BHL), device=x_BHL.device)
        mean_H, variance_H = taps_HT.new_zeros(2, len(taps_HT))
        for some in _tiles(x_BHL, chunks, y_BHL.dtype):
            tile = _part(chunks, some)
            u = empty_pieces(x_BHL[:, some], taps_HT.shape[-1], y_BHL.dtype)
            for few, place in _few(some):
                u_few = x_BHL[:, few]
                if weight is not None and bias is not None:
                    u_few, mean_H[few], variance_H[few] = normalized(
                        u_few, weight[few], bias[few], eps, taps_HT.dtype
                    )
                cut(u_few, u[place])
            s = _before(_states(u, tile), u.dtype)
            y = _two_products(u, toeplitz(tile.taps.to(u.dtype)), s, tile.leave)
            join(y, y_BHL[:, some])
        scale_H = (variance_H + eps).rsqrt()
        ctx.save_for_backward(x_BHL, *chunks, mean_H, scale_H, weight, bias)
        ctx.mark_non_differentiable(mean_H, variance_H)
        return y_BHL, mean_H, variance_H

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHL: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x_BHL, *tables, mean_H, scale_H, weight, bias = ctx.saved_tensors
        chunks, steps = Chunks(*tables), tables[0].shape[-1]
        dx_BHL = torch.empty_like(x_BHL, memory_format=torch.contiguous_format)
        d_chunks = Chunks(*(torch.empty_like(table) for table in chunks))
        d_weight, d_bias = torch.zeros_like(mean_H), torch.zeros_like(mean_H)
        for some in _tiles(x_BHL, chunks, dy_BHL.dtype):
            tile = _part(chunks, some)
            u, dy = (empty_pieces(wave[:, some], steps, dy_BHL.dtype) for wave in (x_BHL, dy_BHL))
            for few, place in _few(some):
                u_few = x_BHL[:, few]
                if weight is not None:
                    factor = (weight[few] * scale_H[few])[:, None]
                    u_few = (u_few - mean_H[few, None]).mul_(factor).add_(bias[few, None])
                cut(u_few, u[place])
                cut(dy_BHL[:, few], dy[place])
            states, gradients = _states(u, tile), _state_gradients(dy, tile)
            s, ds = _before(states, u.dtype), _behind(gradients, dy.dtype)
            d_chunks.taps[some] = diagonal_sums(_sum_of_outer_products(u, dy), mean_H.dtype)
            d_chunks.enter[some] = _sum_of_outer_products(u, ds)
            d_chunks.leave[some] = _sum_of_outer_products(s, dy)
            d_chunks.transition[some] = _transition_gradient(states, gradients, tile.transition)
            du = _two_products(dy, toeplitz(tile.taps.to(dy.dtype)).mT, ds, tile.enter.mT)
            for few, place in _few(some):
                du_few = join(du[place], torch.empty_like(x_BHL[:, few], dtype=du.dtype))
                if weight is None:
                    dx_BHL[:, few] = du_few
                else:
                    x_few = x_BHL[:, few] - mean_H[few, None]
                    d_weight[few], d_bias[few] = normalization_gradient(
                        du_few, x_few, weight[few], scale_H[few], dx_BHL[:, few]
                    )
        if weight is None:
            return dx_BHL, *d_chunks, None, None, None
        return dx_BHL, *d_chunks, d_weight.to(weight.dtype), d_bias.to(bias.dtype), None


def _tiles(x_BHL: Tensor, chunks: Chunks, dtype: torch.dtype) -> Iterator[slice]:
    """Equal slices of the channels that fit in the cache with their states; on a GPU all."""
    batch, channels, length = x_BHL.shape
    _, steps, states = chunks.enter.shape
    size = batch * channels * -(-length // steps) * (steps + states) * dtype.itemsize
    group = -(-channels // -(-size // TILE_BYTES)) if in_tiles(x_BHL) else channels
    return slices(channels, group)


def _part(chunks: Chunks, some: slice) -> Chunks:
    return Chunks(*(table[some] for table in chunks))


def _few(some: slice) -> Iterator[tuple[slice, slice]]:
    """Slices of a few channels each, whose waveforms fit in a core's cache, and their places."""
    for place in slices(some.stop - some.start, FEW_CHANNELS):
        yield slice(some.start + place.start, some.start + place.stop), place


def _product(pieces: Tensor, matrices: Tensor) -> Tensor:
    """Each chunk times the matrix of its channel."""
    product = torch.bmm(pieces.flatten(1, 2), matrices.to(pieces.dtype))
    return product.view(*pieces.shape[:3], -1)


def _two_products(pieces: Tensor, matrices: Tensor, others: Tensor, more: Tensor) -> Tensor:
    """Each chunk times the matrix of its channel, plus the same of others."""
    total = _product(pieces, matrices)
    total.flatten(1, 2).baddbmm_(others.flatten(1, 2), more.to(total.dtype))
    return total


def _states(u: Tensor, chunks: Chunks) -> Tensor:
    """The state behind each chunk, unrounded."""
    states = _product(u, chunks.enter).to(chunks.enter.dtype)
    transition = chunks.transition if chunks.transition.is_complex() else chunks.transition.mT
    for chunk in range(1, states.shape[1]):
        _add_product(states[:, chunk], states[:, chunk - 1], transition)
    return states


def _state_gradients(dy: Tensor, chunks: Chunks) -> Tensor:
    """The gradient with respect to the state before each chunk, unrounded."""
    gradients = _product(dy, chunks.leave.mT).to(chunks.leave.dtype)
    adjoint = chunks.transition.conj().resolve_conj()
    for chunk in range(gradients.shape[1] - 2, -1, -1):
        _add_product(gradients[:, chunk], gradients[:, chunk + 1], adjoint)
    return gradients


def _add_product(total_HBn: Tensor, state_HBn: Tensor, transition: Tensor) -> None:
    """Total += state times transition, in place."""
    if transition.is_complex():
        _as_pairs(total_HBn).addcmul_(transition[:, None], _as_pairs(state_HBn))
    else:
        # Not baddbmm_, which takes the channels of a strided total one by one.
        total_HBn += torch.bmm(state_HBn, transition)


def _as_pairs(state: Tensor) -> Tensor:
    return torch.view_as_complex(in_pieces(state, 2))


def _before(states: Tensor, dtype: torch.dtype) -> Tensor:
    """From the states behind each chunk to those before it."""
    before = torch.empty_like(states, dtype=dtype)
    before[:, 0] = 0
    before[:, 1:] = states[:, :-1]
    return before


def _behind(gradients: Tensor, dtype: torch.dtype) -> Tensor:
    """From the gradients of the states before each chunk to those behind it."""
    behind = torch.empty_like(gradients, dtype=dtype)
    behind[:, :-1] = gradients[:, 1:]
    behind[:, -1] = 0
    return behind


def _transition_gradient(states: Tensor, gradients: Tensor, transition: Tensor) -> Tensor:
    """Each chunk leads from the state behind the one before it to the state before the next."""
    s, ds = states[:, :-2], gradients[:, 2:]
    if transition.is_complex():
        return (_as_pairs(ds) * _as_pairs(s).conj()).sum((1, 2))
    return torch.bmm(ds.flatten(1, 2).mT, s.flatten(1, 2))


def _sum_of_outer_products(x: Tensor, y: Tensor) -> Tensor:
    return torch.bmm(x.flatten(1, 2).mT, y.flatten(1, 2))

"""The pointwise half of a block: GELU, linear map of the channels, gate or none, residual.

    z = r + n * a * sigmoid(g),    [a, g] = W (m * gelu(x)) + b,    or    z = r + n * a

with dropout factors m and n. On a CPU the time of such a chain is that of writing and reading its
large intermediate tensors. Here it runs over tiles that stay in the cache, forward and backward,
and only x is saved: the tiles are made again in the backward pass, one matrix product of four.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from s4audio.ops.tiles import in_tiles

TILE_BYTES = 4 * 2**20
"""Size of [a, g], or of a, for one tile: about a core's share of the cache."""


def unit_residual(
    x_BHL: Tensor,
    residual_BHL: Tensor,
    weight: Tensor,
    bias: Tensor,
    hidden_factor: Tensor | None = None,
    output_factor: Tensor | None = None,
    *,
    gated: bool,
) -> Tensor:
    """Add a linear unit of GELU(x), gated or not, to the residual.

    Args:
        x_BHL: input (batch, channels, time).
        residual_BHL: what is added (batch, channels, time).
        weight: linear map (channels, channels); of a gated unit (2 channels, channels).
        bias: one number for each row of `weight`.
        hidden_factor: factor on the GELU that broadcasts to x_BHL, such as a dropout mask; None
            for 1.
        output_factor: factor on the unit, likewise.
        gated: gated linear unit.

    Returns:
        (batch, channels, time), in the precision of the residual. The products run in the autocast
        precision if autocast is on.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017).
    """
    if not in_tiles(x_BHL):
        hidden_BHL = scaled(F.gelu(x_BHL), hidden_factor)
        weight_BGH = weight.expand(x_BHL.shape[0], -1, -1)
        y_BHL = torch.baddbmm(bias[:, None], weight_BGH, hidden_BHL)
        return residual_BHL + scaled(F.glu(y_BHL, dim=1) if gated else y_BHL, output_factor)
    autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if autocast else weight.dtype
    factors = (hidden_factor, output_factor)
    z_BHL: Tensor = _UnitResidual.apply(
        x_BHL, residual_BHL, weight.to(dtype), bias.to(dtype), *factors, gated
    )
    return z_BHL


def scaled(x: Tensor, factor: Tensor | None) -> Tensor:
    """`factor` * x; None stands for 1."""
    return x if factor is None else x * factor


class _UnitResidual(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_BHL: Tensor,
        residual_BHL: Tensor,
        weight: Tensor,
        bias: Tensor,
        hidden_factor: Tensor | None,
        output_factor: Tensor | None,
        gated: bool,
    ) -> Tensor:
        ctx.save_for_backward(x_BHL, weight, bias, hidden_factor, output_factor)
        ctx.gated = gated
        z_BHL = torch.empty_like(residual_BHL, memory_format=torch.contiguous_format)
        for tile in _tiles(x_BHL, weight):
            hidden = scaled(F.gelu(x_BHL[tile]), _part(hidden_factor, x_BHL, tile))
            y_tile = _linear(hidden.to(weight.dtype), weight, bias)
            y_tile = F.glu(y_tile, dim=1) if gated else y_tile
            y_tile = scaled(y_tile, _part(output_factor, x_BHL, tile))
            torch.add(residual_BHL[tile], y_tile, out=z_BHL[tile])
        return z_BHL

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz_BHL: Tensor) -> tuple[Tensor | None, ...]:
        x_BHL, weight, bias, hidden_factor, output_factor = ctx.saved_tensors
        dx_BHL = torch.empty_like(x_BHL, memory_format=torch.contiguous_format)
        # Sums over many tiles are kept in at least float32.
        d_weight = torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
        d_bias = torch.zeros_like(bias, dtype=d_weight.dtype)
        transposed = weight.T.contiguous()
        for tile in _tiles(x_BHL, weight):
            factor = _part(hidden_factor, x_BHL, tile)
            hidden = scaled(F.gelu(x_BHL[tile]), factor).to(weight.dtype)
            dy = scaled(dz_BHL[tile], _part(output_factor, x_BHL, tile)).to(weight.dtype)
            d_linear = dy
            if ctx.gated:
                d_linear = torch.ops.aten.glu_backward(dy, _linear(hidden, weight, bias), 1)
            d_weight += torch.bmm(d_linear, hidden.transpose(1, 2)).sum(0)
            d_bias += d_linear.sum((0, 2))
            d_hidden = torch.bmm(transposed.expand(len(dy), -1, -1), d_linear).to(x_BHL.dtype)
            torch.ops.aten.gelu_backward.grad_input(
                scaled(d_hidden, factor), x_BHL[tile], grad_input=dx_BHL[tile]
            )
        d_weight, d_bias = d_weight.to(weight.dtype), d_bias.to(bias.dtype)
        return dx_BHL, dz_BHL, d_weight, d_bias, None, None, None


Tile = tuple[slice, slice, slice]


def _linear(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.baddbmm(bias[:, None], weight.expand(hidden.shape[0], -1, -1), hidden)


def _part(factor: Tensor | None, x_BHL: Tensor, tile: Tile) -> Tensor | None:
    return None if factor is None else factor.expand_as(x_BHL)[tile]


def _tiles(x_BHL: Tensor, weight: Tensor) -> Iterator[Tile]:
    """Blocks of rows and times whose linear maps fit in a processor's cache."""
    batch, _, length = x_BHL.shape
    steps = max(1, TILE_BYTES // (weight.shape[0] * weight.element_size()))
    rows = max(1, steps // length)
    for row in range(0, batch, rows):
        for start in range(0, length, steps):
            yield slice(row, row + rows), slice(None), slice(start, start + steps)

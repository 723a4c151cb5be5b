"""Time in chunks, and matrices that act on a chunk.

Pieces have the shape (channels, chunks, batch, steps of a chunk).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def empty_pieces(x_BHL: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """Room for the chunks of x, for `cut` to fill."""
    batch, channels, length = x_BHL.shape
    shape = channels, -(-length // steps), batch, steps
    return torch.empty(shape, dtype=dtype, device=x_BHL.device)


def cut(x_BHL: Tensor, pieces: Tensor) -> None:
    """Cut time into chunks, the last one padded with zeros."""
    steps = pieces.shape[-1]
    full, rest = divmod(x_BHL.shape[-1], steps)
    whole_BHL = x_BHL[..., : full * steps]
    pieces[:, :full] = in_pieces(whole_BHL, steps).permute(1, 2, 0, 3)
    if rest:
        pieces[:, full, :, :rest] = x_BHL[..., full * steps :].transpose(0, 1)
        pieces[:, full, :, rest:] = 0


def join(pieces: Tensor, x_BHL: Tensor) -> Tensor:
    """Join chunks into `x_BHL`, which is returned."""
    steps = pieces.shape[-1]
    full, rest = divmod(x_BHL.shape[-1], steps)
    whole_BHL = x_BHL[..., : full * steps]
    in_pieces(whole_BHL, steps).copy_(pieces[:, :full].permute(2, 0, 1, 3))
    if rest:
        x_BHL[..., full * steps :] = pieces[:, full, :, :rest].transpose(0, 1)
    return x_BHL


def in_pieces(x: Tensor, size: int) -> Tensor:
    """A view (..., pieces, size) of (..., pieces * size)."""
    return x.view(*x.shape[:-1], x.shape[-1] // size, size)


def toeplitz(taps_HT: Tensor) -> Tensor:
    """Entry (j, t) is tap t - j, 0 for t < j."""
    steps = taps_HT.shape[-1]
    return F.pad(taps_HT, (steps - 1, 0)).unfold(-1, steps, 1).flip(1)


def diagonal_sums(matrix_HTT: Tensor, dtype: torch.dtype) -> Tensor:
    """Adjoint of `toeplitz`: for each tap the sum of its diagonal."""
    steps = matrix_HTT.shape[-1]
    # Rows of 2 T entries, read as rows of 2 T - 1, slip by one from row to row.
    slipped = F.pad(matrix_HTT.flip(1), (0, steps)).flatten(1)[:, : steps * (2 * steps - 1)]
    return slipped.view(-1, steps, 2 * steps - 1).sum(1, dtype=dtype)[:, steps - 1 :]

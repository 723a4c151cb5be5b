"""Pieces of an SGConv kernel in a stream: filters of a few weights, and the shapes they share.

A piece has d weights w_j that lie s lags apart, from lag o on, and is linear (or constant) in
between. With phi_s the shape of one weight, and E_s what is left at both ends of the piece, where
it stops instead of falling to zero,

    z(t) = sum_j w_j x(t - o - s j),    v(t) = w_0 x(t - o) - w_(d - 1) x(t - o - s d)
    piece * x = phi_s * z + E_s * v

so a piece costs d products a sample where its taps would cost s d. There is no v if it is constant
between the weights.

Shape suffixes: T time steps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Piece:
    """A piece of a kernel.

    Attributes:
        weights: (channels, d), with their decay and norm.
        spacing: lags s between the weights, a power of two.
        start: first lag o.
        linear: linear between the weights, or constant around each.
    """

    weights: Tensor
    spacing: int
    start: int
    linear: bool

    @property
    def end(self) -> int:
        """First lag after it."""
        return self.start + self.spacing * self.weights.shape[1]

    @property
    def youngest(self) -> int:
        """Smallest lag that phi * z reaches."""
        return self.start - (self.spacing // 2 if self.linear else 0)

    @property
    def oldest(self) -> int:
        """Largest lag that phi * z reaches."""
        return self.youngest + self.spacing * (self.weights.shape[1] - 1) + self.width - 1

    @property
    def width(self) -> int:
        """Taps of phi."""
        return 2 * self.spacing if self.linear else self.spacing

    def rows(self, samples: int) -> int:
        """Rows of s samples of z for so many samples of output."""
        return math.ceil((samples + self.width - 1) / self.spacing)

    def inputs(self, samples: int) -> tuple[int, int]:
        """First input that these rows read, counted from the first output, and the one after."""
        steps = self.rows(samples) + self.weights.shape[1] - 1
        return -self.oldest, -self.oldest + self.spacing * steps


def hat(spacing: int, linear: bool) -> Tensor:
    """The shape phi of one weight.

    Args:
        spacing: lags s between the weights.
        linear: linear between the weights, or constant around each.

    Returns:
        (2 s,) from lag -s / 2 on, or (s,) from lag 0 on; float64.
    """
    if not linear:
        return torch.ones(spacing, dtype=torch.float64)
    lag = torch.arange(2 * spacing, dtype=torch.float64)
    return 1 - (lag - spacing + 0.5).abs() / spacing


def end_shape(spacing: int) -> Tensor:
    """The shape E of the ends of a linear piece, a step minus a ramp.

    Args:
        spacing: lags s between the weights, even.

    Returns:
        (s,) from lag -s / 2 on; float64.
    """
    lag = torch.arange(spacing, dtype=torch.float64)
    return (lag >= spacing // 2).double() - (lag + 0.5) / spacing


class Shapes(nn.Module):
    """phi * z + E * v of pieces whose spacings double, by way of the finest.

    A hat is the sum of three of half its width, a box of two: phi_2s = h_s * phi_s. And wide ends
    are narrow ones and hats: E_4s = E_2s + g_s * phi_s. So with f the finest spacing, and V_s the
    sum of all v from spacing s on,

        y_s = z_s + h_s * y_2s + g_s * V_4s,    sum_s phi_s * z_s + E_s * v_s = phi * y + E_f * V_f

    where the last phi and y are those of f / 2 if there is any v, otherwise of f.

    Args:
        finest: piece of spacing f.
        channels: of z and v.
        dtype: of the taps.
        ends: whether there is any v.
    """

    refine: Tensor
    hat: Tensor
    slope: Tensor
    end: Tensor

    def __init__(self, finest: Piece, channels: int, dtype: torch.dtype, *, ends: bool) -> None:
        super().__init__()
        self.spacing, self.ends = finest.spacing, ends
        self.finest = finest.spacing // 2 if ends else finest.spacing
        taps = {
            "refine": torch.tensor([0.5, 1, 0.5] if finest.linear else [1.0, 1.0]),
            "hat": hat(self.finest, finest.linear),
        }
        if ends:
            taps |= {"slope": torch.tensor([-0.25, 0.25]), "end": end_shape(self.spacing)}
        for name, value in taps.items():
            row = value.flip(-1).to(dtype).expand(channels, 1, 1, -1)
            self.register_buffer(name, row.contiguous())

    def forward(self, z: Mapping[int, Tensor], v: Mapping[int, Tensor]) -> Tensor:
        """Sum the pieces.

        Args:
            z: for each spacing (streams, channels, 1, time), longer than the output by one less
                than the taps of phi.
            v: as long as the output and E, less one; empty without ends.

        Returns:
            (streams, channels, 1, time).
        """
        spacing = max(z)
        y, V = z[spacing], None
        while spacing > self.finest:
            spacing //= 2
            y = convolve(y, self.refine, spacing)
            if spacing in z:
                y = y + z[spacing]
            if 4 * spacing in v:
                V = _sum_of_ends(V, v, 4 * spacing)
                y = y + convolve(V, self.slope, 2 * spacing)
        y = convolve(y, self.hat)
        return y + convolve(_sum_of_ends(V, v, self.spacing), self.end) if v else y


def _sum_of_ends(wider: Tensor | None, v: Mapping[int, Tensor], spacing: int) -> Tensor:
    """V of one spacing from that of twice the spacing."""
    if wider is None:
        return v[spacing]
    return wider[..., spacing // 2 : -spacing // 2] + v[spacing]


class NearPieces(nn.Module):
    """The first taps of a kernel and the pieces after them, from the last inputs.

    Args:
        taps: the kernel before the first piece (channels, lags), with the skip.
        pieces: in order of their lags, each of twice the spacing of the last; there may be none.
        dtype: of the taps.

    Attributes:
        reach: oldest lag that is read.
    """

    taps: Tensor

    def __init__(self, taps: Tensor, pieces: list[Piece], dtype: torch.dtype) -> None:
        super().__init__()
        self.pieces = pieces
        self.reach = pieces[-1].oldest if pieces else taps.shape[1] - 1
        self.shapes = Shapes(pieces[0], len(taps), dtype, ends=False) if pieces else None
        tables = {"taps": taps}
        for piece in pieces:
            s, w_Hd = piece.spacing, piece.weights
            tables[f"weights_{s}"] = w_Hd
            if piece.linear:
                tables[f"ends_{s}"] = torch.stack([w_Hd[:, 0], -w_Hd[:, -1]], dim=1)
                tables[f"end_shape_{s}"] = end_shape(s).expand(len(taps), -1)
        for name, value in tables.items():
            self.register_buffer(name, value.flip(-1)[:, None, None].to(dtype))

    def forward(self, seen: Tensor, frames: int) -> Tensor:
        """The last frames of the output.

        Args:
            seen: inputs up to now (streams, channels, reach + frames or more).
            frames: L.

        Returns:
            (streams, channels, L).
        """
        x_BC1T, T = seen[:, :, None], seen.shape[-1]
        y = convolve(x_BC1T[..., T - frames - self.taps.shape[-1] + 1 :], self.taps)
        z = {}
        for piece in self.pieces:
            s = piece.spacing
            x = x_BC1T[..., T - frames - piece.oldest : T - piece.youngest]
            z[s] = convolve(x, self.get_buffer(f"weights_{s}"), s)
            if piece.linear:
                v = convolve(x, self.get_buffer(f"ends_{s}"), piece.end - piece.start)
                y = y + convolve(v, self.get_buffer(f"end_shape_{s}"))
        if self.shapes is not None:
            y = y + self.shapes(z, {})
        return y[:, :, 0]


def convolve(x: Tensor, taps: Tensor, dilation: int = 1) -> Tensor:
    """Each channel of (streams, channels, 1, time) with its taps (channels, 1, 1, number).

    As an image of one row: ONNX Runtime has a fast depthwise convolution for images only.
    """
    return F.conv2d(x, taps, dilation=(1, dilation), groups=len(taps))

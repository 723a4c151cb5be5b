"""Long pieces of an SGConv kernel in a stream: rows of samples, computed ahead, in turns.

A piece has d weights w_j that lie s lags apart, from lag o on, and is linear (or constant) in
between. With phi the shape of one weight, and E what is left at both ends of the piece, where it
stops instead of falling to zero,

    z(t) = sum_j w_j x(t - o - s j),    v(t) = w_0 x(t - o) - w_(d - 1) x(t - o - s d)
    y    = phi * z + E * v

In rows of s samples z is a product with a Toeplitz matrix of the weights: d products a sample where
the taps themselves would take s d. phi and E are one matrix for all channels.

A piece needs no input that is younger than o. So it is computed k chunks at once and ahead of time,
in each call for another k-th of the channels: every call does the same work and reads only that
part of the past.

Suffixes: K pieces, C channels of a group, N rows of the past, M rows of z, S samples of a row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.streaming.step import State, Step


@dataclass(frozen=True)
class Piece:
    """A piece of a kernel.

    Attributes:
        weights: (channels, d), with their decay and norm.
        spacing: lags s between the weights, even.
        start: first lag o.
        linear: linear between the weights, or constant around each.
        groups: number k of groups of channels that take turns.
    """

    weights: Tensor
    spacing: int
    start: int
    linear: bool
    groups: int

    @property
    def reach(self) -> int:
        """Lags by which the shapes reach back before their weight; from there they are causal."""
        return self.spacing // 2 if self.linear else 0


class LongPieces(Step):
    """The sum of some pieces, a chunk at a time.

    All that is large in the state lies in rows of one chunk, of which a call replaces a few: a
    runtime that keeps the next state in the memory of the state copies nothing. Rows are read after
    they are written, so that this is safe.

    Args:
        pieces: in order of their lags.
        frames: frames L of a chunk.
        dtype: of the matrices and the state.
    """

    groups: Tensor
    past_rows: Tensor
    past_chunks: Tensor
    ahead_rows: Tensor
    ahead_chunks: Tensor
    now_rows: Tensor

    def __init__(self, pieces: list[Piece], frames: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.channels = H = len(pieces[0].weights)
        self.frames, self.dtype = frames, dtype
        self.pieces = nn.ModuleList(RowPiece(piece, frames, dtype) for piece in pieces)
        most = max(piece.groups for piece in pieces)
        oldest = max(-piece.first_chunk for piece in self._pieces())
        # The ring holds every chunk that is read, and this one; every k divides its length.
        self.slots = math.ceil((oldest + 1) / most) * most
        # Rows of the first group of channels, and chunks counted from this one.
        names = ("past_rows", "past_chunks", "ahead_rows", "ahead_chunks", "now_rows")
        tables: dict[str, list[Tensor]] = {name: [] for name in names}
        n_H, self.ahead_length = torch.arange(H), 0
        for piece in self._pieces():
            k, C = piece.weights.shape[:2]
            chunks = torch.arange(piece.first_chunk, piece.first_chunk + piece.chunks)
            tables["past_rows"].append((n_H[:C] * self.slots).repeat_interleave(piece.chunks))
            tables["past_chunks"].append(chunks.repeat(C))
            tables["ahead_rows"].append(self.ahead_length + n_H // k * k)
            tables["ahead_chunks"].append(n_H % k)
            tables["now_rows"].append(self.ahead_length + n_H * k)
            self.ahead_length += H * k
        self.register_buffer("groups", torch.tensor([piece.groups for piece in pieces])[:, None])
        for name, parts in tables.items():
            is_past = name.startswith("past")
            self.register_buffer(name, torch.cat(parts) if is_past else torch.stack(parts))

    def initial_state(self, batch: int) -> State:
        """See [s4audio.streaming.step.Step][].

        `count` is the number of chunks so far modulo the length of the ring, the same for all
        streams; `past` holds a ring of chunks for each channel; `ahead` holds, for each piece and
        channel, a ring of outputs for the next k chunks.
        """
        count = torch.zeros(batch, 1, dtype=self.dtype, device=self.groups.device)
        return {
            "count": count,
            "past": count.new_zeros(batch, self.channels * self.slots, self.frames),
            "ahead": count.new_zeros(batch, self.ahead_length, self.frames),
        }

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """The next chunk of (streams, channels, frames); see [s4audio.streaming.step.Step][]."""
        B, H, L = x.shape
        pieces = self._pieces()
        count = state["count"][0, 0].to(torch.int64)
        past = put_rows(state["past"], torch.arange(H, device=x.device) * self.slots + count, x)
        turn_K1 = count % self.groups
        rows = self.past_rows + (self.past_chunks + count) % self.slots
        rows_K = torch.split(rows, [piece.weights.shape[1] * piece.chunks for piece in pieces])
        outputs = []
        for piece, turn, rows in zip(pieces, turn_K1.unbind(), rows_K, strict=True):
            C = piece.weights.shape[1]
            x_BRL = past.index_select(1, rows + turn * (C * self.slots))
            outputs.append(piece(x_BRL.view(B, C, piece.chunks * L), turn))
        # A group has k rows for each of its C channels: H rows.
        rows_KH = self.ahead_rows + turn_K1 * H + (self.ahead_chunks + count) % self.groups
        ahead = put_rows(state["ahead"], rows_KH.flatten(), torch.cat(outputs, dim=1))
        now_K = (self.now_rows + turn_K1).unbind()
        y_BHL = ahead.index_select(1, now_K[0])
        for rows in now_K[1:]:
            y_BHL = y_BHL + ahead.index_select(1, rows)
        return y_BHL, {"count": (state["count"] + 1) % self.slots, "past": past, "ahead": ahead}

    def _pieces(self) -> list["RowPiece"]:
        return [piece for piece in self.pieces if isinstance(piece, RowPiece)]


class RowPiece(nn.Module):
    """One piece for one group of channels, k chunks at once.

    Args:
        piece: what to compute.
        frames: frames of a chunk.
        dtype: of the matrices.

    Attributes:
        first_chunk: first chunk of the past that is read, counted from this one.
        chunks: number of chunks that are read.
    """

    weights: Tensor
    ends: Tensor
    shapes: Tensor

    def __init__(self, piece: Piece, frames: int, dtype: torch.dtype) -> None:
        super().__init__()
        H, d = piece.weights.shape
        s, k = piece.spacing, piece.groups
        self.frames, self.spacing, self.linear = frames, s, piece.linear
        self.samples = k * frames
        self.rows = math.ceil(self.samples / s)
        self.past_length = self.rows + d + 1
        oldest = piece.start - piece.reach + s * (d + 1)
        self.first_chunk = -math.ceil(oldest / frames)
        self.skip = -self.first_chunk * frames - oldest
        self.chunks = math.ceil((self.skip + s * self.past_length) / frames)
        padded = F.pad(piece.weights.flip(-1), (0, self.rows + 2))
        self.register_buffer("weights", padded.reshape(k, H // k, -1).to(dtype))
        ends = torch.stack([piece.weights[:, 0], -piece.weights[:, -1]], dim=1)
        self.register_buffer("ends", ends.reshape(k, H // k, 2, 1, 1).to(dtype))
        self.register_buffer("shapes", row_shapes(s, piece.linear).to(dtype))

    def forward(self, x_BCT: Tensor, group: Tensor) -> Tensor:
        """Outputs of k chunks, this one the first.

        Args:
            x_BCT: what is read of the past (streams, C, chunks * frames).
            group: of channels (1,).

        Returns:
            (streams, C * k, frames).
        """
        B, C, _ = x_BCT.shape
        s, M, N = self.spacing, self.rows, self.past_length
        x_BCNS = x_BCT[..., self.skip : self.skip + N * s].view(B, C, N, s)
        # Cut into rows of one less than its period, a vector moves on by one from row to row.
        w_C1T = self.weights.index_select(0, group)[0][:, None]
        T_CT = w_C1T.expand(-1, M + 2, -1).flatten(1)[:, : (M + 2) * N]
        z_BCMS = T_CT.reshape(C, M + 2, N) @ x_BCNS
        parts = [z_BCMS[:, :, i : i + M] for i in range(3)]
        if self.linear:
            first, last = self.ends.index_select(0, group)[0].unbind(1)
            v_BCMS = first * x_BCNS[:, :, N - M - 1 :] + last * x_BCNS[:, :, : M + 1]
            parts += [v_BCMS[:, :, i : i + M] for i in range(2)]
        y_BCT = (torch.cat(parts, dim=-1) @ self.shapes).flatten(2)[..., : self.samples]
        return y_BCT.reshape(B, C * self.samples // self.frames, self.frames)


def row_shapes(spacing: int, linear: bool) -> Tensor:
    """The shapes phi and E as one matrix, from rows to a row.

    The rows are z two rows ago, one ago, and now; for a linear piece also v one row ago and now.

    Args:
        spacing: samples s of a row, even.
        linear: linear between the weights, or constant around each, which needs no E.

    Returns:
        (5 s, s), or (3 s, s); float64.
    """
    lag = torch.arange(2 * spacing, dtype=torch.float64)
    if not linear:
        return _rows_to_row((lag < spacing).double(), spacing, 3)
    phi = 1 - (lag - spacing + 0.5).abs() / spacing
    E = (lag >= spacing // 2).double() - (lag + 0.5) / spacing
    return torch.cat([_rows_to_row(phi, spacing, 3), _rows_to_row(E[:spacing], spacing, 2)])


def put_rows(x: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """A copy of x (streams, n, frames) in which some rows of each stream are replaced."""
    stream_B1 = torch.arange(x.shape[0], device=x.device)[:, None]
    return x.index_put((stream_B1, index[None]), rows)


def _rows_to_row(taps: Tensor, spacing: int, rows: int) -> Tensor:
    """A filter as a matrix from some rows in succession to the last of them."""
    lag = (rows - 1) * spacing + torch.arange(spacing) - torch.arange(rows * spacing)[:, None]
    inside = (lag >= 0) & (lag < len(taps))
    return torch.where(inside, taps[lag.clamp(0, len(taps) - 1)], 0)

"""The far pieces of an SGConv kernel: computed ahead of time, in turns.

They need no young input. So they are computed k chunks at once and ahead of time, in each call for
another k-th of the channels: every call does the same work and reads only that part of the past.

Suffixes: C channels of a group, N rows of the past, M rows of z, S samples of a row.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.streaming.pieces import Piece, Shapes
from s4audio.streaming.step import State


class FarPieces(nn.Module):
    """The last pieces of a kernel, a chunk at a time, and the past that all pieces read.

    All that is large in the state lies in rows of one chunk, of which a call replaces a few: a
    runtime that keeps the next state in the memory of the state copies nothing. Rows are read after
    they are written, so that this is safe.

    Args:
        pieces: in order of their lags, each of twice the spacing of the last.
        groups: number k of groups of channels that take turns.
        frames: frames L of a chunk.
        reach: oldest lag that the near pieces read.
        dtype: of the matrices and the state.
    """

    def __init__(
        self, pieces: list[Piece], groups: int, frames: int, reach: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.frames, self.groups, self.channels = frames, groups, len(pieces[0].weights)
        self.rows = nn.ModuleList(RowPiece(piece, groups, frames, dtype) for piece in pieces)
        linear = pieces[0].linear
        self.shapes = Shapes(pieces[0], self.channels // groups, dtype, ends=linear)
        rows = self._rows()
        self.first_chunk = min(row.first for row in rows) // frames
        self.chunks = math.ceil(max(row.last for row in rows) / frames) - self.first_chunk
        self.origin = self.first_chunk * frames
        self.near_chunks = math.ceil(reach / frames)
        # The ring holds every chunk that is read, and this one; k divides its length.
        oldest = max(-self.first_chunk, self.near_chunks)
        self.slots = math.ceil((oldest + 1) / groups) * groups

    def initial_state(self, batch: int) -> State:
        """State before the first chunk.

        `count` is the number of chunks so far modulo the length of the ring, the same for all
        streams; `past` holds a ring of chunks for each channel, and `ahead` a ring of outputs for
        the next k chunks.
        """
        count = self.shapes.refine.new_zeros(batch, 1)
        return {
            "count": count,
            "past": count.new_zeros(batch, self.channels * self.slots, self.frames),
            "ahead": count.new_zeros(batch, self.channels * self.groups, self.frames),
        }

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, State]:
        """The next chunk of (streams, channels, frames).

        Returns:
            the output of the far pieces (streams, channels, frames), the inputs up to now that the
            near pieces read (streams, channels, time), and the next state.
        """
        B, H, L = x.shape
        k, slots, C = self.groups, self.slots, H // self.groups
        count = state["count"][0].to(torch.int64)
        turn = count % k
        n_H = torch.arange(H, device=x.device)
        past = put_rows(state["past"], n_H * slots + count, x)

        def places(first: int, number: int) -> Tensor:
            """Where chunks in succession are in the ring, the first counted from this one."""
            chunk = torch.arange(first, first + number, device=x.device) % slots
            return (chunk + count) % slots

        rows = (n_H[:C, None] + turn * C) * slots + places(self.first_chunk, self.chunks)
        x_BCT = past.index_select(1, rows.flatten()).view(B, C, self.chunks * L)
        z, v = {}, {}
        for row in self._rows():
            window = x_BCT[..., row.first - self.origin : row.last - self.origin]
            z[row.spacing] = row(window, turn)
            if row.linear:
                v[row.spacing] = row.at_ends(window, turn)
        y_BHL = self.shapes(z, v).view(B, H, L)
        # Of every channel of the group k chunks, from this one on: H rows.
        ahead = put_rows(state["ahead"], turn * H + n_H // k * k + (n_H + count) % k, y_BHL)
        near = places(-self.near_chunks, self.near_chunks + 1)
        seen_BHT = past.view(B, H, slots, L).index_select(2, near).view(B, H, len(near) * L)
        next_count = ((count + 1) % slots).to(x.dtype).expand(B, 1)
        next_state = {"count": next_count, "past": past, "ahead": ahead}
        return ahead.index_select(1, n_H * k + turn), seen_BHT, next_state

    def _rows(self) -> list["RowPiece"]:
        return [row for row in self.rows if isinstance(row, RowPiece)]


class RowPiece(nn.Module):
    """z and v of one piece for one group of channels, k chunks at once.

    In rows of s samples z is a product with a Toeplitz matrix of the weights.

    Args:
        piece: what to compute.
        groups: number k of groups.
        frames: frames of a chunk.
        dtype: of the weights.

    Attributes:
        spacing: s.
        first: first input that is read, counted from the first of this chunk.
        last: the one after the last.
    """

    weights: Tensor
    start: Tensor
    end: Tensor

    def __init__(self, piece: Piece, groups: int, frames: int, dtype: torch.dtype) -> None:
        super().__init__()
        H = len(piece.weights)
        self.spacing, self.linear = piece.spacing, piece.linear
        self.length = piece.end - piece.start
        self.samples = groups * frames + piece.width - 1
        self.z_rows = piece.rows(groups * frames)
        self.first, self.last = piece.inputs(groups * frames)
        padded = F.pad(piece.weights.flip(-1), (0, self.z_rows))
        tables = {"weights": padded, "start": piece.weights[:, :1], "end": -piece.weights[:, -1:]}
        for name, value in tables.items():
            self.register_buffer(name, value.reshape(groups, H // groups, 1, -1).to(dtype))

    def forward(self, x_BCT: Tensor, group: Tensor) -> Tensor:
        """z, longer than the output by one less than the taps of phi.

        Args:
            x_BCT: the inputs (streams, C, last - first).
            group: of channels (1,).

        Returns:
            (streams, C, 1, time).
        """
        B, C, _ = x_BCT.shape
        # Sizes are numbers and not -1, whose symbols make the export take minutes.
        M, N = self.z_rows, (self.last - self.first) // self.spacing
        x_BCNS = x_BCT.view(B, C, N, self.spacing)
        # Cut into rows of one less than its period, a vector moves on by one from row to row.
        w_1C1T = self.weights.index_select(0, group)
        T_1CMN = w_1C1T.expand(-1, -1, M, -1).flatten(2)[..., : M * N].view(1, C, M, N)
        return (T_1CMN @ x_BCNS).view(B, C, 1, M * self.spacing)[..., : self.samples]

    def at_ends(self, x_BCT: Tensor, group: Tensor) -> Tensor:
        """v, longer than the output by one less than the taps of E; see `forward`."""
        T = self.samples - self.spacing
        x_BC1T = x_BCT[:, :, None]
        start_BC1T = self.start.index_select(0, group) * x_BC1T[..., self.length : self.length + T]
        return start_BC1T + self.end.index_select(0, group) * x_BC1T[..., :T]


def put_rows(x: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """A copy of x (streams, n, frames) in which some rows of each stream are replaced."""
    stream_B1 = torch.arange(x.shape[0], device=x.device)[:, None]
    return x.index_put((stream_B1, index[None]), rows)

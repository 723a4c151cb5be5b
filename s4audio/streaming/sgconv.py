"""Streaming step of SGConv: the kernel itself, all of it.

The kernel ends, so the layer is a finite filter, however long. Its first taps are a depthwise
convolution of the last inputs; for chunks of a few frames, as behind a strided encoder, that is
all. In longer chunks pieces whose weights lie some lags apart are filters of these weights and one
shape for all: see [s4audio.streaming.pieces][]. The far ones are computed ahead of time: see
[s4audio.streaming.far_pieces][].

Source: Li, Cai, Zhang, Chen, Dey, "What Makes Convolutional Models Great on Long Sequence
Modeling?" (2023), section 3.2, for the kernel.
"""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from s4audio.errors import UserError
from s4audio.kernels import SGConvKernel
from s4audio.kernels.base import per_channel
from s4audio.streaming.far_pieces import FarPieces
from s4audio.streaming.pieces import NearPieces, Piece
from s4audio.streaming.step import State, Step

LONG_CHUNK = 64
"""Frames of a chunk from which pieces are cheaper than taps."""

NEAR_SPACING = 2
"""Lags between the weights of a piece from which its weights may do the work of its taps."""

FAR_SPACING = 32
"""Lags between the weights of a piece from which it is computed ahead."""

MOST_GROUPS = 8
"""Groups of channels that take turns, at most."""

SMALLEST_GROUP = 16
"""Channels of a group, at least; ONNX Runtime convolves so many at once."""


class SGConvStep(Step):
    """A finite filter, a chunk at a time.

    Args:
        kernel: causal.
        D: skip (channels,).
        frames: frames of a chunk.
        rate: evaluation step / training step.
        dtype: of the matrices and the state.

    Raises:
        UserError: for a bidirectional kernel.
    """

    def __init__(
        self, kernel: SGConvKernel, D: Tensor, frames: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        if kernel.directions == 2:
            raise UserError(
                "a bidirectional kernel cannot stream, because it needs the future: "
                "train with bidirectional=False"
            )
        near, far = divide(pieces_of(kernel, rate), frames)
        length = (near + far)[0].start if near + far else support(kernel, rate)
        with torch.no_grad():
            taps_HL = copy.deepcopy(kernel).double().sample(length, rate)[0]
            taps_HL[:, 0] += D
        self.near = NearPieces(taps_HL, near, dtype)
        reach = self.near.reach
        self.far = FarPieces(far, groups(far, frames), frames, reach, dtype) if far else None
        self.in_place = ("past", "ahead") if far else ()

    def initial_state(self, batch: int) -> State:
        """See [s4audio.streaming.step.Step][].

        `recent` holds the inputs that the near pieces reach; a long kernel has the state of its far
        pieces instead.
        """
        if self.far is not None:
            return self.far.initial_state(batch)
        taps, reach = self.near.taps, self.near.reach
        return {"recent": taps.new_zeros(batch, len(taps), reach)} if reach else {}

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """The next chunk of (channels, streams, frames); see [s4audio.streaming.step.Step][]."""
        u_BHL = x.transpose(0, 1)
        L = u_BHL.shape[-1]
        if self.far is not None:
            late_BHL, seen_BHT, next_state = self.far(u_BHL, state)
            y_BHL = self.near(seen_BHT, L) + late_BHL
        elif "recent" in state:
            seen_BHT = torch.cat([state["recent"], u_BHL], dim=-1)
            next_state = {"recent": seen_BHT[..., L:]}
            y_BHL = self.near(seen_BHT, L)
        else:
            y_BHL, next_state = self.near(u_BHL, L), {}
        return y_BHL.transpose(0, 1), next_state


def support(kernel: SGConvKernel, rate: float) -> int:
    """Number of taps of a whole kernel.

    Args:
        kernel: any.
        rate: evaluation step / training step.

    Returns:
        taps on the grid of that rate.
    """
    lengths = [w.shape[-1] * s for w, s in zip(kernel.weights, _spacings(kernel), strict=True)]
    taps: int = max(lengths) if kernel.combination == "sum" else sum(lengths)
    return math.floor((taps - 1) / rate) + 1


def pieces_of(kernel: SGConvKernel, rate: float) -> list[Piece]:
    """The pieces of a kernel that follow each other with weights on every second lag or fewer.

    A power-law decay bends the kernel between its weights, another rate moves it off their grid,
    and pieces may lie over each other: then there are none.

    Args:
        kernel: causal.
        rate: evaluation step / training step.

    Returns:
        pieces in order of their lags; the kernel before the first of them is plain taps.
    """
    if kernel.is_power_law or kernel.combination == "sum" or rate != 1:
        return []
    pieces, start = [], 0
    for i, (parameter, spacing) in enumerate(zip(kernel.weights, _spacings(kernel), strict=True)):
        w_Hd = per_channel(parameter.detach()[0].double(), kernel.channels)
        decay_H = kernel.decay.detach().double() ** (kernel.n_scales - 1 - i)
        w_Hd = w_Hd * decay_H[:, None] / kernel.kernel_norm[0].double()
        piece = Piece(w_Hd, spacing, start, kernel.interpolation == "linear")
        if i > 0 and spacing >= NEAR_SPACING:
            pieces.append(piece)
        start = piece.end
    return pieces


def divide(pieces: list[Piece], frames: int) -> tuple[list[Piece], list[Piece]]:
    """Which pieces are computed from the inputs of every chunk, and which ahead of time.

    Args:
        pieces: in order of their lags.
        frames: frames of a chunk.

    Returns:
        near pieces, none if all that is near is computed by its taps; and far pieces.
    """
    first = len(pieces)
    while first and _can_be_far(pieces[first - 1], frames):
        first -= 1
    return pieces[:first] if frames >= LONG_CHUNK else [], pieces[first:]


def groups(pieces: list[Piece], frames: int) -> int:
    """Groups of channels that can take turns, because no output needs an input to come."""
    H = len(pieces[0].weights)
    most = max(1, min(MOST_GROUPS, H // SMALLEST_GROUP))
    return max(
        k
        for k in range(1, most + 1)
        if H % k == 0 and all(p.inputs(k * frames)[1] <= frames for p in pieces)
    )


def _can_be_far(piece: Piece, frames: int) -> bool:
    return piece.spacing >= FAR_SPACING and piece.inputs(frames)[1] <= frames


def _spacings(kernel: SGConvKernel) -> list[int]:
    """Lags between the weights of each piece."""
    overlaid = kernel.combination == "sum"
    doublings = [i if overlaid else max(0, i - 1) for i in range(kernel.n_scales)]
    return [2 ** (n + kernel.init_scale) for n in doublings]

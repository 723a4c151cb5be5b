"""Streaming step of SGConv: the kernel itself, all of it.

The kernel ends, so the layer is a finite filter, however long. Its first taps are a depthwise
convolution of the last inputs; for kernels of a thousand frames or so, as behind a strided encoder,
that is all. Of a longer kernel the pieces whose weights lie far apart are computed by rows, ahead
of time: see [s4audio.streaming.pieces][].

Source: Li, Cai, Zhang, Chen, Dey, "What Makes Convolutional Models Great on Long Sequence
Modeling?" (2023), section 3.2, for the kernel.
"""

import copy
import dataclasses
import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.kernels import SGConvKernel
from s4audio.kernels.base import per_channel
from s4audio.streaming.pieces import LongPieces, Piece
from s4audio.streaming.step import State, Step

SHORTEST_SPACING = 16
"""Lags between the weights of a piece from which rows are cheaper than taps."""

MOST_GROUPS = 16
"""Groups of channels that take turns, at most."""


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

    taps: Tensor

    def __init__(
        self, kernel: SGConvKernel, D: Tensor, frames: int, rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        if kernel.directions == 2:
            raise UserError(
                "a bidirectional kernel cannot stream, because it needs the future: "
                "train with bidirectional=False"
            )
        pieces = long_pieces(kernel, frames, rate)
        length = pieces[0].start if pieces else support(kernel, rate)
        with torch.no_grad():
            taps_HL = copy.deepcopy(kernel).double().sample(length, rate)[0]
            taps_HL[:, 0] += D
        self.register_buffer("taps", taps_HL.flip(-1)[:, None, None].to(dtype))
        self.tail = LongPieces(pieces, frames, dtype) if pieces else None
        if pieces:
            self.in_place = ("past", "ahead")

    def initial_state(self, batch: int) -> State:
        """See [s4audio.streaming.step.Step][].

        `recent` holds the inputs that the taps reach; a long kernel adds the state of its pieces.
        """
        H, reach = len(self.taps), self.taps.shape[-1] - 1
        state = {"recent": self.taps.new_zeros(batch, H, reach)} if reach else {}
        return state if self.tail is None else {**state, **self.tail.initial_state(batch)}

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """The next chunk of (channels, streams, frames); see [s4audio.streaming.step.Step][]."""
        u_BHL = seen_BHT = x.transpose(0, 1)
        next_state: State = {}
        if "recent" in state:
            seen_BHT = torch.cat([state["recent"], u_BHL], dim=-1)
            next_state["recent"] = seen_BHT[..., u_BHL.shape[-1] :]
        # Two-dimensional: ONNX Runtime has a fast depthwise convolution for images only.
        y_BHL = F.conv2d(seen_BHT[:, :, None], self.taps, groups=len(self.taps))[:, :, 0]
        if self.tail is not None:
            late_BHL, tail_state = self.tail(u_BHL, state)
            y_BHL = y_BHL + late_BHL
            next_state.update(tail_state)
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


def long_pieces(kernel: SGConvKernel, frames: int, rate: float) -> list[Piece]:
    """The last pieces of a kernel, those that are worth computing by rows.

    A power-law decay bends the kernel between its weights, another rate moves it off their grid,
    and overlaid pieces leave no time to compute ahead: then there are none.

    Args:
        kernel: causal.
        frames: frames of a chunk.
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
        piece = Piece(w_Hd, spacing, start, kernel.interpolation == "linear", groups=1)
        groups = [k for k in _powers_of_two(MOST_GROUPS) if _can_be_ahead(piece, k, frames)]
        if spacing >= SHORTEST_SPACING and groups:
            pieces.append(dataclasses.replace(piece, groups=max(groups)))
        start += spacing * w_Hd.shape[1]
    return pieces


def _can_be_ahead(piece: Piece, groups: int, frames: int) -> bool:
    """Whether whole rows of so many chunks need no input of these chunks."""
    samples = math.ceil(groups * frames / piece.spacing) * piece.spacing
    return len(piece.weights) % groups == 0 and samples <= piece.start - piece.reach


def _powers_of_two(most: int) -> list[int]:
    return [2**i for i in range(most.bit_length())]


def _spacings(kernel: SGConvKernel) -> list[int]:
    """Lags between the weights of each piece."""
    overlaid = kernel.combination == "sum"
    doublings = [i if overlaid else max(0, i - 1) for i in range(kernel.n_scales)]
    return [2 ** (n + kernel.init_scale) for n in doublings]

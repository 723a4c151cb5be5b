"""The streaming form of one long convolution, as a pure function of a chunk and a state.

A step takes the next `frames` frames of every stream and returns exactly what the convolution of
everything so far would have given there. It is real-valued, has a fixed number of frames a call,
and any number of streams, so that one definition serves PyTorch and ONNX.

Shape suffixes in this package: B streams (batch), H channels, L frames of a chunk, M blocks of a
chunk, P frames of a block, R rows (all blocks of all streams), n real state of a channel.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
"""Named tensors, the first axis of each is the stream."""


class Step(nn.Module, ABC):
    """A causal layer, a chunk at a time.

    The steps of the long convolutions (`DiagonalStep`, `DenseStep`, `SGConvStep`) are built from a
    causal kernel or its recurrence, the skip D (channels,), the frames L of a chunk, and the dtype
    of matrices and state. They keep what they derive in float64 as buffers of that dtype and map
    (channels, streams, frames) to the same shape: y = k * u + D u.

    Attributes:
        in_place: names of states whose next value may share their memory, because the step writes
            what is new in them before it reads anything. A large ring of which a call replaces a
            little is then not copied.
    """

    in_place: tuple[str, ...] = ()

    @abstractmethod
    def initial_state(self, batch: int) -> State:
        """State before the first chunk: zeros, so that any runtime can make it.

        Args:
            batch: number of streams.

        Returns:
            named tensors (batch, ...); empty if there is nothing to carry.
        """

    @abstractmethod
    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """The next chunk.

        Args:
            x: input of one chunk of every stream.
            state: as `initial_state` or the last call returned it; not changed.

        Returns:
            the output of this chunk, and the next state with the same names and shapes.
        """


def block_length(frames: int, longest: int) -> int:
    """Largest divisor of the frames of a chunk that is at most `longest`.

    Short blocks keep the matrices of a channel small, which have to come from memory in every call;
    long ones save steps of the recurrence.

    Args:
        frames: frames of a chunk.
        longest: frames of the longest block.

    Returns:
        frames of a block.

    Example:
        >>> block_length(160, 16), block_length(10, 16)
        (16, 10)
    """
    return next(size for size in range(min(frames, longest), 0, -1) if frames % size == 0)


def toeplitz(taps_HP: Tensor, D_H: Tensor) -> Tensor:
    """The first taps of a kernel, and the skip, as a matrix on rows of P frames.

    Args:
        taps_HP: kernel at lags 0 .. P - 1 (channels, P).
        D_H: skip (channels,).

    Returns:
        (channels, P, P) with [j, p] = K[p - j] from frame j to frame p, and D on the diagonal.
    """
    P = taps_HP.shape[-1]
    lag = torch.arange(P, device=taps_HP.device)
    lag_PP = lag - lag[:, None]
    T_HPP = torch.where(lag_PP >= 0, taps_HP[:, lag_PP.clamp(min=0)], 0)
    return T_HPP + torch.diag_embed(D_H.to(taps_HP.dtype)[:, None].expand(-1, P))

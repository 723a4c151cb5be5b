"""Which step streams which kernel."""

import torch
from torch import Tensor

from s4audio.kernels import DSSKernel, Kernel, S4DKernel, S4Kernel, SGConvKernel
from s4audio.streaming.dense import DenseStep
from s4audio.streaming.diagonal import DiagonalStep, complex_diagonal, diagonalize
from s4audio.streaming.step import Step


def make_mixing_step(
    kernel: Kernel, D: Tensor, frames: int, rate: float, dtype: torch.dtype
) -> Step:
    """The streaming step of a long convolution.

    Args:
        kernel: causal.
        D: skip (channels,).
        frames: frames of a chunk.
        rate: evaluation step / training step.
        dtype: of the matrices and the state.

    Returns:
        maps (channels, streams, frames) to the same shape.

    Raises:
        ValueError: if the recurrence of the kernel grows, or it is bidirectional.
    """
    if isinstance(kernel, S4DKernel | DSSKernel):
        return DiagonalStep(complex_diagonal(kernel, rate), D, frames, dtype)
    if isinstance(kernel, S4Kernel):
        system = kernel.recurrence(rate)
        modes = diagonalize(system)
        if modes is not None:
            return DiagonalStep(modes, D, frames, dtype)
        return DenseStep(system, D, frames, dtype)
    if isinstance(kernel, SGConvKernel):
        from s4audio.streaming.sgconv import SGConvStep

        return SGConvStep(kernel, D, frames, rate, dtype)
    raise TypeError(f"no streaming step for {type(kernel).__name__}")

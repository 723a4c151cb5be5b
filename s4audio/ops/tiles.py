"""When to work on a part at a time, so that intermediate values stay in a processor's cache."""

from collections.abc import Iterator

import torch
from torch import Tensor

GROUP_SAMPLES = 2**18
"""Samples of a row, over all channels of a group: on a CPU, small tensors are reused from group to
group, where large ones would be new memory from the system each time."""


def in_tiles(x: Tensor) -> bool:
    """Whether parts are faster than the whole: on a CPU, outside `torch.compile`.

    Args:
        x: what is worked on.

    Returns:
        True for parts.
    """
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def slices(total: int, count: int) -> Iterator[slice]:
    """All of 0 to `total`, `count` at a time.

    Args:
        total: all there are.
        count: at least 1.

    Yields:
        slices of `count`, the last of what is left.
    """
    for start in range(0, total, count):
        yield slice(start, min(start + count, total))


def group_of(channels: int, length: int, x: Tensor) -> int:
    """Channels that a kernel is made for at once.

    Args:
        channels: all there are.
        length: samples of a channel.
        x: what is worked on.

    Returns:
        at least 1; all channels where parts are not faster.
    """
    return max(1, GROUP_SAMPLES // length) if in_tiles(x) else channels


def output_dtype(x: Tensor) -> torch.dtype:
    """Precision of what a layer returns.

    Args:
        x: its input.

    Returns:
        that of the input; the autocast precision for float32 input if autocast is on.
    """
    device = x.device.type
    autocast = torch.is_autocast_enabled(device) and x.dtype == torch.float32
    return torch.get_autocast_dtype(device) if autocast else x.dtype

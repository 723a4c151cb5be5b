"""Kernels that are made once for many inputs, outside training."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LARGEST = 2**22
"""Samples of a kernel, over all channels, above which it is made anew each time."""


class _Made(NamedTuple):
    key: Hashable
    sources: tuple[Tensor, ...]
    kernel: Tensor


class KernelCache:
    """The last kernel of a layer, for as long as the weights that it is made of are the same.

    They are compared by value, which takes a thousandth of the time of a kernel and holds whatever
    changes them: an optimiser, an average of weights, a checkpoint, a move to another device.
    Copies of a layer, and its file, leave the kernel out.
    """

    def __init__(self) -> None:
        self._made: _Made | None = None

    def __reduce__(self) -> tuple[type["KernelCache"], tuple[()]]:
        return KernelCache, ()

    def kernel(
        self, sources: Sequence[Tensor], key: Hashable, make: Callable[[], Tensor]
    ) -> Tensor:
        """The kernel, made only if it has to be.

        Args:
            sources: the tensors that it depends on.
            key: everything else, such as its length.
            make: makes it.

        Returns:
            what `make` returns or returned; not to be changed, and without a gradient.
        """
        made = self._made
        if made and made.key == key and _same(made.sources, sources):
            return made.kernel
        self._made = None  # or two kernels would be alive
        kernel = make()
        if kernel.numel() <= LARGEST:
            copies = tuple(source.detach().clone() for source in sources)
            self._made = _Made(key, copies, kernel)
        return kernel


def _same(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    return len(ours) == len(theirs) and all(
        a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)
        for a, b in zip(ours, theirs, strict=True)
    )

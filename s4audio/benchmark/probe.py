"""What a subject hands to the worker: a step that can be timed and compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probe:
    """A step in parts.

    Attributes:
        forward: the forward pass.
        backward: takes the result of `forward`; whatever else belongs to a step, such as the
            optimiser, comes after it. None for a step that is only a forward.
        results: takes the result of `forward`; tensors to compare with the judge's, by name, the
            output under ``output`` and gradients, if there are any, under other names.
    """

    forward: Callable[[], Tensor]
    backward: Callable[[Tensor], None] | None
    results: Callable[[Tensor], dict[str, Tensor]]


def differentiable(
    forward: Callable[[], Tensor],
    leaves: Mapping[str, Tensor],
    shape: tuple[int, ...],
    batched: bool = False,
) -> Probe:
    """Probe of a function: the backward pass starts from random numbers, the same in every case.

    Args:
        forward: the function.
        leaves: what it is differentiated by; their gradients are compared.
        shape: of its result.
        batched: the first axis of the result and of the leaf ``input`` is the batch; only the
            first clip is compared, because whole batches fill the disk.

    Returns:
        the probe.
    """
    generator = torch.Generator().manual_seed(1)
    cotangent = torch.randn(shape, generator=generator)

    def backward(y: Tensor) -> None:
        for leaf in leaves.values():
            leaf.grad = None
        torch.autograd.backward(y, cotangent.to(y.dtype))

    def results(y: Tensor) -> dict[str, Tensor]:
        found = {name: x.grad for name, x in leaves.items() if x.grad is not None}
        found["output"] = y
        if batched:
            found |= {name: found[name][:1] for name in ("output", "input") if name in found}
        return found

    return Probe(forward, backward, results)

"""The long convolution by itself, with random input and kernel.

Parameters of a case: ``batch``, ``channels``, ``length``, ``directions`` and ``form``: ``s4audio``,
``textbook`` (two transforms of twice the length, by autograd) or ``direct`` (conv1d).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe, differentiable
from s4audio.benchmark.textbook import direct_convolution, textbook_convolution
from s4audio.ops import fft_convolution

FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "s4audio": fft_convolution,
    "textbook": textbook_convolution,
    "direct": direct_convolution,
}


def prepare(case: Case) -> Probe:
    """Draw input and kernel; the numbers do not depend on the form or the precision.

    Args:
        case: the case.

    Returns:
        the probe.
    """
    convolve = FORMS[case.parameters["form"]]
    batch, channels, length = case.parameters["batch"], case.parameters["channels"], case.length
    dtype = torch.float64 if case.dtype == "float64" else torch.float32
    u_BHL = torch.randn(batch, channels, length).to(dtype).requires_grad_()
    k_DHL = torch.randn(case.parameters["directions"], channels, length) / length**0.5
    k_DHL = k_DHL.to(dtype).requires_grad_()
    return differentiable(
        lambda: convolve(u_BHL, k_DHL),
        {"kernel": k_DHL, "input": u_BHL},
        tuple(u_BHL.shape),
        batched=True,
    )

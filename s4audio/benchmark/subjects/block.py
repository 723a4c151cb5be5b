"""One residual block in training mode.

Parameters of a case: ``network`` (options of `ClassifierConfig`), ``batch``, ``length`` and
``form``: ``s4audio``, ``without mixing`` (the same block with the identity in place of the long
convolution), or the textbook block with one of the sums ``textbook``, ``textbook keops`` and
``naive`` (float64).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe, differentiable
from s4audio.benchmark.textbook import TextbookBlock, textbook_kernel
from s4audio.kernels import Kernel
from s4audio.models import ClassifierConfig
from s4audio.models.block import Block
from s4audio.models.build import make_backbone


class NoMixing(nn.Module):
    """The identity, with the signature of a long convolution."""

    def forward(self, u_BHL: Tensor, rate: float = 1.0) -> Tensor:
        """Return the input."""
        return u_BHL

    def after_norm(self, x_BHL: Tensor, norm: nn.Module, rate: float) -> Tensor:
        """Return the normalised input."""
        y_BHL: Tensor = norm(x_BHL)
        return y_BHL


def prepare(case: Case) -> Probe:
    """Build the block and its input; their numbers do not depend on the form.

    Args:
        case: the case.

    Returns:
        the probe.
    """
    form, length = case.parameters["form"], case.length
    options = {**case.parameters["network"], "n_layers": 1, "length": length}
    if form == "naive":
        options["backend"] = form
    (block,) = make_backbone(ClassifierConfig.from_dict(options)).blocks
    assert isinstance(block, Block)
    channels = block.linear.weight.shape[1]
    x_BHL = torch.randn(case.parameters["batch"], channels, length)
    module: nn.Module = block
    if form == "without mixing":
        block.convolution = NoMixing()  # type: ignore[assignment]
    elif form != "s4audio":
        module = TextbookBlock(block, _sampled(block.convolution.kernel, form))
    if case.dtype == "float64":
        module, x_BHL = module.double(), x_BHL.double()
    x_BHL.requires_grad_()
    return differentiable(
        lambda: module(x_BHL),
        {**dict(module.named_parameters()), "input": x_BHL},
        tuple(x_BHL.shape),
        batched=True,
    )


def _sampled(kernel: Kernel, form: str) -> Callable[[int], Tensor]:
    if form == "naive":
        return lambda length: kernel.sample(length, 1.0)
    return lambda length: textbook_kernel(
        kernel, length, "keops" if form == "textbook keops" else "naive"
    )

"""Generation of a kernel: all its samples from its parameters, and the way back.

Parameters of a case: ``network`` (options of `ClassifierConfig`), ``length`` and ``form``. Forms
are the library's backends, ``gemm``, ``naive`` and ``keops`` (the last two in float64; SGConv has
only ``gemm``), and ``textbook`` and ``textbook keops``, the definition in complex64.
"""

from dataclasses import replace

from torch import Tensor

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe, differentiable
from s4audio.benchmark.textbook import textbook_kernel
from s4audio.models import ClassifierConfig
from s4audio.models.build import make_kernel


def prepare(case: Case) -> Probe:
    """Build the kernel; its parameters do not depend on the form.

    Args:
        case: the case.

    Returns:
        the probe.
    """
    form, length = case.parameters["form"], case.length
    config = ClassifierConfig.from_dict({**case.parameters["network"], "length": length})
    if form in ("naive", "keops"):
        config = replace(config, backend=form)
    kernel = make_kernel(config)

    def forward() -> Tensor:
        if form.startswith("textbook"):
            return textbook_kernel(kernel, length, "keops" if "keops" in form else "naive")
        k_DHL: Tensor = kernel(length)
        return k_DHL

    shape = (kernel.directions, kernel.channels, length)
    return differentiable(forward, dict(kernel.named_parameters()), shape)

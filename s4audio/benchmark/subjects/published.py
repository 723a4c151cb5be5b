"""A layer from a published file of the user's, in training mode.

Parameters of a case: ``folder`` with the file, ``module`` and ``layer`` (names of file and class),
``options`` of the layer, ``channels``, ``batch`` and ``length``. The packages that the file imports
must be installed.
"""

import sys
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe, differentiable
from s4audio.errors import UserError


def prepare(case: Case) -> Probe:
    """Import the file, build the layer and its input.

    Args:
        case: the case.

    Returns:
        the probe.

    Raises:
        UserError: the file or the class is missing, or pykeops is, without which S4 falls back to
            its slow form in silence.
    """
    given = case.parameters
    shape = given["batch"], given["channels"], case.length
    layer_class = _published_class(Path(given["folder"]), given["module"], given["layer"])
    if given["options"].get("backend") == "keops":
        import_module("pykeops")
    layer = layer_class(given["channels"], **given["options"]).train()
    x_BHL = torch.randn(shape, requires_grad=True)

    def forward() -> Tensor:
        y_BHL: Tensor = layer(x_BHL)[0]  # the second is a state
        return y_BHL

    leaves = {**dict(layer.named_parameters()), "input": x_BHL}
    return differentiable(forward, leaves, shape, batched=True)


def _published_class(folder: Path, module: str, layer: str) -> type[nn.Module]:
    file = folder / f"{module}.py"
    if not file.is_file():
        raise UserError(f"{file} is missing: copy it there from the authors' repository")
    sys.path.append(str(folder))
    found = getattr(import_module(module), layer, None)
    if found is None:
        raise UserError(f"{file} has no class {layer}; is it the file of the paper?")
    published_class: type[nn.Module] = found
    return published_class

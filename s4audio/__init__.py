"""s4audio: speech classification from raw waveforms with S4, DSS and SGConv.

Names are loaded when they are first used, so that `import s4audio` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s4audio import (
        benchmark,
        data,
        evaluation,
        export,
        interop,
        kernels,
        models,
        ops,
        streaming,
        tasks,
    )
    from s4audio.errors import UserError
    from s4audio.models import (
        ClassifierConfig,
        SequenceClassifier,
        create_model,
        list_models,
        list_pretrained,
        load,
    )

__version__ = "0.1.0"

__all__ = [
    "ClassifierConfig",
    "SequenceClassifier",
    "UserError",
    "__version__",
    "benchmark",
    "create_model",
    "data",
    "evaluation",
    "export",
    "interop",
    "kernels",
    "list_models",
    "list_pretrained",
    "load",
    "models",
    "ops",
    "streaming",
    "tasks",
]

_SUBPACKAGES = {
    "benchmark",
    "data",
    "evaluation",
    "export",
    "interop",
    "kernels",
    "models",
    "ops",
    "streaming",
    "tasks",
}


def __getattr__(name: str) -> object:
    if name in _SUBPACKAGES:
        return import_module(f"s4audio.{name}")
    if name == "UserError":
        return import_module("s4audio.errors").UserError
    if name in __all__:
        return getattr(import_module("s4audio.models"), name)
    raise AttributeError(f"module 's4audio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

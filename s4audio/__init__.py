"""s4audio: speech classification from raw waveforms with S4, DSS and SGConv."""

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
    "__version__",
    "create_model",
    "list_models",
    "list_pretrained",
    "load",
]

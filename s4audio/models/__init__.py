"""Sequence classifiers built on the kernels."""

from s4audio.models.classifier import SequenceClassifier
from s4audio.models.config import ClassifierConfig
from s4audio.models.presets import create_model, create_preset, list_models
from s4audio.models.pretrained import list_pretrained, load

__all__ = [
    "ClassifierConfig",
    "SequenceClassifier",
    "create_model",
    "create_preset",
    "list_models",
    "list_pretrained",
    "load",
]

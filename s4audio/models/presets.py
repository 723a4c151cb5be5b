"""Named networks, and `create_model`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from s4audio.errors import UserError, unknown_name
from s4audio.kernels.dss import Version
from s4audio.kernels.s4d import Discretization
from s4audio.kernels.sgconv import Combination, Decay, Interpolation, WeightInit
from s4audio.models.classifier import SequenceClassifier
from s4audio.models.config import ClassifierConfig, Kind
from s4audio.ops import Backend

_PAPER = ClassifierConfig(bidirectional=True, n_ssm=2)
_SMALL = ClassifierConfig(
    kind="s4d", d_model=64, n_layers=4, stem_stride=16, normalization="standardize"
)

PRESETS: dict[str, ClassifierConfig] = {
    "s4-speech-commands": _PAPER,
    "s4d-speech-commands": replace(_PAPER, kind="s4d", init="lin"),
    "dss-speech-commands": ClassifierConfig(kind="dss", glu=False, dropout=0.1),
    "sgconv-speech-commands": ClassifierConfig(kind="sgconv", bidirectional=True, kernel_dim=32),
    "s4-small": replace(_SMALL, kind="s4"),
    "s4d-small": _SMALL,
    "dss-small": replace(_SMALL, kind="dss", version="exp"),
    "sgconv-small": replace(_SMALL, kind="sgconv", kernel_dim=32),
}
"""The papers' networks for 16 kHz waveforms, and small causal ones for a CPU."""


def list_models() -> list[str]:
    """Names of the presets.

    Returns:
        names for `create_preset`.
    """
    return list(PRESETS)


def create_preset(name: str, labels: Sequence[str]) -> SequenceClassifier:
    """An untrained network by name.

    Args:
        name: one of `list_models`.
        labels: names of the classes.

    Returns:
        the network with random weights.

    Raises:
        UserError: for an unknown name; the message has the near ones.
    """
    if name not in PRESETS:
        raise UserError(unknown_name("model", name, list_models()))
    return SequenceClassifier(PRESETS[name], labels)


def create_model(  # noqa: D417 - options are described once, in ClassifierConfig
    kind: Kind,
    *,
    classes: int,
    d_input: int = 1,
    d_model: int = 128,
    n_layers: int = 6,
    d_state: int = 64,
    length: int = 16_000,
    bidirectional: bool = False,
    labels: Sequence[str] | None = None,
    sample_rate: int = 16_000,
    norm: Literal["batch", "layer"] = "batch",
    prenorm: bool = True,
    glu: bool = True,
    dropout: float = 0.0,
    tie_dropout: bool = True,
    pooling: Literal["mean", "last", "max"] = "mean",
    stem_stride: int = 1,
    stem_kernel: int | None = None,
    bands: int | None = None,
    band_channels: int | None = None,
    vocabulary: int | None = None,
    ngrams: int | None = None,
    normalization: Literal["none", "standardize", "clip", "level"] = "none",
    n_ssm: int | None = None,
    dt_min: float | None = None,
    dt_max: float | None = None,
    backend: Backend | None = None,
    bandlimit: float | None = None,
    init: Literal["legs", "fout", "lin", "inv"] | None = None,
    discretization: Discretization | None = None,
    version: Version | None = None,
    kernel_dim: int | None = None,
    n_scales: int | None = None,
    combination: Combination | None = None,
    weight_init: WeightInit | None = None,
    decay: Decay | None = None,
    decay_min: float | None = None,
    decay_max: float | None = None,
    init_scale: int | None = None,
    interpolation: Interpolation | None = None,
) -> SequenceClassifier:
    """An untrained sequence classifier; every option is one of `ClassifierConfig`.

    Args:
        kind: ``s4``, ``s4d``, ``dss`` or ``sgconv``.
        classes: number of classes.
        labels: their names; None for "0", "1", ...
        sample_rate: of the training audio, in Hz.
        ClassifierConfig: all other arguments, described there.

    Returns:
        the network with random weights.

    Raises:
        UserError: for an option that does not belong to the kind or is out of range.

    Example:
        >>> create_model("s4d", classes=10, d_model=16, n_layers=2, length=1000).labels[:3]
        ('0', '1', '2')
    """
    options = dict(locals())
    for name in ("classes", "labels", "sample_rate"):
        del options[name]
    names = _class_names(classes, labels)
    return SequenceClassifier(ClassifierConfig(**options), names, sample_rate)


def _class_names(classes: int, labels: Sequence[str] | None) -> Sequence[str]:
    if not hasattr(classes, "__index__") or isinstance(classes, bool) or classes < 1:
        raise UserError(f"classes={classes} must be a number, at least 1; names go into labels")
    if labels is None:
        return [str(i) for i in range(classes)]
    if len(labels) != classes:
        raise UserError(f"classes={classes} must match labels, got {list(labels)}")
    return labels

"""Whole models of the S4 authors' repository (S4 and S4D backbones)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.interop.state import ForeignState, State, copy, option, required
from s4audio.kernels import S4DKernel, S4Kernel
from s4audio.kernels.hippo import Measure
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.block import Block, ChannelNorm

MODES = {"nplr": "s4", "dplr": "s4", "s4": "s4", "diag": "s4d", "s4d": "s4d"}

OPTIONS = {"mode", "n_ssm", "bidirectional", "disc", "l_max", "activation", "final_act"}
OPTIONS |= {"dt_transform", "real_transform", "imag_transform", "bandlimit", "d_state"}
OPTIONS |= {"init", "postact"}
TRAINING_ONLY = {"_name_", "measure", "init_args", "dt_min", "dt_max", "lr", "wd"}
TRAINING_ONLY |= {"dropout", "tie_dropout", "transposed", "verbose", "backend", "initializer"}
TRAINING_ONLY |= {"deterministic", "gate_act"}
"""Layer options that do not change what trained weights compute."""

ONE_VALUE = {"channels": 1, "rank": 1, "gate": None, "bottleneck": None, "mult_act": None}
ONE_VALUE |= {"weight_norm": False}
"""Layer options that have their default in the repository's configs, and no counterpart here."""

NO_WEIGHTS = ("num_batches_tracked", "l_kernel", "omega", "z")
"""Endings of foreign entries that are counters or can be computed."""


def from_state_spaces(state: State, config: Mapping[str, Any]) -> SequenceClassifier:
    """A classifier with the weights of a state-spaces model.

    Args:
        state: parameter names and arrays, as the repository's `state_dict` has them, after its
            one-time set-up of the kernels (`l_kernel` holds the length that C is tuned to) or
            before (`l_kernel` is 0, and C is tuned here).
        config: d_model, n_layers, norm (``batch``, ``layer``), prenorm, pool (``pool``, ``last``),
            n_class, L, and `layer`: mode (``nplr``, ``diag``), init, d_state, n_ssm,
            bidirectional, disc, l_max, activation, final_act, dt_transform, real_transform;
            optionally labels and sample_rate.

    Returns:
        the classifier, in evaluation mode.

    Raises:
        UserError: for an option that has no counterpart here, or weights that do not fit.
    """
    foreign = ForeignState(state)
    layer: Mapping[str, Any] = config.get("layer", {})
    classes = foreign["decoder.output_transform.weight"].shape[0]
    labels = config.get("labels") or [str(i) for i in range(classes)]
    model = SequenceClassifier(
        translate_config(foreign, config), labels, int(config.get("sample_rate", 16_000))
    )
    _copy_linear(model.encoder.linear, foreign, "encoder")
    for i, block in enumerate(model.backbone.blocks):
        assert isinstance(block, Block)
        _copy_block(block, foreign, f"model.layers.{i}", layer)
    if model.config.prenorm:
        _copy_norm(model.backbone.norm, foreign, "model.norm")
    _copy_linear(model.decoder, foreign, "decoder.output_transform")
    foreign.check_all_used(NO_WEIGHTS)
    return model.eval()


def translate_config(foreign: ForeignState, config: Mapping[str, Any]) -> ClassifierConfig:
    """Our options for a state-spaces config.

    Args:
        foreign: the weights, which say what the config leaves to defaults.
        config: as for `from_state_spaces`.

    Returns:
        the config of an equal network.

    Raises:
        UserError: for an option that has no counterpart here.
    """
    layer: Mapping[str, Any] = config.get("layer", {})
    for name in layer:
        known = name in OPTIONS | TRAINING_ONLY
        if not known and (name not in ONE_VALUE or layer[name] != ONE_VALUE[name]):
            raise UserError(f"config option layer.{name}={layer[name]!r} is not supported")
    kind = option(layer, "mode", MODES, "nplr")
    option(layer, "activation", {"gelu": "gelu"}, "gelu")
    kernel = "model.layers.0.layer.layer.kernel"
    length = int(layer.get("l_max") or config.get("L") or 0)
    if f"{kernel}.l_kernel" in foreign:
        length = int(foreign[f"{kernel}.l_kernel"]) or length
    if length < 1:
        raise UserError("config has neither L nor layer.l_max, and the weights no l_kernel")
    disc = {"zoh": "zoh", "bilinear": "bilinear"}
    # What the weights began with changes nothing that they compute.
    init: Measure = "fout" if layer.get("init") in ("fout", "fourier") else "legs"
    final_act = {"final_act": layer.get("postact") or layer.get("final_act", "glu")}
    return ClassifierConfig(
        kind=kind,
        d_input=foreign["encoder.weight"].shape[1],
        d_model=foreign["encoder.weight"].shape[0],
        n_layers=int(required(config, "n_layers")),
        d_state=2 * foreign[f"{kernel}.A_imag"].shape[-1],
        n_ssm=foreign[f"{kernel}.A_imag"].shape[0],
        length=length,
        bidirectional=bool(layer.get("bidirectional", False)),
        norm=option(config, "norm", {"batch": "batch", "layer": "layer"}, "layer"),
        prenorm=bool(config.get("prenorm", True)),
        glu=option(final_act, "final_act", {"glu": True, None: False, "id": False}, "glu"),
        pooling=option(config, "pool", {"pool": "mean", "mean": "mean", "last": "last"}, "pool"),
        discretization=option(layer, "disc", disc, "zoh") if kind == "s4d" else None,
        bandlimit=layer.get("bandlimit"),
        init=init if kind == "s4" else None,
    )


def _copy_block(block: Block, foreign: ForeignState, name: str, layer: Mapping[str, Any]) -> None:
    _copy_norm(block.norm, foreign, f"{name}.norm")
    convolution = block.convolution
    copy(convolution.D, foreign[f"{name}.layer.layer.D"][0], f"{name}.layer.layer.D")
    kernel = convolution.kernel
    assert isinstance(kernel, S4Kernel | S4DKernel)
    prefix = f"{name}.layer.layer.kernel"
    copy(kernel.log_dt, _log_step(foreign, prefix, layer), f"{prefix}.inv_dt")
    copy(kernel.log_A_real, _log_decay(foreign, prefix, layer), f"{prefix}.A_real")
    copy(kernel.A_imag, _imaginary(foreign, prefix, layer), f"{prefix}.A_imag")
    copy(kernel.B, foreign[f"{prefix}.B"][0], f"{prefix}.B")
    copy(kernel.C, foreign[f"{prefix}.C"], f"{prefix}.C")
    if isinstance(kernel, S4Kernel):
        copy(kernel.P[None], foreign[f"{prefix}.P"], f"{prefix}.P")
        if f"{prefix}.l_kernel" in foreign and int(foreign[f"{prefix}.l_kernel"]) == 0:
            kernel.fold_output_map()
    linear = (
        "output_linear.0" if f"{name}.layer.output_linear.0.weight" in foreign else "output_linear"
    )
    weight, bias = (foreign[f"{name}.layer.{linear}.{part}"] for part in ("weight", "bias"))
    copy(block.linear.weight, weight.reshape(weight.shape[0], -1), f"{name}.layer.{linear}.weight")
    copy(block.linear.bias, bias.reshape(-1), f"{name}.layer.{linear}.bias")


def _log_step(foreign: ForeignState, prefix: str, layer: Mapping[str, Any]) -> Tensor:
    """Logarithm of dt, from the stored inverse of the repository's positive map."""
    stored = foreign[f"{prefix}.inv_dt"]
    if stored.shape[1] != 1:
        raise UserError("one step size for each state (dt_tie=False) is not supported")
    transform = option(layer, "dt_transform", {"exp": "exp", "softplus": "softplus"}, "exp")
    steps = stored[:, 0].double()
    return (F.softplus(steps).log() if transform == "softplus" else steps).float()


def _log_decay(foreign: ForeignState, prefix: str, layer: Mapping[str, Any]) -> Tensor:
    """Logarithm of -Re A, which the repository stores through a positive map."""
    transform = option(layer, "real_transform", {"exp": "exp", "none": "none"}, "exp")
    stored = foreign[f"{prefix}.A_real"]
    if transform == "none" and not bool((stored > 0).all()):
        raise UserError(f"{prefix}.A_real has values that are not positive: the model grows")
    return stored if transform == "exp" else stored.log()


def _imaginary(foreign: ForeignState, prefix: str, layer: Mapping[str, Any]) -> Tensor:
    """Im A; the repository stores its negative."""
    option(layer, "imag_transform", {"none": "none"}, "none")
    return -foreign[f"{prefix}.A_imag"]


def _copy_norm(norm: Any, foreign: ForeignState, name: str) -> None:
    target = norm.norm if isinstance(norm, ChannelNorm) else norm
    for part in target.state_dict():
        if part != "num_batches_tracked":
            copy(getattr(target, part), foreign[f"{name}.norm.{part}"], f"{name}.norm.{part}")


def _copy_linear(linear: Any, foreign: ForeignState, name: str) -> None:
    for part in ("weight", "bias"):
        copy(getattr(linear, part), foreign[f"{name}.{part}"], f"{name}.{part}")

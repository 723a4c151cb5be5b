"""Layers of the SGConv repository."""

from collections.abc import Mapping
from typing import Any

from s4audio.errors import UserError
from s4audio.interop.layer import PlainLayer, copy_plain_layer
from s4audio.interop.state import ForeignState, State, copy, required
from s4audio.kernels import SGConvKernel
from s4audio.kernels.sgconv import Decay

MODE_WORDS = {"cat", "sum", "randn", "cos", "learnable", "fixed", "nearest", "linear"}


def sgconv_layer(state: State, config: Mapping[str, Any]) -> PlainLayer:
    """A layer with the weights of the SGConv repository.

    Args:
        state: D, multiplier or decay, kernel_norm, kernel_list.{i}, output_linear.{weight,bias}.
        config: H channels, L training length, kernel_dim, n_scales (null for the default),
            decay_min, decay_max, bidirectional, mode (``cat_randn`` by default), init_scale.

    Returns:
        the layer, (batch, channels, time) to the same, in evaluation mode.

    Raises:
        UserError: for an unknown mode, or weights that do not fit.
    """
    foreign = ForeignState(state)
    mode = str(config.get("mode", "cat_randn"))
    words = set(mode.split("_"))
    if not words <= MODE_WORDS or len(words & {"cat", "sum"}) != 1:
        raise UserError(
            f"SGConv mode {mode!r} is not supported: it is cat or sum, with randn or cos, and "
            "learnable, fixed or nearest if wanted"
        )
    n_scales = config.get("n_scales")
    kernel = SGConvKernel(
        int(required(config, "H")),
        int(required(config, "L")),
        bidirectional=bool(config.get("bidirectional", False)),
        kernel_dim=int(config.get("kernel_dim", 64)),
        n_scales=None if n_scales is None else int(n_scales),
        combination="sum" if "sum" in words else "cat",
        decay=_decay(words),
        decay_min=float(config.get("decay_min", 2)),
        decay_max=float(config.get("decay_max", 2)),
        init_scale=int(config.get("init_scale") or 0),
        interpolation="nearest" if "nearest" in words else "linear",
    )
    for i, weights in enumerate(kernel.weights):
        copy(weights, foreign[f"kernel_list.{i}"], f"kernel_list.{i}")
    decay = foreign["decay"] if kernel.is_power_law else foreign["multiplier"]
    copy(kernel.decay, decay.reshape(-1), "decay")
    norm = foreign["kernel_norm"]
    if bool(state.get("kernel_norm_initialized", True)):
        # Older versions of the repository store the norm of a causal kernel without its direction.
        copy(kernel.kernel_norm, norm.reshape(-1, kernel.channels, 1), "kernel_norm")
    else:  # it would be measured in the first forward pass
        kernel.freeze_norm()
    layer = PlainLayer(kernel)
    copy_plain_layer(layer, foreign)
    foreign.check_all_used(("kernel_norm_initialized", "multiplier"))
    return layer.eval()


def _decay(words: set[str]) -> Decay:
    if "learnable" not in words:
        return "geometric"
    return "power-fixed" if "fixed" in words else "power-learnable"

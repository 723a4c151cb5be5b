"""Layers of the DSS repository."""

from collections.abc import Mapping
from typing import Any

from s4audio.interop.layer import PlainLayer, copy_plain_layer
from s4audio.interop.state import ForeignState, State, copy, option, required
from s4audio.kernels import DSSKernel
from s4audio.kernels.dss import VERSIONS

LAMBDA_NAMES = {
    "softmax": ("Lambda", "Lambda"),
    "exp": ("Lambda_log_neg_re", "Lambda_im"),
    "exp-no-scale": ("Lambda_log_neg_re", "Lambda_im"),
    "exp-re-im": ("Lambda_log_neg_re", "Lambda_log_im"),
    "clip": ("Lambda", "Lambda"),
    "clip-no-scale": ("Lambda", "Lambda"),
}
"""Names of the stored real and imaginary parts, by version."""


def dss_layer(state: State, config: Mapping[str, Any]) -> PlainLayer:
    """A layer with the weights of the DSS repository.

    Args:
        state: D, kernel.log_dt, kernel.Lambda..., kernel.W, output_linear.{weight,bias}.
        config: H channels, N poles, L training length, version; bidirectional, false by default.

    Returns:
        the layer, (batch, channels, time) to the same, in evaluation mode.

    Raises:
        UserError: for an unknown version, or weights that do not fit.
    """
    foreign = ForeignState(state)
    version = option(config, "version", {v: v for v in VERSIONS}, "softmax")
    kernel = DSSKernel(
        int(required(config, "H")),
        int(required(config, "L")),
        d_state=int(required(config, "N")),
        bidirectional=bool(config.get("bidirectional", False)),
        version=version,
    )
    log_dt = foreign["kernel.log_dt"]
    copy(kernel.log_dt, log_dt.reshape(kernel.channels, -1).expand(-1, 2), "kernel.log_dt")
    real, imag = (foreign[f"kernel.{name}"] for name in LAMBDA_NAMES[version])
    if real.ndim == 2:  # one tensor of real pairs
        real, imag = real[..., 0], imag[..., 1]
    copy(kernel.Lambda_real, real[None], "kernel.Lambda real part")
    copy(kernel.Lambda_imag, imag[None], "kernel.Lambda imaginary part")
    copy(kernel.W, foreign["kernel.W"], "kernel.W")
    layer = PlainLayer(kernel)
    copy_plain_layer(layer, foreign)
    foreign.check_all_used()
    return layer.eval()

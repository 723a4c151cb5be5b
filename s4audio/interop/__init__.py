"""Weights of the papers' public repositories, brought here."""

from s4audio.interop.checkpoint import import_checkpoint
from s4audio.interop.dss import dss_layer
from s4audio.interop.sgconv import sgconv_layer
from s4audio.interop.state_spaces import from_state_spaces

__all__ = ["dss_layer", "from_state_spaces", "import_checkpoint", "sgconv_layer"]

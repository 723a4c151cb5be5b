"""The kernels of the three papers: the one point where the models differ."""

from s4audio.kernels.base import Kernel, Recurrence, StateSpaceKernel
from s4audio.kernels.dss import DSSKernel
from s4audio.kernels.s4 import S4Kernel
from s4audio.kernels.s4d import S4DKernel
from s4audio.kernels.sgconv import SGConvKernel

__all__ = [
    "DSSKernel",
    "Kernel",
    "Recurrence",
    "S4DKernel",
    "S4Kernel",
    "SGConvKernel",
    "StateSpaceKernel",
]

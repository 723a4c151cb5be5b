"""Numerical primitives: Vandermonde products, Cauchy products and the long convolution.

Each product has three forms that agree to float32 rounding: ``gemm`` (fast, the default),
``naive`` (the textbook sum in float64, the judge) and ``keops`` (pykeops, when asked for).
The derivations are in the README beside this file.
"""

from s4audio.ops.backend import BACKENDS, Backend
from s4audio.ops.cauchy import cauchy
from s4audio.ops.chunked import Chunks, chunked_convolution, normalized_chunked_convolution
from s4audio.ops.convolution import fft_convolution, next_fast_length, normalized_convolution
from s4audio.ops.pointwise import unit_residual
from s4audio.ops.vandermonde import vandermonde
from s4audio.ops.woodbury import woodbury_kernel

__all__ = [
    "BACKENDS",
    "Backend",
    "Chunks",
    "cauchy",
    "chunked_convolution",
    "fft_convolution",
    "next_fast_length",
    "normalized_chunked_convolution",
    "normalized_convolution",
    "unit_residual",
    "vandermonde",
    "woodbury_kernel",
]

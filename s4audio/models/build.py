"""From options to modules: the one place that knows which class belongs to which kind."""

import math
from collections.abc import Callable

from torch import nn

from s4audio.kernels import DSSKernel, Kernel, S4DKernel, S4Kernel, SGConvKernel
from s4audio.models.block import Backbone, Block, make_norm
from s4audio.models.config import ClassifierConfig
from s4audio.models.encoder import EmbeddingEncoder, LinearEncoder, StridedEncoder
from s4audio.models.filterbank import FilterbankEncoder
from s4audio.models.normalization import (
    RELEASE_SECONDS,
    ClipNormalize,
    LevelFollower,
    Standardize,
)
from s4audio.models.spectral import SpectralEncoder

FrameEncoder = StridedEncoder | FilterbankEncoder | SpectralEncoder
Encoder = LinearEncoder | EmbeddingEncoder | FrameEncoder

STATE_SPACE_KERNELS: dict[str, Callable[..., Kernel]] = {
    "s4": S4Kernel,
    "s4d": S4DKernel,
    "dss": DSSKernel,
}


def make_kernel(config: ClassifierConfig) -> Kernel:
    """Kernel of one block, for frames of the encoder's stride."""
    options = config.kernel_options()
    length = math.ceil(config.length / config.stem_stride)
    if config.kind == "sgconv":
        return SGConvKernel(config.d_model, length, bidirectional=config.bidirectional, **options)
    return STATE_SPACE_KERNELS[config.kind](
        config.d_model,
        length,
        d_state=config.d_state,
        bidirectional=config.bidirectional,
        **options,
    )


def make_backbone(config: ClassifierConfig) -> Backbone:
    """All blocks, and the last normalisation of a pre-norm stack."""
    blocks = [
        Block(
            make_kernel(config),
            norm=config.norm,
            prenorm=config.prenorm,
            glu=config.glu,
            dropout=config.dropout,
            tie_dropout=config.tie_dropout,
        )
        for _ in range(config.n_layers)
    ]
    return Backbone(blocks, make_norm(config.norm, config.d_model) if config.prenorm else None)


def make_encoder(config: ClassifierConfig, sample_rate: int = 16_000) -> Encoder:
    """Embedding for tokens; filter bank or strided convolution for a stride; else a linear map."""
    if config.vocabulary is not None:
        return EmbeddingEncoder(
            config.vocabulary, config.d_model, config.ngrams or 1, config.stem_stride
        )
    if config.stem_stride > 1:
        return _frame_encoder(config, sample_rate)
    return LinearEncoder(config.d_input, config.d_model)


def _frame_encoder(config: ClassifierConfig, sample_rate: int) -> FrameEncoder:
    """The encoder of a stride above 1."""
    d_model, stride, bands = config.d_model, config.stem_stride, config.bands
    taps = config.stem_kernel or 4 * stride
    if bands is not None and config.band_channels is not None:
        return SpectralEncoder(d_model, stride, taps, bands, config.band_channels, sample_rate)
    if bands is not None:
        return FilterbankEncoder(d_model, stride, taps, bands, sample_rate)
    return StridedEncoder(config.d_input, d_model, stride, taps)


def make_normalization(config: ClassifierConfig, sample_rate: int) -> nn.Module | None:
    """Normalisation of the input, or None."""
    if config.normalization == "standardize":
        return Standardize()
    if config.normalization == "level":
        return LevelFollower(RELEASE_SECONDS * sample_rate)
    return ClipNormalize() if config.normalization == "clip" else None

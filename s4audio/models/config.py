"""Everything that defines a network, as one flat record of named and typed options."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from s4audio.errors import UserError, unknown_name
from s4audio.kernels.dss import Version
from s4audio.kernels.s4d import Discretization
from s4audio.kernels.sgconv import Combination, Decay, Interpolation, WeightInit
from s4audio.models.filterbank import STEPS
from s4audio.models.spectral import POOLED_BANDS, POOLED_FRAMES
from s4audio.ops import Backend

Kind = Literal["s4", "s4d", "dss", "sgconv"]

_SIMPLE: dict[type, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
}
"""Types of options, what they may be given as, and how that is called."""


@dataclass(frozen=True)
class ClassifierConfig:
    """Options of a sequence classifier.

    Kernel options are None for the default of the kind; giving one that the kind does not have is
    an error.

    Attributes:
        kind: family of the kernel: ``s4``, ``s4d``, ``dss`` or ``sgconv``.
        d_input: features of each time step (1 for a waveform).
        d_model: channels H of the backbone.
        n_layers: number of blocks.
        d_state: state size N: N / 2 conjugate pairs for S4 and S4D, N poles for DSS; SGConv has
            none.
        length: training length in input steps (samples of a waveform).
        bidirectional: look at the future too; such a model cannot stream.
        norm: ``batch`` or ``layer`` normalisation.
        prenorm: normalise before the mixing (and once after the last block) or after the residual.
        glu: gated linear unit after the mixing, instead of a plain linear map.
        dropout: probability of dropping, in [0, 1).
        tie_dropout: one mask for all time steps of a channel, instead of one for each.
        pooling: ``mean``, ``last`` or ``max`` over the valid frames.
        stem_stride: samples a frame; above 1 the encoder is a strided convolution. Of tokens with
            `ngrams`: tokens a frame, whose vectors are averaged.
        stem_kernel: taps of the strided convolution; None for 4 strides.
        bands: number of band-pass filters whose powers are the encoder's frames, instead of a
            plain strided convolution; needs a stem_stride that is a multiple of 4.
        band_channels: feature maps of convolutions over bands and time behind the filter bank; None
            for none. Needs bands, and a stem_stride that is a multiple of 8.
        vocabulary: number of tokens; the encoder is an embedding and inputs are integers.
        ngrams: length of the longest n-gram of tokens with a vector of its own, beside those of
            single tokens; None for none. Needs vocabulary.
        normalization: of the input: ``none``; ``standardize`` with statistics of the training set;
            ``clip``: every clip to zero mean and unit RMS, which cannot stream; ``level``: divided
            by a causal peak follower.
        n_ssm: independent state spaces (S4, S4D, DSS: 1) or weights (SGConv: one a channel).
        dt_min: smallest initial step in frames' own time (S4, S4D, DSS: 0.001).
        dt_max: largest initial step (S4, S4D, DSS: 0.1).
        backend: form of the kernel products (S4, S4D, DSS: ``gemm``), or ``naive``, ``keops``.
        bandlimit: cut eigenvalues above this fraction of the Nyquist frequency (S4, S4D).
        init: S4: ``legs`` or ``fout``; S4D: ``legs``, ``lin`` or ``inv``.
        discretization: S4D: ``zoh`` or ``bilinear``.
        version: DSS: ``softmax``, ``exp``, ``exp-re-im``, ``exp-no-scale``, ``clip`` or
            ``clip-no-scale``.
        kernel_dim: SGConv: weights of each piece (64).
        n_scales: SGConv: number of pieces (as many as cover the length).
        combination: SGConv: ``cat`` or ``sum``.
        weight_init: SGConv: ``randn`` or ``cos``.
        decay: SGConv: ``geometric``, ``power-fixed`` or ``power-learnable``.
        decay_min: SGConv: smallest decay over the channels (2).
        decay_max: SGConv: largest decay over the channels (2).
        init_scale: SGConv: doublings of the first piece (0).
        interpolation: SGConv: ``linear`` or ``nearest``.
    """

    kind: Kind = "s4"
    d_input: int = 1
    d_model: int = 128
    n_layers: int = 6
    d_state: int = 64
    length: int = 16_000
    bidirectional: bool = False
    norm: Literal["batch", "layer"] = "batch"
    prenorm: bool = True
    glu: bool = True
    dropout: float = 0.0
    tie_dropout: bool = True
    pooling: Literal["mean", "last", "max"] = "mean"
    stem_stride: int = 1
    stem_kernel: int | None = None
    bands: int | None = None
    band_channels: int | None = None
    vocabulary: int | None = None
    ngrams: int | None = None
    normalization: Literal["none", "standardize", "clip", "level"] = "none"
    n_ssm: int | None = None
    dt_min: float | None = None
    dt_max: float | None = None
    backend: Backend | None = None
    bandlimit: float | None = None
    init: Literal["legs", "fout", "lin", "inv"] | None = None
    discretization: Discretization | None = None
    version: Version | None = None
    kernel_dim: int | None = None
    n_scales: int | None = None
    combination: Combination | None = None
    weight_init: WeightInit | None = None
    decay: Decay | None = None
    decay_min: float | None = None
    decay_max: float | None = None
    init_scale: int | None = None
    interpolation: Interpolation | None = None

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("d_input", "d_model", "n_layers", "length", "stem_stride"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout must be in [0, 1), got {self.dropout}")
        self._check_tokens()
        if self.stem_kernel is not None and self.stem_stride == 1:
            refuse_options(self, ("stem_kernel",), "a network whose stem_stride is 1")
        if self.stem_kernel is not None and self.stem_kernel < self.stem_stride:
            raise UserError(
                f"stem_kernel={self.stem_kernel} is shorter than stem_stride={self.stem_stride}: "
                "samples between frames would be lost"
            )
        if self.bands is not None and not (
            self.bands >= 1 and self.d_input == 1 and self.stem_stride % STEPS == 0
        ):
            raise UserError(
                f"bands={self.bands} needs at least one band, a stem_stride that is a multiple of "
                f"{STEPS} and d_input 1 (a waveform), got stem_stride={self.stem_stride} and "
                f"d_input={self.d_input}"
            )
        if self.band_channels is not None:
            self._check_band_channels(self.band_channels)
        self._check_kernel()

    def _check_types(self) -> None:
        """Numbers, yes or no, and names out of a few; most callers have no type checker."""
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = [field.type, *get_args(field.type)]
            if value is None and NoneType in kinds:
                continue
            known = [
                name for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)
            ]
            if known and value not in known:
                raise UserError(unknown_name(field.name, str(value), known))
            for kind, (wanted, what) in _SIMPLE.items():
                is_wanted = isinstance(value, wanted) and isinstance(value, bool) == (kind is bool)
                if kind in kinds and not is_wanted:
                    raise UserError(f"{field.name} must be {what}, got {value!r}")
                if kind in kinds:  # numbers of numpy have no JSON
                    object.__setattr__(self, field.name, kind(value))

    def _check_kernel(self) -> None:
        options = self.kernel_options()
        for name, value in options.items():
            if name not in KERNEL_OPTIONS[self.kind]:
                raise UserError(
                    f"option {name}={value!r} does not belong to {self.kind}, whose kernel options "
                    f"are {', '.join(KERNEL_OPTIONS[self.kind])}"
                )
        if self.bandlimit is not None and not self.bandlimit > 0:
            raise UserError(f"bandlimit must be above 0, got {self.bandlimit}")
        smallest, largest = options.get("decay_min", 2.0), options.get("decay_max", 2.0)
        if not -math.inf < smallest <= largest < math.inf:
            raise UserError(
                "decay_min must be finite and not above decay_max, each 2 if left out, got "
                f"decay_min={smallest} and decay_max={largest}"
            )

    def _check_tokens(self) -> None:
        if self.ngrams is not None and (self.ngrams < 2 or self.vocabulary is None):
            raise UserError(
                f"ngrams={self.ngrams} must be at least 2 and needs a vocabulary, got "
                f"vocabulary={self.vocabulary}"
            )
        if self.vocabulary is None:
            return
        if self.vocabulary < 1:
            raise UserError(f"vocabulary must be at least 1, got {self.vocabulary}")
        if self.normalization != "none":
            raise UserError("an embedding (vocabulary) does not go with normalization")
        if self.stem_kernel is not None or (self.stem_stride > 1 and self.ngrams is None):
            raise UserError(
                "an embedding (vocabulary) has no stem_kernel, and a stem_stride only with ngrams"
            )
        refuse_options(self, ("d_input", "bands", "band_channels"), "an embedding (vocabulary)")

    def _check_band_channels(self, channels: int) -> None:
        if channels < 1:
            raise UserError(f"band_channels must be at least 1, got {channels}")
        bands, stride = self.bands, self.stem_stride
        frame = POOLED_FRAMES * STEPS
        if bands is None or bands < POOLED_BANDS or stride % frame:
            raise UserError(
                f"band_channels={channels} needs at least {POOLED_BANDS} bands and a stem_stride "
                f"that is a multiple of {frame}, got bands={bands} and stem_stride={stride}"
            )

    def kernel_options(self) -> dict[str, Any]:
        """The kernel options that were given."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.default is None}
        for name in ("stem_kernel", "bands", "band_channels", "vocabulary", "ngrams"):
            del given[name]
        return {name: value for name, value in given.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ClassifierConfig":
        """A config from what `to_dict` returned.

        Args:
            values: option names and values.

        Raises:
            UserError: for an option that does not exist.
        """
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise UserError(unknown_name("option", name, known))
        return cls(**values)


def refuse_options(config: ClassifierConfig, names: Sequence[str], why: str) -> None:
    """Refuse options that a network built from the config would not read.

    Args:
        config: of the network.
        names: options that must have their defaults.
        why: what they do not belong to, for the message.

    Raises:
        UserError: one of them was given.
    """
    default = ClassifierConfig()
    for name in names:
        value = getattr(config, name)
        if value != getattr(default, name):
            raise UserError(f"{name}={value!r} does not belong to {why}: leave it out")


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes, if there are any and all differ.

    Raises:
        ValueError: otherwise.
    """
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"labels must be at least one and all different, got {list(labels)}")
    return tuple(labels)


_SSM = ("n_ssm", "dt_min", "dt_max", "backend")
KERNEL_OPTIONS: dict[str, tuple[str, ...]] = {
    "s4": (*_SSM, "init", "bandlimit"),
    "s4d": (*_SSM, "init", "discretization", "bandlimit"),
    "dss": (*_SSM, "version"),
    "sgconv": (
        "n_ssm",
        "kernel_dim",
        "n_scales",
        "combination",
        "weight_init",
        "decay",
        "decay_min",
        "decay_max",
        "init_scale",
        "interpolation",
    ),
}

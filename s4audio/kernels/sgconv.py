"""SGConv: a kernel of pieces, each twice as long as the last, with decaying weights.

    piece_i = Upsample(w_i, 2^(max(0, i - 1) + init_scale)) * decay^(S - 1 - i),   i = 0 .. S - 1
    K = concat(piece_0, ..., piece_(S - 1)) / Z

(``cat``; in ``sum`` mode piece_i is upsampled by 2^(i + init_scale) and the pieces are overlaid).
Z is the norm of the kernel at initialisation, frozen. With power-law decay the pieces are weighted
by (l + 1)^(-a) at each lag l instead. Parameters grow with the logarithm of the length.

The kernel is a function of time: at another rate it is interpolated on the new grid and multiplied
by the rate, as an integral over the input demands.

Source: Li, Cai, Zhang, Chen, Dey, "What Makes Convolutional Models Great on Long Sequence
Modeling?" (2023), equation 1 and section 3.2.
"""

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.kernels.base import Kernel, checked_sharing, per_channel

Combination = Literal["cat", "sum"]
WeightInit = Literal["randn", "cos"]
Decay = Literal["geometric", "power-fixed", "power-learnable"]
Interpolation = Literal["linear", "nearest"]


class SGConvKernel(Kernel):
    """Structured global convolution kernel.

    Args:
        channels: number H of channels.
        length: training length in steps.
        bidirectional: one set of weights for each direction of time.
        kernel_dim: weights d of each piece.
        n_scales: number S of pieces; None covers the training length,
            1 + ceil(log2(length / kernel_dim)) - init_scale.
        combination: ``cat`` or ``sum``.
        weight_init: ``randn``, or ``cos`` for shuffled cosines of rising frequency.
        decay: ``geometric`` (one factor a doubling), ``power-fixed`` or ``power-learnable``.
        decay_min: smallest decay over the channels.
        decay_max: largest decay over the channels.
        init_scale: doublings of the first piece, at least 0.
        interpolation: ``linear`` or ``nearest`` upsampling of the pieces.
        n_ssm: number of independent sets of weights, shared by channels / n_ssm channels each;
            None for one each.

    Raises:
        ValueError: for an unknown option or one out of range.
    """

    slow_parameters: ClassVar[tuple[str, ...]] = ("weights", "decay")

    decay: Tensor
    kernel_norm: Tensor

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        bidirectional: bool = False,
        kernel_dim: int = 64,
        n_scales: int | None = None,
        combination: Combination = "cat",
        weight_init: WeightInit = "randn",
        decay: Decay = "geometric",
        decay_min: float = 2.0,
        decay_max: float = 2.0,
        init_scale: int = 0,
        interpolation: Interpolation = "linear",
        n_ssm: int | None = None,
    ) -> None:
        super().__init__(channels, length, bidirectional)
        sets = checked_sharing(channels if n_ssm is None else n_ssm, channels)
        if kernel_dim < 1 or init_scale < 0 or (n_scales is not None and n_scales < 1):
            raise ValueError(
                "SGConv needs kernel_dim >= 1, n_scales >= 1 and init_scale >= 0, got "
                f"kernel_dim={kernel_dim}, n_scales={n_scales}, init_scale={init_scale}"
            )
        if n_scales is None:
            n_scales = max(1, 1 + math.ceil(math.log2(length / kernel_dim)) - init_scale)
        self.n_scales, self.init_scale = n_scales, init_scale
        self.combination = _choice("combination", combination, ("cat", "sum"))
        self.interpolation = _choice("interpolation", interpolation, ("linear", "nearest"))
        _choice("decay", decay, ("geometric", "power-fixed", "power-learnable"))
        shape = (self.directions, sets, kernel_dim)
        self.weights = nn.ParameterList(
            _initial_weights(_choice("weight_init", weight_init, ("randn", "cos")), shape)
            for _ in range(n_scales)
        )
        self.is_power_law = decay != "geometric"
        if self.is_power_law:
            exponents = torch.empty(channels).uniform_(decay_min, decay_max)
        else:
            exponents = torch.linspace(decay_min, decay_max, channels)
        if decay == "power-learnable":
            self.decay = nn.Parameter(exponents)
        else:
            self.register_buffer("decay", exponents)
        self.register_buffer("kernel_norm", torch.ones(self.directions, channels, 1))
        self.freeze_norm()

    @torch.no_grad()
    def freeze_norm(self) -> None:
        """Measure Z for the weights as they are, and keep it."""
        self.kernel_norm.copy_(self._pieces_joined().norm(dim=-1, keepdim=True))

    def sample(self, length: int, rate: float) -> Tensor:
        """See [s4audio.kernels.Kernel][]."""
        k_DHM = resample_kernel(self._pieces_joined() / self.kernel_norm, rate)[..., :length]
        return F.pad(k_DHM, (0, length - k_DHM.shape[-1]))

    def _pieces_joined(self) -> Tensor:
        pieces = [self._piece(i) for i in range(self.n_scales)]
        if self.combination == "cat":
            k_DHM = torch.cat(pieces, dim=-1)
        else:
            longest = pieces[-1].shape[-1]
            k_DHM = torch.stack([F.pad(p, (0, longest - p.shape[-1])) for p in pieces]).sum(0)
        if not self.is_power_law:
            return k_DHM
        lag_M = torch.arange(1, k_DHM.shape[-1] + 1, device=k_DHM.device, dtype=k_DHM.dtype)
        return k_DHM * torch.exp(-self.decay[:, None] * lag_M.log())

    def _piece(self, i: int) -> Tensor:
        doublings = i if self.combination == "sum" else max(0, i - 1)
        factor = 2 ** (doublings + self.init_scale)
        piece = F.interpolate(self.weights[i], scale_factor=factor, mode=self.interpolation)
        piece = per_channel(piece.transpose(0, 1), self.channels).transpose(0, 1)
        if self.is_power_law:
            return piece
        return piece * self.decay[:, None] ** (self.n_scales - 1 - i)


def resample_kernel(k_DHM: Tensor, rate: float) -> Tensor:
    """A kernel on a grid `rate` times as coarse, keeping its integral.

    Convolving with the result on the coarse grid is convolving with the kernel on the fine grid an
    input that is linear between the coarse samples: each new tap is the old ones around it weighted
    by a triangle. On a finer grid (rate below 1) that is linear interpolation.

    Args:
        k_DHM: taps (..., M) at times 0, 1, 2, ...
        rate: new step in old steps, above 0.

    Returns:
        taps (..., floor((M - 1) / rate) + 1) at times 0, rate, 2 rate, ...
    """
    if rate == 1:
        return k_DHM
    taps = k_DHM.shape[-1]
    times = torch.arange(math.floor((taps - 1) / rate) + 1, device=k_DHM.device).double() * rate
    reach = max(1.0, rate)
    first = torch.ceil(times - reach).long()
    result = k_DHM.new_zeros(*k_DHM.shape[:-1], len(times))
    for offset in range(math.floor(2 * reach) + 1):
        index = first + offset
        weight = (1 - (index - times).abs() / reach).clamp(min=0) * min(1.0, rate)
        weight = torch.where((index >= 0) & (index < taps), weight, 0).to(k_DHM.dtype)
        result = result + k_DHM[..., index.clamp(0, taps - 1)] * weight
    return result


def _initial_weights(weight_init: str, shape: tuple[int, int, int]) -> nn.Parameter:
    if weight_init == "randn":
        return nn.Parameter(torch.randn(shape))
    directions, sets, kernel_dim = shape
    phase = torch.linspace(0, 2 * math.pi, kernel_dim)
    cosines = torch.cos(torch.arange(sets)[:, None] * phase)[torch.randperm(sets)]
    return nn.Parameter(cosines.repeat(directions, 1, 1))


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"unknown {name} {value!r}: choose one of {', '.join(allowed)}")
    return value

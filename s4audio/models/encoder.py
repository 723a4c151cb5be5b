"""Encoders: from the input's features to the backbone's channels.

Each takes (batch, time, features) with the lengths and the rate, and returns channels first, with
the lengths and the rate of its frames.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.models.block import ChannelLinear
from s4audio.models.pooling import frame_mask

NGRAM_ROWS = 2**16


class Frames(NamedTuple):
    """What an encoder gives the backbone.

    Attributes:
        x: (batch, channels, frames).
        lengths: valid frames of each row (batch,), or None if all are valid.
        rate: step of a frame / step of a training frame.
    """

    x: Tensor
    lengths: Tensor | None
    rate: float


class LinearEncoder(nn.Module):
    """One linear map for each time step.

    Args:
        d_input: features of a step.
        d_model: channels.
    """

    def __init__(self, d_input: int, d_model: int) -> None:
        super().__init__()
        self.linear = ChannelLinear(d_input, d_model)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, d_input)."""
        return Frames(self.linear(x_BLF.transpose(1, 2)), lengths, rate)


class EmbeddingEncoder(nn.Module):
    """A learned vector for each token, and with `ngrams` for each short run of tokens.

    The vector of a step is that of its token, plus those of the last 2, 3 ... `ngrams` tokens up to
    it. N-grams share one table, in rows that a hash chooses, and begin at zero: one that training
    never showed adds next to nothing. A frame is the mean over `stride` steps; the last one of a
    row is filled up with token 0.

    Args:
        vocabulary: number of tokens.
        d_model: channels.
        ngrams: length of the longest n-gram, 1 for tokens alone.
        stride: tokens a frame.

    Source: Bojanowski et al., "Enriching word vectors with subword information", arXiv 1607.04606,
        section 3.2; Pagnoni et al., "Byte Latent Transformer", arXiv 2412.09871, section 3.2.1.
    """

    def __init__(self, vocabulary: int, d_model: int, ngrams: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.ngrams, self.stride = ngrams, stride
        self.embedding = nn.Embedding(vocabulary, d_model)
        if ngrams > 1:
            self.table = nn.EmbeddingBag(NGRAM_ROWS, d_model, mode="sum")
            nn.init.zeros_(self.table.weight)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode tokens (batch, time) or (batch, time, 1)."""
        tokens_BL = (x_BLF.squeeze(-1) if x_BLF.ndim == 3 else x_BLF).long()
        if lengths is not None:
            tokens_BL = tokens_BL * frame_mask(lengths, tokens_BL.shape[1])[:, 0]
        tokens_BL = F.pad(tokens_BL, (0, -tokens_BL.shape[1] % self.stride))
        x_BTH = self.embedding(tokens_BL).unflatten(1, (-1, self.stride)).mean(2)
        if self.ngrams > 1:
            rows_BTN = ngram_rows(tokens_BL, self.ngrams).reshape(*x_BTH.shape[:2], -1)
            x_BTH = x_BTH + self.table(rows_BTN.flatten(0, 1)).view_as(x_BTH) / self.stride
        frames = None if lengths is None else (lengths + self.stride - 1) // self.stride
        # One copy here keeps every later layer on contiguous channels.
        return Frames(x_BTH.transpose(1, 2).contiguous(), frames, rate)


def ngram_rows(tokens_BL: Tensor, longest: int) -> Tensor:
    """Row of each n-gram in a table of `NGRAM_ROWS`: a polynomial hash of its tokens.

    Args:
        tokens_BL: int64 (batch, time), below 2 ** 31; token 0 stands before the first one.
        longest: length of the longest n-gram, at least 2.

    Returns:
        int64 (batch, time, longest - 1): those of 2, 3 ... tokens that end with each token.
    """
    code, rows = tokens_BL, []
    for back in range(1, longest):
        earlier = F.pad(tokens_BL, (back, 0))[:, : tokens_BL.shape[1]]
        code = (code * 1_000_003 + earlier + 1) % (2**31 - 1)
        rows.append(code % NGRAM_ROWS)
    return torch.stack(rows, dim=-1)


class StridedEncoder(nn.Module):
    """A causal strided convolution: one frame for every `stride` samples.

    The filters are functions of time. At another rate they are resampled to the new grid and the
    stride becomes the nearest whole number of new samples; what remains goes to the backbone as its
    rate. A model with stride 16 at 16 kHz has stride 8 and rate 1 at 8 kHz, stride 11 and rate
    0.998 at 11,025 Hz.

    Args:
        d_input: features of a step.
        d_model: channels.
        stride: samples a frame at the training rate.
        kernel: taps, at least the stride.
    """

    def __init__(self, d_input: int, d_model: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.stride = stride
        conv = nn.Conv1d(d_input, d_model, kernel)
        self.weight, self.bias = conv.weight, conv.bias

    def hop(self, rate: float) -> int:
        """Steps of a frame at another rate."""
        return frame_hop(self.stride, rate)

    def forward(self, x_BLF: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        """Encode (batch, time, d_input); raises what `filter_frames` raises."""
        weight = resample_filters(self.weight, rate)
        return filter_frames(x_BLF, lengths, rate, self.stride, weight, self.bias)


def frame_hop(stride: int, rate: float) -> int:
    """Steps of a frame: `stride` at the training rate, the nearest whole number at another."""
    return max(1, round(stride / rate))


def whole_frames(x_BLF: Tensor, hop: int) -> Tensor:
    """The input (batch, time, features) without the steps behind its last whole frame.

    Raises:
        ValueError: if the input is shorter than one frame.
    """
    if x_BLF.shape[1] < hop:
        raise ValueError(
            f"the input has {x_BLF.shape[1]} samples, but one frame takes {hop}: pad it"
        )
    return x_BLF[:, : x_BLF.shape[1] // hop * hop]


def filter_frames(
    x_BLF: Tensor,
    lengths: Tensor | None,
    rate: float,
    stride: int,
    weight: Tensor,
    bias: Tensor | None = None,
) -> Frames:
    """Frames of a causal strided convolution; each ends at its last sample.

    Args:
        x_BLF: input (batch, time, features).
        lengths: valid steps of each row (batch,), or None if all are valid.
        rate: evaluation step / training step.
        stride: steps a frame at the training rate.
        weight: filters (channels, features, taps) at the rate of the input.
        bias: (channels,), or None.

    Returns:
        One frame for each whole stride.

    Raises:
        ValueError: if the input is shorter than one frame.
    """
    hop = frame_hop(stride, rate)
    whole_BFL = whole_frames(x_BLF, hop).transpose(1, 2)
    # The first frame sees silence before the clip.
    padded = F.pad(whole_BFL, (weight.shape[-1] - hop, 0))
    x_BHL = F.conv1d(padded, weight, bias, stride=hop)
    frames = None if lengths is None else (lengths // hop).clamp(min=1)
    return Frames(x_BHL, frames, rate * hop / stride)


def resample_filters(weight_HFK: Tensor, rate: float) -> Tensor:
    """Filters on a grid `rate` times as coarse, band-limited, aligned at their last tap.

    Args:
        weight_HFK: taps (..., K).
        rate: new step in old steps, above 0.

    Returns:
        taps (..., ceil(K / rate)).
    """
    if rate == 1:
        return weight_HFK
    taps = weight_HFK.shape[-1]
    count = -int(-taps // rate)
    old = torch.arange(taps, dtype=torch.float64, device=weight_HFK.device)
    new = (taps - 1) - rate * torch.arange(count - 1, -1, -1, device=old.device)
    cutoff = min(1.0, 1 / rate)
    interpolation = cutoff * torch.sinc(cutoff * (new[:, None] - old))
    return weight_HFK @ (rate * interpolation.T).to(weight_HFK.dtype)

"""The peer of our keyword spotters: a small residual network on a log-mel spectrogram.

It is no sequence model and cannot stream. It is here because it is what most keyword spotters are,
so that the recipes can train it on the same data, with the same augmentation, for the same time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.kernels.base import checked_rate
from s4audio.models.config import checked_labels
from s4audio.models.filterbank import STEPS, band_powers, bank_hop, gabor_filters, log_powers
from s4audio.models.normalization import RELEASE_SECONDS, LevelFollower

POOLING = (3, 4)
"""Bands and frames that are averaged behind the first convolution."""

DROPOUT = 0.1

_HOP_SECONDS, _WINDOW_SECONDS = 0.01, 0.025


@dataclass(frozen=True)
class LogMelConfig:
    """Options of the log-mel network.

    Attributes:
        bands: mel bands, at least 3.
        channels: of every convolution.
        n_blocks: residual blocks of two convolutions each.
    """

    bands: int = 40
    channels: int = 45
    n_blocks: int = 3

    def __post_init__(self) -> None:
        for name, least in (("bands", POOLING[0]), ("channels", 1), ("n_blocks", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, got {getattr(self, name)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)


class LogMelNetwork(nn.Module):
    """Log-mel frames of 10 ms, and convolutions of 3 x 3 over bands and time with residuals.

    Args:
        config: options of the network.
        labels: names of the classes, in the order of the logits.
        sample_rate: of the training audio, in Hz.

    Source: Tang, Lin, "Deep Residual Learning for Small-Footprint Keyword Spotting",
        arXiv 1710.10361, their "res8", on log-mel energies instead of their cosine transform.

    Example:
        >>> import torch
        >>> LogMelNetwork(LogMelConfig(), ["no", "yes"])(torch.zeros(3, 16_000, 1)).shape
        torch.Size([3, 2])
    """

    filters: Tensor

    def __init__(
        self, config: LogMelConfig, labels: Sequence[str], sample_rate: int = 16_000
    ) -> None:
        super().__init__()
        self.config = config
        self.labels = checked_labels(labels)
        self.sample_rate = sample_rate
        self.hop = STEPS * max(1, round(_HOP_SECONDS * sample_rate / STEPS))
        self.level = LevelFollower(RELEASE_SECONDS * sample_rate)
        window = round(_WINDOW_SECONDS * sample_rate)
        filters = gabor_filters(config.bands, window, sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        self.norm = nn.BatchNorm1d(config.bands)
        self.first = _convolution(1, config.channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                _convolution(config.channels, config.channels),
                nn.ReLU(),
                _convolution(config.channels, config.channels),
            )
            for _ in range(config.n_blocks)
        )
        self.decoder = nn.Linear(config.channels, len(labels))

    def forward(self, x: Tensor, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """Logits.

        Args:
            x: waveforms (batch, time, 1) in [-1, 1].
            lengths: not used: what lies behind the end of a clip is silence, and is heard as such.
            rate: training sample rate / sample rate of `x`; the mel filters are resampled.

        Returns:
            (batch, classes).

        Raises:
            ValueError: if `x` has the wrong shape or is shorter than one pooled frame, or the rate
                is not a positive number.
        """
        shortest = POOLING[1] * bank_hop(self.hop, checked_rate(rate))
        if x.ndim != 3 or x.shape[-1] != 1 or x.shape[1] < shortest:
            raise ValueError(
                f"expected waveforms (batch, time, 1) of at least {shortest} samples at "
                f"{self.sample_rate / rate:g} Hz, got {tuple(x.shape)}"
            )
        frames = band_powers(self.level(x, None, rate), None, rate, self.hop, self.filters)
        log_BML = self.norm(log_powers(frames.x))
        y_BCML = F.avg_pool2d(self.first(log_BML.unsqueeze(1)).relu(), POOLING)
        for block in self.blocks:
            y_BCML = (y_BCML + block(y_BCML)).relu()
        hidden_BC = F.dropout(y_BCML.mean((2, 3)), DROPOUT, self.training)
        logits: Tensor = self.decoder(hidden_BC)
        return logits


def _convolution(channels_in: int, channels_out: int) -> nn.Module:
    """3 x 3 over bands and time, and normalisation."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
    )

"""The classifier of pairs of sequences: one network reads both, a small head compares them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from s4audio.models.build import make_backbone, make_encoder
from s4audio.models.config import ClassifierConfig, checked_labels
from s4audio.models.encoder import Frames
from s4audio.models.inputs import check_batch
from s4audio.models.pooling import pool


class PairClassifier(nn.Module):
    """Two sequences to one vector each, and their comparison to logits.

        logits = W2 relu(W1 [a, b, a * b, a - b] + b1) + b2

    Args:
        config: of the network that reads each sequence; `normalization` is "none".
        labels: names of the classes, in the order of the logits.

    Raises:
        ValueError: if there are no labels or the same one twice, or the config normalises.

    Source: Tay et al., arXiv 2011.04006, section 2.2.3 (two towers with shared weights); head as in
        the code of Gu, Goel, Re, arXiv 2111.00396.

    Example:
        >>> config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, vocabulary=5)
        >>> model = PairClassifier(config, ["unrelated", "cited"])
        >>> model(torch.zeros(6, 100, 1, dtype=torch.int64)).shape
        torch.Size([3, 2])
    """

    def __init__(self, config: ClassifierConfig, labels: Sequence[str]) -> None:
        super().__init__()
        if config.normalization != "none":
            raise ValueError(
                f"normalization={config.normalization!r} is for waveforms, not for pairs: leave it "
                "out"
            )
        self.config = config
        self.labels = checked_labels(labels)
        self.encoder = make_encoder(config)
        self.backbone = make_backbone(config)
        self.head = nn.Sequential(
            nn.Linear(4 * config.d_model, config.d_model),
            nn.ReLU(),
            nn.Linear(config.d_model, len(labels)),
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            x: (2 pairs, time, features) float, or tokens (2 pairs, time, 1); pair i in rows 2 i and
                2 i + 1.
            lengths: valid steps of each row (2 pairs,), the rest is padding at the end; None if all
                are valid.

        Returns:
            (pairs, classes).

        Raises:
            ValueError: if the rows are no pairs, or as for `SequenceClassifier.forward`.
        """
        config = self.config
        weights = next(self.parameters()).dtype
        check_batch(x, lengths, config.d_input, config.vocabulary, weights)
        if len(x) % 2:
            raise ValueError(f"expected two rows for each pair, got {len(x)} rows")
        frames: Frames = self.encoder(x, lengths, 1.0)
        y_BHL = self.backbone(frames.x, frames.lengths, frames.rate)
        both = pool(y_BHL, frames.lengths, self.config.pooling)
        a, b = both[0::2], both[1::2]
        logits: Tensor = self.head(torch.cat([a, b, a * b, a - b], dim=-1))
        return logits

"""The sequence classifier: normalisation, encoder, backbone, pooling, linear decoder."""

import os
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from s4audio.errors import UserError
from s4audio.kernels.base import checked_rate
from s4audio.models.build import make_backbone, make_encoder, make_normalization
from s4audio.models.config import ClassifierConfig, checked_labels
from s4audio.models.encoder import Frames
from s4audio.models.inputs import check_batch
from s4audio.models.normalization import Standardize
from s4audio.models.pooling import frame_mask, pool


class SequenceClassifier(nn.Module):
    """A classifier of sequences, such as raw waveforms.

    Args:
        config: every option of the network.
        labels: names of the classes, in the order of the logits.
        sample_rate: samples a second of the training audio, in Hz.

    Raises:
        ValueError: if there are no labels, or the same one twice.

    Example:
        >>> import torch
        >>> config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1)
        >>> model = SequenceClassifier(config, ["no", "yes"])
        >>> model(torch.zeros(3, 1600, 1)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, config: ClassifierConfig, labels: Sequence[str], sample_rate: int = 16_000
    ) -> None:
        super().__init__()
        if not hasattr(sample_rate, "__index__") or sample_rate < 1:
            raise UserError(
                f"sample_rate must be at least 1 Hz, got {sample_rate!r}: give a whole number"
            )
        self.config = config
        self.labels = checked_labels(labels)
        self.sample_rate = int(sample_rate)
        self.normalization = make_normalization(config, sample_rate)
        self.encoder = make_encoder(config, sample_rate)
        self.backbone = make_backbone(config)
        self.decoder = nn.Linear(config.d_model, len(labels))

    def forward(self, x: Tensor, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """Logits.

        Args:
            x: (batch, time, features) float; a waveform in [-1, 1] has one feature. Tokens are
                integers (batch, time).
            lengths: valid steps of each row (batch,), the rest is padding at the end; None if all
                are valid.
            rate: training sample rate / sample rate of `x`: 2.0 for 8 kHz audio and a model
                trained at 16 kHz.

        Returns:
            (batch, classes).

        Raises:
            ValueError: if `x` is empty or has the wrong number of features or number type, or
                `lengths` do not fit `x` (their values are looked at on a CPU only), or `rate` is
                not a positive number.
        """
        frames = self._encode(x, lengths, rate)
        y_BHL = self.backbone(frames.x, frames.lengths, frames.rate)
        logits: Tensor = self.decoder(pool(y_BHL, frames.lengths, self.config.pooling))
        return logits

    def features(self, x: Tensor, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """Output of the backbone.

        Args:
            x: as for `forward`.
            lengths: as for `forward`.
            rate: as for `forward`.

        Returns:
            (batch, frames, d_model); a frame is one step, or `stem_stride` steps.

        Raises:
            ValueError: as for `forward`.
        """
        frames = self._encode(x, lengths, rate)
        y_BLH: Tensor = self.backbone(frames.x, frames.lengths, frames.rate).transpose(1, 2)
        return y_BLH

    def set_input_statistics(self, mean: float, std: float) -> None:
        """Statistics of the training set, for ``normalization="standardize"``.

        Args:
            mean: of all samples.
            std: their standard deviation, above 0.

        Raises:
            ValueError: for another normalisation, or a std that is not positive.
        """
        if not isinstance(self.normalization, Standardize):
            raise ValueError(
                f"normalization={self.config.normalization!r} has no statistics to set: "
                "use normalization='standardize'"
            )
        self.normalization.set_statistics(mean, std)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json and model.safetensors.

        Args:
            folder: where to; made if it does not exist.

        Raises:
            UserError: if the folder cannot be written.
        """
        from s4audio.models.pretrained import save_folder

        save_folder(self, Path(folder))

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str]) -> "SequenceClassifier":
        """The same as `s4audio.load`."""
        from s4audio.models.pretrained import load

        return load(name_or_path)

    def _encode(self, x: Tensor, lengths: Tensor | None, rate: float) -> Frames:
        config = self.config
        check_batch(x, lengths, config.d_input, config.vocabulary, self.decoder.weight.dtype)
        checked_rate(rate)
        if self.normalization is not None:
            mask = None
            if lengths is not None:
                mask = frame_mask(lengths, x.shape[1]).transpose(1, 2).to(x.dtype)
            x = self.normalization(x, mask, rate)
            x = x if mask is None else x * mask
        frames: Frames = self.encoder(x, lengths, rate)
        return frames

"""Training on endless streams: a decision at every frame, pooled as a stream pools it."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from s4audio.data import KeywordStreams, StreamBatch
from s4audio.data.open_set import SILENCE
from s4audio.data.streams import NO_KEYWORD
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.streaming.classifier import check_can_stream
from s4audio.streaming.detector import is_event
from s4audio.tasks.classification import ClassificationTask
from s4audio.tasks.figures import figure
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig


class LongFormTask(ClassificationTask):
    """A `SequenceClassifier` trained on `KeywordStreams`.

    The network hears context and segment; after every frame of the segment its features, averaged
    over the last `network.length` samples, are decoded: exactly the logits that
    `StreamingClassifier` gives there with its window of that length. Tests are on clips, as of
    any classifier.

    Logs what `ClassificationTask` logs; the accuracies of training are of frames that have a class,
    `val/accuracy` is of words (mean posterior over the frames of a word), `val/false_alarm` is
    the share of frames without a keyword for which one has the highest score.

    Args:
        network: The classifier's configuration; `length` is the pooling window. It must be causal
            and pool the mean.
        labels: Class names with `_silence_` among them. Linked to the data by the command line.
        sample_rate: Rate of the training audio in Hz. Linked to the data by the command line.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        background_weight: Weight of a frame whose target is no keyword, where one whose target is a
            keyword has 1; above 0. There are about ten times as many of them.
        initial: As for `ClassificationTask`.

    Raises:
        ValueError: A number is out of range, or the network cannot stream.
    """

    monitor = "val/loss"

    def __init__(
        self,
        network: ClassifierConfig,
        labels: list[str],
        sample_rate: int = 16_000,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
        label_smoothing: float = 0.0,
        background_weight: float = 0.2,
        initial: Path | None = None,
    ) -> None:
        super().__init__(
            network, labels, sample_rate, optimizer, schedule, label_smoothing, initial=initial
        )
        if not 0 < background_weight < math.inf:
            raise ValueError(f"background_weight is {background_weight}; give a number above 0")
        if SILENCE not in labels:
            raise UserError(f"labels {', '.join(labels)} lack {SILENCE}: use data of streams")
        _check_network(self.network)
        self.background_weight = background_weight
        self._silence = labels.index(SILENCE)
        self._background = [row for row, label in enumerate(labels) if not is_event(label)]
        self._weights = [1.0 if is_event(label) else background_weight for label in labels]

    def setup(self, stage: str) -> None:
        """Compare the network with the data."""
        super().setup(stage)
        if stage in ("fit", "validate"):
            _check_streams(self.network, self._data())

    def training_step(self, batch: StreamBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """Loss of the frames of one batch; stops the training when it is not finite."""
        logits = self._segment_logits(batch)
        loss = self.frame_loss(logits, batch.targets, self.label_smoothing)
        known = batch.targets >= 0
        self.log_training(loss, logits[known], batch.targets[known])
        return loss

    def validation_step(self, batch: StreamBatch, batch_idx: int) -> None:  # type: ignore[override]
        """Log the loss of the frames, the accuracy of the words and the share of false alarms."""
        with torch.autocast(self.device.type, enabled=False):
            logits = self._segment_logits(batch)
        loss = self.frame_loss(logits, batch.targets)
        self.stop_if_diverged(loss)
        size = len(batch.targets)
        self.log("val/loss", loss, batch_size=size)
        scores, words = word_scores(logits, batch.targets, self._silence)
        if len(words):
            self.val_accuracy(scores, words)
            self.log("val/accuracy", self.val_accuracy, prog_bar=True, batch_size=size)
        empty = (batch.targets == self._silence) | (batch.targets == NO_KEYWORD)
        background = torch.tensor(self._background, device=logits.device)
        alarms = ~torch.isin(logits[empty].argmax(-1), background)
        self.log("val/false_alarm", alarms.float().mean(), batch_size=int(empty.sum()))

    def frame_loss(self, logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Weighted mean cross entropy of all frames that are not ignored.

        Args:
            logits: (batch, frames, classes).
            targets: int64 (batch, frames): a class, `IGNORED` or `NO_KEYWORD`.
            label_smoothing: in [0, 1).

        Returns:
            (), 0 if all frames are ignored.
        """
        known, forbidden = targets >= 0, targets == NO_KEYWORD
        entropy = functional.cross_entropy(
            logits[known], targets[known], reduction="none", label_smoothing=label_smoothing
        )
        weight = logits.new_tensor(self._weights)[targets[known]]
        shares = logits[forbidden].log_softmax(-1)
        no_keyword = -shares[:, self._background].logsumexp(-1)
        total = (weight * entropy).sum() + self.background_weight * no_keyword.sum()
        return total / (weight.sum() + self.background_weight * forbidden.sum()).clamp(min=1e-9)

    def validation_line(self, scores: Mapping[str, float]) -> str:
        """Accuracy of words, false alarms and loss."""
        alarms = figure("accuracy", scores["val/false_alarm"])
        return f"{super().validation_line(scores)}, false alarms in {alarms} of the frames"

    def _segment_logits(self, batch: StreamBatch) -> Tensor:
        logits = frame_logits(self.network, batch.inputs, batch.hop)
        return logits[:, -batch.targets.shape[1] :]


def frame_logits(network: SequenceClassifier, x_BLF: Tensor, hop: int) -> Tensor:
    """Logits after every frame, pooled over the last `network.config.length` samples.

    Those of `StreamingClassifier(network, chunk=hop)`, for all frames at once.

    Args:
        network: Causal, with mean pooling.
        x_BLF: Waveforms (batch, time, 1); time is a multiple of `hop`.
        hop: Samples of a frame, a multiple of the network's stride.

    Returns:
        (batch, time / hop, classes).
    """
    y_BLH = network.features(x_BLF)
    frames = y_BLH.reshape(len(y_BLH), -1, hop // network.config.stem_stride, y_BLH.shape[2])
    window = math.ceil(network.config.length / hop)
    logits: Tensor = network.decoder(sliding_mean(frames.mean(2), window))
    return logits


def sliding_mean(x_BFH: Tensor, window: int) -> Tensor:
    """Mean of the last `window` frames, or of all frames so far while they are fewer.

    Args:
        x_BFH: (batch, frames, channels).
        window: Frames, at least 1.

    Returns:
        (batch, frames, channels).
    """
    # In double precision: small differences of long sums.
    sums = x_BFH.double().cumsum(1)
    before = functional.pad(sums, (0, 0, window, 0))[:, : sums.shape[1]]
    count = torch.arange(1, sums.shape[1] + 1, device=sums.device).clamp(max=window)
    return ((sums - before) / count[:, None]).to(x_BFH.dtype)


def word_scores(logits: Tensor, targets: Tensor, silence: int) -> tuple[Tensor, Tensor]:
    """One decision for each word: its posteriors, summed over its frames.

    Args:
        logits: (batch, frames, classes).
        targets: int64 (batch, frames); the frames of a word follow each other.
        silence: Class of frames that belong to no word.

    Returns:
        Scores (words, classes) and classes (words,).
    """
    rows = torch.arange(len(targets), device=targets.device)[:, None]
    span = int(targets.max()) - int(targets.min()) + 1
    runs, which = torch.unique_consecutive((targets + rows * span).flatten(), return_inverse=True)
    posteriors = logits.float().softmax(-1).flatten(0, 1)
    scores = posteriors.new_zeros(len(runs), posteriors.shape[1]).index_add(0, which, posteriors)
    classes = torch.zeros_like(runs).scatter(0, which, targets.flatten())
    is_word = (classes >= 0) & (classes != silence)
    return scores[is_word], classes[is_word]


def _check_network(network: SequenceClassifier) -> None:
    config = network.config
    check_can_stream(network)
    if config.pooling != "mean":
        raise UserError(
            f"network.pooling={config.pooling}: long-form training pools the mean; set it to mean"
        )
    if config.kind == "dss" and (config.version or "softmax") == "softmax":
        raise UserError(
            "network.version=softmax: its kernel depends on the length of the input, so a stream "
            "would differ from training; set version to exp"
        )


def _check_streams(network: SequenceClassifier, data: object) -> None:
    if not isinstance(data, KeywordStreams):
        raise UserError(
            f"LongFormTask needs data of class KeywordStreams, not {type(data).__name__}"
        )
    stride, length = network.config.stem_stride, network.config.length
    if data.hop % stride:
        raise UserError(
            f"data.hop={data.hop} is no multiple of network.stem_stride={stride}: choose another"
        )
    if round(data.window * data.sample_rate) != length:
        raise UserError(
            f"data.window={data.window} s and network.length={length} samples must be the same "
            f"time: set network.length to {round(data.window * data.sample_rate)}"
        )

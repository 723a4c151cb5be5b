"""Picture of a training stream: what is heard, what a model shall say, and what one says."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from s4audio.data import KeywordStreams, StreamBatch
from s4audio.data.audio import FloatArray
from s4audio.data.streams import IGNORED, NO_KEYWORD
from s4audio.evaluation.metrics import IntArray
from s4audio.evaluation.plots import save_figure
from s4audio.models import SequenceClassifier
from s4audio.streaming.classifier import StreamingClassifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORD = "#0072B2"
_IGNORED = "#BBBBBB"
_NO_KEYWORD = "#E69F00"
_POINTS = 4000  # of the waveform, as pairs of lowest and highest samples


def plot_stream(
    network: SequenceClassifier, data: KeywordStreams, path: Path, first: int = 0, segments: int = 2
) -> list[Path]:
    """Draw a piece of the validation stream: waveform, targets, scores of a network as a stream.

    Args:
        network: With the labels of the data; it must be able to stream. What the stream holds
            before the piece is the context of its first segment.
        data: Prepared.
        path: Where to write, without extension.
        first: Number of the first segment.
        segments: How many follow each other, at least 1.

    Returns:
        The PNG and the SVG file.
    """
    batch = data.val_dataloader().dataset.__getitems__(  # type: ignore[attr-defined]
        range(first, first + segments)
    )
    waveform, targets = _joined(batch)
    stream = StreamingClassifier(network, chunk=data.hop, window=data.window)
    with torch.no_grad():
        logits, _ = stream(torch.from_numpy(waveform)[None], stream.initial_state())
    scores = logits[0, -len(targets) :].softmax(-1).numpy()
    heard = waveform[-len(targets) * data.hop :]
    return draw_stream(heard, targets, scores, data.labels, data.sample_rate, path)


def draw_stream(
    waveform: FloatArray,
    targets: IntArray,
    scores: FloatArray,
    labels: list[str],
    sample_rate: int,
    path: Path,
) -> list[Path]:
    """Draw waveform, targets and scores above each other.

    Args:
        waveform: (time,), float32 in [-1, 1].
        targets: (frames,), over the same time; a class, `IGNORED` or `NO_KEYWORD`.
        scores: (frames, classes), posteriors.
        labels: Class names.
        sample_rate: In Hz.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    seconds = len(waveform) / sample_rate
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1.6, 1.6])
    _draw_waveform(axes[0], waveform, sample_rate)
    _draw_targets(axes[1], targets, seconds / len(targets), labels)
    image = axes[2].imshow(
        scores.T,
        aspect="auto",
        interpolation="nearest",
        cmap="Blues",
        vmin=0,
        vmax=1,
        extent=(0, seconds, len(labels) - 0.5, -0.5),
    )
    axes[2].set_yticks(range(len(labels)), labels)
    axes[2].set_title("scores of the model", loc="left", fontsize=10)
    axes[2].set_xlabel("time (s)")
    axes[2].set_xlim(0, seconds)
    for each in axes[:2]:
        each.tick_params(axis="x", length=0)
    for each in axes:
        each.spines[:].set_visible(False)
        each.tick_params(axis="y", length=0, labelsize=8)
    bar = figure.colorbar(image, ax=axes[2], pad=0.01)
    bar.outline.set_visible(False)
    return save_figure(figure, path)


def _joined(batch: StreamBatch) -> tuple[FloatArray, IntArray]:
    """Context and segments as one waveform, and the targets of the segments."""
    size = batch.targets.shape[1] * batch.hop
    inputs = batch.inputs[..., 0]
    waveform = torch.cat([inputs[0], *inputs[1:, -size:]])
    return waveform.numpy(), batch.targets.flatten().numpy()


def _draw_waveform(axes: "Axes", waveform: FloatArray, sample_rate: int) -> None:
    size = max(len(waveform) // _POINTS, 1)
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    times = np.arange(len(blocks)) * size / sample_rate
    axes.fill_between(times, blocks.min(1), blocks.max(1), color="#444444", linewidth=0.4)
    axes.set_yticks([])
    axes.set_title("waveform", loc="left", fontsize=10)


def _draw_targets(axes: "Axes", targets: IntArray, frame: float, labels: list[str]) -> None:
    from matplotlib.patches import Patch

    borders = np.flatnonzero(np.diff(targets)) + 1
    for begin, end in zip([0, *borders], [*borders, len(targets)], strict=True):
        target, span = int(targets[begin]), (begin * frame, (end - begin) * frame)
        if target in (IGNORED, NO_KEYWORD):
            colour = _IGNORED if target == IGNORED else _NO_KEYWORD
            axes.broken_barh([span], (-0.5, len(labels)), facecolor=colour, alpha=0.35)
        else:
            axes.broken_barh([span], (target - 0.4, 0.8), facecolor=_WORD)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_title("targets", loc="left", fontsize=10)
    axes.legend(
        handles=[
            Patch(facecolor=_WORD, label="class"),
            Patch(facecolor=_IGNORED, alpha=0.35, label="ignored"),
            Patch(facecolor=_NO_KEYWORD, alpha=0.35, label="no keyword"),
        ],
        frameon=False,
        fontsize=8,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderpad=0,
    )

"""Pictures of an evaluation, each as PNG and SVG.

Colours are those of Okabe and Ito and a single-hue scale, which people with colour vision
deficiencies can tell apart; markers and line styles say the same again.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s4audio.evaluation.metrics import IntArray
from s4audio.evaluation.sweep import RateSweep, kilohertz

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colour, marker, and a shift along the axis so that bars at the same rate do not hide each other.
_STYLES = {"decimation": ("#D55E00", "o", 0.985), "resampling": ("#0072B2", "s", 1.015)}
_GREY = "#666666"


def plot_accuracy_by_rate(sweep: RateSweep, path: Path) -> list[Path]:
    """Accuracy against the sample rate of evaluation, one line a method.

    Full lines are evaluated with the step rescaled, faint broken lines without; bars are 95 %
    intervals; the diamond is the model's own rate.

    Args:
        sweep: Results of `sweep_rates`.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for method in ("resampling", "decimation"):
        for rescaled in (True, False):
            _draw_line(axes, sweep, method, rescaled)
    own = [row for row in sweep.rows if row.sample_rate == sweep.model_rate]
    if own:
        axes.plot(
            [row.sample_rate for row in own],
            [100 * row.accuracy for row in own],
            "D",
            color="black",
            markersize=7,
            zorder=5,
            label="rate of training",
        )
    chance = 100 / len(sweep.labels)
    axes.axhline(chance, color=_GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "chance",
        (1, chance),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        color=_GREY,
        fontsize=8,
    )
    _rate_axis(axes, sorted({row.sample_rate for row in sweep.rows}))
    axes.set_ylim(0, 101)
    axes.set_ylabel("accuracy (%)")
    axes.set_title(
        f"Trained at {kilohertz(sweep.model_rate)}, {len(sweep.targets):,} clips, "
        f"{len(sweep.labels)} classes",
        loc="left",
        fontsize=11,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return save_figure(figure, path)


def plot_confusion_matrix(
    counts: IntArray, targets: IntArray, labels: Sequence[str], title: str, path: Path
) -> list[Path]:
    """Confusion matrix: colour is the share of the true class, the number is the count of clips.

    Args:
        counts: Counts (classes, classes): row = true class, column = prediction.
        targets: True class indices (clips,), for the size of every class.
        labels: Names of the classes.
        title: Title of the picture.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    classes = len(labels)
    sizes = np.bincount(targets, minlength=classes)
    shares = 100 * counts / np.maximum(sizes, 1)[:, None]
    side = 2.6 + max(2.4, (0.46 if classes <= 15 else 0.31) * classes)
    font = 10 if classes <= 15 else 7.5
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    # The root brings out confusions of a few per cent, which a linear scale leaves white.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=100))
    write_counts(axes, counts, shares, font)
    axes.set_xticks(range(classes), labels, rotation=90, fontsize=font)
    names = [f"{label} ({size})" for label, size in zip(labels, sizes, strict=True)]
    axes.set_yticks(range(classes), names, fontsize=font)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class (count)")
    axes.set_title(title, loc="left", fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(0.5, classes - 1), minor=True)
    axes.set_yticks(np.arange(0.5, classes - 1), minor=True)
    axes.grid(which="minor", color="#ececec", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, ticks=[0, 1, 5, 10, 25, 50, 100])
    bar.set_label("share of the true class (%)")
    bar.outline.set_visible(False)
    return save_figure(figure, path)


def _draw_line(axes: "Axes", sweep: RateSweep, method: str, rescaled: bool) -> None:
    """One method's line; the clips as they are belong to both methods."""
    if all(row.method != method for row in sweep.rows):
        return
    rows = [
        row
        for row in sweep.rows
        if row.method in (method, "native")
        and (row.rescaled == rescaled or row.sample_rate == sweep.model_rate)
    ]
    color, marker, shift = _STYLES[method]
    shared = {row.sample_rate for row in sweep.rows if row.method == "decimation"}
    accuracies = np.array([row.accuracy for row in rows])
    intervals = np.array([row.interval for row in rows]).T
    axes.errorbar(
        [row.sample_rate * (shift if row.sample_rate in shared else 1.0) for row in rows],
        100 * accuracies,
        yerr=100 * np.abs(intervals - accuracies),
        color=color,
        marker=marker,
        markersize=6,
        linewidth=1.8 if rescaled else 1.2,
        elinewidth=1.0,
        capsize=2.5,
        linestyle="-" if rescaled else "--",
        alpha=1.0 if rescaled else 0.4,
        label=f"{method}, step {'rescaled' if rescaled else 'not rescaled'}",
    )


def _rate_axis(axes: "Axes", rates: Sequence[int]) -> None:
    """Logarithmic axis with a tick at every rate that was evaluated."""
    axes.set_xscale("log")
    axes.minorticks_off()
    crowded = any(high < 1.25 * low for low, high in pairwise(rates))
    names = [f"{rate / 1000:.12g}" for rate in rates]
    axes.set_xticks(rates, names, rotation=90 if crowded else 0)
    axes.set_xlim(rates[0] / 1.12, rates[-1] * 1.12)
    axes.set_xlabel("sample rate of evaluation (kHz)")


def write_counts(axes: "Axes", counts: IntArray, shares: np.ndarray, font: float) -> None:
    """Write the counts of a confusion matrix into its cells, but for the zeros.

    Args:
        axes: Where the matrix is drawn.
        counts: (rows, columns).
        shares: Share of its row of each count in %, which the cell's colour shows.
        font: Size of the labels.
    """
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=font - 0.5,
            color="white" if shares[row, column] > 35 else "black",
        )


def save_figure(figure: "Figure", path: Path) -> list[Path]:
    """Write a figure as PNG and SVG; the same figure gives the same files.

    Args:
        figure: What to write.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib import rc_context

    files = [path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.svg")]
    # A fixed salt and no date: nothing in the file changes from run to run.
    with rc_context({"svg.hashsalt": "s4audio"}):
        figure.savefig(files[0], dpi=150, bbox_inches="tight")
        figure.savefig(files[1], bbox_inches="tight", metadata={"Date": None})
    return files

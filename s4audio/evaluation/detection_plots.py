"""Pictures of a stream evaluation, each as PNG and SVG.

Colours are those of Okabe and Ito and a single-hue scale; line styles and markers say the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s4audio.evaluation.detection_tables import threshold_text
from s4audio.evaluation.outcome import (
    NO_SPEECH,
    NOTHING,
    OTHER_WORDS,
    Outcome,
    confusion,
    keyword_counts,
)
from s4audio.evaluation.plots import save_figure, write_counts
from s4audio.evaluation.tradeoff import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9")
_STYLES = ("-", "--", "-.", (0, (1, 1.2)))
_GREY = "#666666"
_RED = "#D55E00"


def plot_tradeoff(
    curves: Sequence[tuple[str, Curve]], targets: Sequence[float], path: Path
) -> list[Path]:
    """Detection error trade-off: misses against false accepts an hour, one line a curve.

    At the left end stands what is reached without a single false accept.

    Args:
        curves: (name, curve), at least one.
        targets: False accepts an hour to mark, where they can be told from none.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    steps = [(name, *curve.staircase()) for name, curve in curves]
    lowest = min(1 / curve.hours for _, curve in curves)
    highest = max(10 * lowest, *(float(rates.max()) for _, rates, _ in steps))
    none = lowest / 2.5
    for number, (name, rates, misses) in enumerate(steps):
        axes.step(
            [*np.maximum(rates, none), 1.5 * highest],
            [*(100 * misses), 100 * misses[-1]],
            where="post",
            color="black" if name == "all" else _COLOURS[number % len(_COLOURS)],
            linestyle=_STYLES[number % len(_STYLES)],
            linewidth=1.8,
            label=name,
        )
    for target in targets:
        if target > none:
            axes.axvline(target, color="#cccccc", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(none, 1.5 * highest)
    axes.set_ylim(0, 101)
    _name_ticks(axes, none)
    axes.set_xlabel("false accepts an hour")
    axes.set_ylabel("missed keywords (%)")
    axes.set_title("Detection error trade-off", loc="left", fontsize=11)
    _tidy(axes)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return save_figure(figure, path)


def plot_latencies(outcomes: Sequence[Outcome], path: Path) -> list[Path]:
    """Histogram of the time from the end of a word to its event, all recordings together.

    Args:
        outcomes: One a recording.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    latencies = np.concatenate([outcome.latencies for outcome in outcomes])
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"Latency of {len(latencies):,} hits", loc="left", fontsize=11)
    if len(latencies):
        low, high = np.floor(latencies.min() * 20) / 20, np.ceil(latencies.max() * 20) / 20
        bins = np.arange(low, high + 0.075, 0.05)
        axes.hist(
            latencies, bins=bins.tolist(), color=_COLOURS[0], edgecolor="white", linewidth=0.6
        )
        axes.set_ylim(0, 1.15 * axes.get_ylim()[1])  # room for the names of the lines
        for share, name in ((0.5, "median"), (0.9, "90 %")):
            value = float(np.quantile(latencies, share))
            axes.axvline(value, color="black", linewidth=1.0, linestyle="--")
            axes.annotate(
                f"{name} {value:.2f} s",
                (value, 1),
                xycoords=("data", "axes fraction"),
                xytext=(4, -4),
                textcoords="offset points",
                va="top",
                fontsize=9,
            )
    axes.axvline(0, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_xlabel("from the end of the word to its event (s)")
    axes.set_ylabel("hits")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _tidy(axes)
    return save_figure(figure, path)


def plot_confusion(outcomes: Sequence[Outcome], threshold: float, path: Path) -> list[Path]:
    """Spoken against detected words: colour is the share of the spoken, the number the count.

    The last two rows, what was detected while no keyword was spoken, have no share.

    Args:
        outcomes: One a recording.
        threshold: Of the outcomes, for the title.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    words = outcomes[0].timeline.words
    counts, spoken = confusion(outcomes), keyword_counts(outcomes)
    shares = np.full(counts.shape, np.nan)
    shares[: len(words)] = 100 * counts[: len(words)] / np.maximum(spoken, 1)[:, None]
    small = len(words) > 15
    font, side = (7.5, 0.31) if small else (10.0, 0.46)
    width = 2.6 + max(2.4, side * (len(words) + 1))
    figure = Figure(figsize=(width + 0.9, width + 0.3), layout="constrained")
    axes = figure.add_subplot()
    # The root brings out confusions of a few per cent, which a linear scale leaves white.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=100))
    write_counts(axes, counts, shares, font)
    axes.axhline(len(words) - 0.5, color=_GREY, linewidth=0.8)
    axes.axvline(len(words) - 0.5, color=_GREY, linewidth=0.8)
    columns = [*words, NOTHING]
    rows = [*(f"{w} ({n})" for w, n in zip(words, spoken, strict=True)), OTHER_WORDS, NO_SPEECH]
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=font)
    axes.set_yticks(range(len(rows)), rows, fontsize=font)
    axes.set_xlabel("detected")
    axes.set_ylabel("spoken (times)")
    axes.set_title(f"Threshold {threshold_text(threshold)}", loc="left", fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, ticks=[0, 1, 5, 10, 25, 50, 100])
    bar.set_label("share of the spoken keyword (%)")
    bar.outline.set_visible(False)
    return save_figure(figure, path)


def _name_ticks(axes: "Axes", none: float) -> None:
    """Plain numbers, and 0 at the left end."""
    low, high = axes.get_xlim()
    decades = [10.0**power for power in range(-3, 6)]
    ticks = [step * ten for ten in decades for step in (1, 3) if 1.6 * none < step * ten <= high]
    axes.set_xticks([none, *ticks], ["none", *(f"{tick:g}" for tick in ticks)])
    axes.minorticks_off()
    axes.set_xlim(low, high)


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)

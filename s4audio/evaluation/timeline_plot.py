"""Picture of a minute of a stream: scores, spoken words and events, as PNG and SVG."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s4audio.evaluation.detection_tables import threshold_text
from s4audio.evaluation.outcome import OTHER_WORDS, Outcome
from s4audio.evaluation.plots import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREY = "#666666"
_RED = "#D55E00"
_GREEN = "#009E73"
_MINUTE = 60.0


def plot_minute(outcome: Outcome, threshold: float, path: Path) -> list[Path]:
    """Scores of the minute with the most keywords, with spoken words and events.

    Args:
        outcome: A recording.
        threshold: Of the outcome, for the title.
        path: Where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    timeline = outcome.timeline
    words = timeline.words
    begin = _busiest_minute(outcome)
    rows = slice(
        round(begin / timeline.row_seconds), round((begin + _MINUTE) / timeline.row_seconds)
    )
    scores = timeline.scores[rows]
    end = begin + len(scores) * timeline.row_seconds
    figure = Figure(figsize=(11, 1.8 + 0.24 * (len(words) + 1)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(
        scores.T,
        aspect="auto",
        interpolation="nearest",
        cmap="Blues",
        vmin=0,
        vmax=1,
        extent=(begin, end, len(words) - 0.5, -0.5),
    )
    _draw_spoken(axes, outcome, begin, end)
    _draw_events(axes, outcome, begin, end)
    axes.set_xlim(begin, end)
    axes.set_ylim(len(words) + 0.5, -0.5)
    axes.axhline(len(words) - 0.5, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(words) + 1), [*words, OTHER_WORDS])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time (s)")
    title = f"{timeline.name}, threshold {threshold_text(threshold)}"
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[:].set_visible(False)
    _explain(axes)
    bar = figure.colorbar(image, ax=axes, pad=0.01, shrink=0.8)
    bar.set_label("score")
    bar.outline.set_visible(False)
    return save_figure(figure, path)


def _busiest_minute(outcome: Outcome) -> float:
    """Start of the whole minute with the most keywords, in seconds."""
    starts = np.array([spoken.start for spoken in outcome.timeline.keywords])
    counts = np.bincount((starts // _MINUTE).astype(np.int64), minlength=1)
    return float(counts.argmax()) * _MINUTE


def _draw_spoken(axes: "Axes", outcome: Outcome, begin: float, end: float) -> None:
    from matplotlib.patches import Rectangle

    numbers = {word: number for number, word in enumerate(outcome.timeline.words)}
    for spoken in outcome.timeline.spoken:
        if begin <= spoken.start < end:
            row = numbers.get(spoken.word, len(numbers))
            corner, length = (spoken.start, row - 0.42), spoken.end - spoken.start
            edge = "black" if spoken.word in numbers else _GREY
            axes.add_patch(
                Rectangle(corner, length, 0.84, fill=False, edgecolor=edge, linewidth=1.0)
            )
            if spoken.word not in numbers:
                axes.annotate(
                    spoken.word,
                    (spoken.end, row),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color=_GREY,
                )


def _draw_events(axes: "Axes", outcome: Outcome, begin: float, end: float) -> None:
    for time, word, cause in zip(outcome.times, outcome.events.words, outcome.causes, strict=True):
        if begin <= time < end:
            hit = cause == "hit"
            axes.plot(
                time,
                word,
                "^" if hit else "x",
                color=_GREEN if hit else _RED,
                markersize=7,
                markeredgewidth=1.0 if hit else 2.0,
                markeredgecolor="white" if hit else _RED,
                zorder=5,
                clip_on=False,
            )


def _explain(axes: "Axes") -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor="none", edgecolor="black", label="spoken"),
        Line2D([], [], linestyle="", marker="^", color=_GREEN, label="hit"),
        Line2D([], [], linestyle="", marker="x", color=_RED, label="false accept"),
    ]
    axes.legend(
        handles=handles,
        frameon=False,
        fontsize=9,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderpad=0,
    )

"""Time and memory against length, on logarithmic axes, as PNG and SVG."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from s4audio.benchmark.cases import GroupResult, Row
from s4audio.evaluation.plots import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito: people with colour vision deficiencies can tell them apart, markers say it again.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#000000", "v"))
GREY = "#666666"


def plot_growth(result: GroupResult, path: Path) -> list[Path]:
    """Time of a step and its memory (above the baseline) against length, one line a name.

    The dashed lines grow as L log L (time) and as L (memory) and meet the first line at its end.

    Args:
        result: a group whose cases differ in length; at least one was measured.
        path: where to write, without extension.

    Returns:
        the PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    lines = _lines(result)
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    times, memories = figure.subplots(1, 2)
    for (name, rows), (color, marker) in zip(lines.items(), STYLES, strict=False):
        lengths = [row.case.length for row in rows]
        style = {"color": color, "marker": marker, "linewidth": 1.6, "label": name}
        times.plot(lengths, [row.median for row in rows], **style)
        sizes = [(row.above_baseline or math.nan) / 1e6 for row in rows]
        memories.plot(lengths, sizes, **style)
    first = next(iter(lines.values()))
    lengths = [row.case.length for row in first]
    linearithmic = [length * math.log2(length) for length in lengths]
    _guide(times, lengths, linearithmic, first[-1].median, "O(L log L)")
    _guide(
        memories, lengths, list(map(float, lengths)), (first[-1].above_baseline or 0) / 1e6, "O(L)"
    )
    _finish(times, "time of a step (s)")
    _finish(memories, "memory of a step (MB)")
    figure.suptitle(result.group.title, x=0.01, ha="left", fontsize=11)
    return save_figure(figure, path)


def plot_tokens(result: GroupResult, path: Path) -> list[Path]:
    """Tokens a second, of all sequences together, against the context, one line a name.

    Args:
        result: a group of cases that generate tokens; at least one was measured.
        path: where to write, without extension.

    Returns:
        the PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for (name, rows), (color, marker) in zip(_lines(result).items(), STYLES, strict=False):
        speeds = [row.case.samples / row.median for row in rows]
        contexts = [row.case.length for row in rows]
        axes.plot(contexts, speeds, color=color, marker=marker, linewidth=1.6, label=name)
    _finish(axes, "tokens a second")
    axes.set_xlabel("context (tokens)")
    figure.suptitle(result.group.title, x=0.01, ha="left", fontsize=10)
    return save_figure(figure, path)


def _lines(result: GroupResult) -> dict[str, list[Row]]:
    """Measured rows by name, in the order of the table."""
    lines: dict[str, list[Row]] = {}
    for row in result.shown:
        if not row.failure:
            lines.setdefault(row.case.name, []).append(row)
    return lines


def _guide(axes: "Axes", lengths: list[int], growth: list[float], end: float, label: str) -> None:
    """A line of known growth that ends where the measured one does."""
    values = [end * value / growth[-1] for value in growth]
    axes.plot(lengths, values, "--", color=GREY, linewidth=1.0, label=label, zorder=0)


def _finish(axes: "Axes", label: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("length L (time steps)")
    axes.set_ylabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9)

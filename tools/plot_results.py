"""Draw the figures of the table of recipes: ours, and the published ones beside them.

    python tools/plot_results.py recipes/README.md docs/images

The table is the only place that holds the figures. Rows without one of ours are left out. Needs
matplotlib: pip install 's4audio[train]'.
"""

import argparse
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMNS = ["task", "measure", "model", "published", "source", "ours", "command"]
ABSENT = ("", "none", "none confirmed", "not run here", "no recipe")
# A figure, then what the table says about it: a deviation, another figure from elsewhere.
NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?: \([^()]*\))?(?:; .*)?")

OURS, PUBLISHED, GREY = "#0072B2", "#D55E00", "#666666"
LINE_INCHES, PANEL_INCHES = 0.26, 0.8
HIGHEST_INCHES = 12.0
"""Of one column; what would be higher is drawn in two."""


class Result(NamedTuple):
    """One figure of the table.

    Args:
        task: what was done.
        quantity: what the figure is, such as accuracy (%).
        model: name of the network, and the condition if the task has several.
        published: figure of a paper, if there is one.
        ours: our figure, if there is one.
        reference: whether the row has no recipe: counts, histograms.
    """

    task: str
    quantity: str
    model: str
    published: float | None
    ours: float | None
    reference: bool


def read_results(text: str) -> list[Result]:
    """Figures of the first table of a Markdown text that has the columns `COLUMNS`.

    A measure such as "accuracy (%): 16 kHz / 8 kHz" names conditions, and cells then hold as many
    figures with " / " between them, or one word such as "none". Empty cells of task and measure
    repeat those above.

    Args:
        text: of the Markdown file.

    Returns:
        One result for each row and condition.

    Raises:
        ValueError: there is no such table, or a cell cannot be read.
    """
    lines = iter(text.splitlines())
    if not any(_cells(line) == COLUMNS for line in lines):
        raise ValueError(f"no table with the columns {', '.join(COLUMNS)}")
    next(lines)  # the line of dashes
    results: list[Result] = []
    task = measure = ""
    for line in lines:
        if not line.startswith("|"):
            break
        cells = _cells(line)
        if len(cells) != len(COLUMNS):
            raise ValueError(f"{len(cells)} columns instead of {len(COLUMNS)}: {line}")
        row = dict(zip(COLUMNS, cells, strict=True))
        task, measure = row["task"] or task, row["measure"] or measure
        results += _results(row, task, measure)
    return results


def _results(row: dict[str, str], task: str, measure: str) -> list[Result]:
    quantity, _, names = measure.partition(": ")
    conditions = names.split(" / ")
    published, ours = (_figures(row[name], len(conditions), row) for name in ("published", "ours"))
    return [
        Result(
            task.replace("`", ""),
            quantity,
            ", ".join(filter(None, (row["model"], condition))),
            *figures,
            not row["command"],
        )
        for condition, *figures in zip(conditions, published, ours, strict=True)
    ]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _figures(cell: str, count: int, row: dict[str, str]) -> list[float | None]:
    """The figures of a cell, one for each condition."""
    if cell in ABSENT:
        return [None] * count
    parts = cell.replace("**", "").split(" / ")
    if len(parts) != count:
        raise ValueError(f"{row['model']}: {cell!r} holds {len(parts)} figures, expected {count}")
    figures: list[float | None] = []
    for part in parts:
        match = NUMBER.fullmatch(part)
        if match is None and part not in ABSENT:
            raise ValueError(f"{row['model']}: {part!r} is no figure, nor one of {ABSENT[1:]}")
        figures.append(float(match[1]) if match else None)
    return figures


def draw(results: list[Result]) -> Figure:
    """A panel for each task, a line for each figure of ours.

    Args:
        results: of `read_results`.

    Raises:
        ValueError: none of them is ours.
    """
    shown = [result for result in results if result.ours is not None]
    if not shown:
        raise ValueError("the table has no figure of ours")
    panels = [list(group) for _, group in groupby(shown, lambda r: (r.task, r.quantity))]
    columns = _columns(panels)
    highest = max(sum(map(_inches, column)) for column in columns)
    figure = Figure(figsize=(7.5 * len(columns), highest + 0.4), layout="constrained")
    parts = figure.subfigures(1, len(columns), squeeze=False)[0]
    for part, column in zip(parts, columns, strict=True):
        heights = [*map(_inches, column)]
        axes = part.subplots(len(column), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axis, panel in zip(axes, column, strict=True):
            _draw_panel(axis, panel)
    handles = [
        axes[0].plot([], [], "o", color=OURS, label="ours")[0],
        axes[0].plot([], [], "D", color=PUBLISHED, fillstyle="none", label="published")[0],
        axes[0].plot([], [], "s", color=GREY, label="ours, without a network")[0],
    ]
    # Nothing is explained that is not drawn.
    drawn = [
        True,
        any(r.published is not None for r in shown),
        any(r.reference for r in shown),
    ]
    legend = [handle for handle, used in zip(handles, drawn, strict=True) if used]
    figure.legend(handles=legend, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    return figure


def _inches(panel: list[Result]) -> float:
    return LINE_INCHES * len(panel) + PANEL_INCHES


def _columns(panels: list[list[Result]]) -> list[list[list[Result]]]:
    """All in one column, or, where it would be high, in two of about the same height."""
    total = sum(map(_inches, panels))
    if total < HIGHEST_INCHES:
        return [panels]
    # The cut after which the higher column is lowest.
    cut = min(
        range(1, len(panels)),
        key=lambda i: max(sum(map(_inches, panels[:i])), sum(map(_inches, panels[i:]))),
        default=1,
    )
    return [column for column in (panels[:cut], panels[cut:]) if column]


def _draw_panel(axis: Axes, panel: list[Result]) -> None:
    for line, result in enumerate(panel):
        if result.published is not None:
            axis.plot(result.published, line, "D", color=PUBLISHED, fillstyle="none")
        colour, marker = (GREY, "s") if result.reference else (OURS, "o")
        axis.plot(result.ours, line, marker, color=colour)
        # On the side where the published figure is not.
        left = result.published is not None and result.published > (result.ours or 0)
        axis.annotate(
            f"{result.ours:g}",
            (result.ours, line),
            (-7 if left else 7, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axis.set_title(panel[0].task, loc="left", fontsize=9, fontweight="bold")
    axis.set_xlabel(panel[0].quantity, fontsize=8)
    axis.set_yticks(range(len(panel)), [result.model for result in panel], fontsize=8)
    axis.set_ylim(len(panel) - 0.5, -0.5)
    axis.set_xlim(*_limits(panel))
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", color="#dddddd", linewidth=0.8)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _limits(panel: list[Result]) -> tuple[float, float]:
    """Of the axis: close figures should look close, so errors begin at 0, accuracies at 0 or 50."""
    figures = [f for result in panel for f in (result.ours, result.published) if f is not None]
    if panel[0].quantity.startswith("accuracy"):
        return (50.0 if min(figures) > 50 else 0.0), 104.0
    return 0.0, 1.15 * max(figures)


def main() -> None:
    """Read the table, draw, save."""
    parser = argparse.ArgumentParser(description="Draw the figures of the table of recipes.")
    parser.add_argument("table", type=Path, help="Markdown file that holds the table")
    parser.add_argument("output", type=Path, help="folder for results.png and results.svg")
    options = parser.parse_args()

    mpl.rcParams["svg.hashsalt"] = "s4audio"  # the same file each time
    figure = draw(read_results(options.table.read_text(encoding="utf-8")))
    options.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output / "results.png", dpi=120)
    figure.savefig(options.output / "results.svg", metadata={"Date": None})


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"plot_results: {error}", file=sys.stderr)
        sys.exit(2)

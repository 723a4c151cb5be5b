"""Pictures of forecasts, each as PNG and SVG."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s4audio.evaluation.plots import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
Panel = tuple[str, Sequence[datetime], Values, Values, Values]

_PAST, _TRUTH, _FORECAST = "#999999", "#0072B2", "#D55E00"


def plot_forecasts(panels: Sequence[Panel], path: Path) -> list[Path]:
    """Forecasts of some windows beside what came, two panels a row.

    Args:
        panels: of each: name of the series, dates of all its steps, what was known, what came,
            what was forecast.
        path: where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    lines = -(-len(panels) // 2)
    figure = Figure(figsize=(10.5, 0.5 + 2.5 * lines), layout="constrained")
    axes = figure.subplots(lines, 2, squeeze=False).flat
    for place, panel in zip(axes, panels, strict=False):
        _draw_panel(place, panel)
    for place in list(axes)[len(panels) :]:
        place.set_axis_off()
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    return save_figure(figure, path)


def plot_error_by_step(errors: Values, title: str, path: Path) -> list[Path]:
    """Error of each step of the horizon.

    Args:
        errors: mean squared error (horizon,), standardised.
        title: above the plot.
        path: where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    steps = np.arange(1, len(errors) + 1)
    axes.plot(steps, errors, color=_FORECAST, linewidth=1.6, marker="." if len(errors) < 3 else "")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("steps ahead")
    axes.set_ylabel("MSE, standardised")
    axes.set_title(title, loc="left", fontsize=11)
    _clean(axes)
    return save_figure(figure, path)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    from matplotlib import dates as calendar

    name, dates, past, truth, forecast = panel
    days = np.asarray(calendar.date2num(dates))  # type: ignore[no-untyped-call]
    now = len(past) - 1
    axes.plot(days[: now + 1], past, color=_PAST, linewidth=1.2, label="known")
    # The truth starts at the last known value, so that no gap is seen between them.
    axes.plot(days[now:], [past[-1], *truth], color=_TRUTH, linewidth=1.2, label="truth")
    axes.plot(days[now + 1 :], forecast, color=_FORECAST, linewidth=1.8, label="forecast")
    axes.axvline(float(days[now]), color=_PAST, linewidth=0.8, linestyle=":")
    locator = calendar.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = calendar.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_title(f"{name}, from {dates[now + 1]:%Y-%m-%d %H:%M}", loc="left", fontsize=10)
    axes.tick_params(labelsize=9)
    _clean(axes)


def _clean(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)

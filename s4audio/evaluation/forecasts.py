"""How good forecasts are: errors, simple forecasts to compare with, tables and files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s4audio.evaluation.forecast_plots import plot_error_by_step, plot_forecasts
from s4audio.evaluation.tables import Cell, TextTable, print_table, write_csv, write_text
from s4audio.evaluation.writing import json_number, print_then_write, report_folder

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of windows, each a step after the one before, in standardised units.

    Attributes:
        past: what was known (windows, context, columns).
        truth: what came (windows, horizon, columns).
        forecast: what was forecast (windows, horizon, columns).
        dates: of the rows: the context of the first window, and all that follow.
        columns: names.
        mean: of each column, in its own unit.
        std: standard deviation of each column, in its own unit.
    """

    past: FloatArray
    truth: FloatArray
    forecast: FloatArray
    dates: Sequence[datetime]
    columns: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def original(self, values: FloatArray) -> NDArray[np.float64]:
        """Standardised values (..., columns) in their own units."""
        return np.asarray(values * self.std + self.mean)


def squared_and_absolute_error(forecast: FloatArray, truth: FloatArray) -> tuple[float, float]:
    """Mean squared and mean absolute error.

    Args:
        forecast: any shape.
        truth: the same shape.

    Example:
        >>> squared_and_absolute_error(np.float32([1, 2]), np.float32([1, 4]))
        (2.0, 1.0)
    """
    error = forecast.astype(np.float64) - truth
    return float(np.square(error).mean()), float(np.abs(error).mean())


def last_value(past: FloatArray, horizon: int) -> FloatArray:
    """The last known value, repeated.

    Args:
        past: (windows, context, columns).
        horizon: steps to forecast.

    Returns:
        (windows, horizon, columns).
    """
    return np.repeat(past[:, -1:], horizon, axis=1)


def last_period(past: FloatArray, horizon: int, period: int) -> FloatArray:
    """The last known period, repeated.

    Args:
        past: (windows, context, columns).
        horizon: steps to forecast.
        period: steps, at most the context.

    Returns:
        (windows, horizon, columns).
    """
    return past[:, -period:][:, np.arange(horizon) % period]


def report_forecasts(forecasts: Forecasts, day: int, output: Path) -> None:
    """Print the errors, then write them with the forecasts and pictures.

    Args:
        forecasts: of a test.
        day: steps of a day; 0 where a day is no whole number of steps.
        output: folder, made if missing; files of an earlier report in it are replaced.

    Raises:
        UserError: after printing, if the folder or a file in it cannot be written.
    """
    errors = _errors(forecasts, day)
    table = _table(forecasts, errors)
    print_then_write(lambda: print_table(table), lambda: _write(forecasts, errors, table, output))


def forecast_rows(
    dates: Sequence[datetime],
    columns: Sequence[str],
    forecast: NDArray[np.float64],
    truth: NDArray[np.float64] | None = None,
) -> list[dict[str, Cell]]:
    """Rows of a CSV file: one for each step of one window.

    Args:
        dates: of the steps (horizon).
        columns: names.
        forecast: (horizon, columns).
        truth: the same shape, or None where it is not known.
    """
    rows: list[dict[str, Cell]] = []
    for step, date in enumerate(dates):
        row: dict[str, Cell] = {"date": str(date), "step": step + 1}
        for number, column in enumerate(columns):
            if truth is not None:
                row[column] = round(float(truth[step, number]), 6)
            row[f"{column} forecast"] = round(float(forecast[step, number]), 6)
        rows.append(row)
    return rows


def _errors(forecasts: Forecasts, day: int) -> dict[str, tuple[float, float]]:
    """Errors of the model, of each column if there are several, and of simple forecasts."""
    truth, horizon = forecasts.truth, forecasts.truth.shape[1]
    errors = {"model": squared_and_absolute_error(forecasts.forecast, truth)}
    if len(forecasts.columns) > 1:
        for number, column in enumerate(forecasts.columns):
            errors[f"model, {column}"] = squared_and_absolute_error(
                forecasts.forecast[..., number], truth[..., number]
            )
    simple = last_value(forecasts.past, horizon)
    errors["last value"] = squared_and_absolute_error(simple, truth)
    if 1 < day <= forecasts.past.shape[1]:
        simple = last_period(forecasts.past, horizon, day)
        errors["last day repeated"] = squared_and_absolute_error(simple, truth)
    return errors


def _table(forecasts: Forecasts, errors: dict[str, tuple[float, float]]) -> TextTable:
    windows, horizon, _ = forecasts.truth.shape
    return TextTable(
        title=f"{horizon} steps ahead from {forecasts.past.shape[1]}, {windows:,} test windows",
        headers=("forecast", "MSE", "MAE"),
        rows=tuple((name, f"{mse:.4f}", f"{mae:.4f}") for name, (mse, mae) in errors.items()),
        words=1,
        notes=("Errors are of standardised values.",),
    )


def _write(
    forecasts: Forecasts, errors: dict[str, tuple[float, float]], table: TextTable, output: Path
) -> None:
    windows, horizon, _ = forecasts.truth.shape
    error = forecasts.forecast.astype(np.float64) - forecasts.truth
    mse, mae = np.square(error).mean((0, 2)), np.abs(error).mean((0, 2))
    document: dict[str, Any] = {
        "context": forecasts.past.shape[1],
        "horizon": horizon,
        "windows": windows,
        "columns": forecasts.columns,
        "errors": {
            name: {"mse": json_number(two[0]), "mae": json_number(two[1])}
            for name, two in errors.items()
        },
        "mse_by_step": [json_number(value) for value in mse.tolist()],
        "mae_by_step": [json_number(value) for value in mae.tolist()],
    }
    pictures = "![Forecasts](forecasts.png)\n\n![Error by step](error_by_step.png)\n"
    with report_folder(output, "--report.output"):
        write_text(output / "report.json", json.dumps(document, indent=1, ensure_ascii=False))
        write_text(output / "report.md", f"# Forecast\n\n{table.markdown()}\n{pictures}")
        write_csv(output / "predictions.csv", _prediction_rows(forecasts))
        plot_error_by_step(mse, f"MSE {mse.mean():.3f}", output / "error_by_step")
        _plot_examples(forecasts, output / "forecasts")


def _prediction_rows(forecasts: Forecasts) -> list[dict[str, Cell]]:
    """Every step of the test once: windows that follow on one another without overlap."""
    _, context, _ = forecasts.past.shape
    windows, horizon, _ = forecasts.truth.shape
    rows = []
    for window in range(0, windows, horizon):
        first = window + context
        rows += forecast_rows(
            forecasts.dates[first : first + horizon],
            forecasts.columns,
            forecasts.original(forecasts.forecast[window]),
            forecasts.original(forecasts.truth[window]),
        )
    return rows


def _plot_examples(forecasts: Forecasts, path: Path) -> None:
    """Four windows of one series, or two of each of the first series, spread over the test."""
    columns = range(min(3, len(forecasts.columns)))
    windows = np.linspace(0, len(forecasts.truth) - 1, 4 if len(columns) == 1 else 2).round()
    context, horizon = forecasts.past.shape[1], forecasts.truth.shape[1]
    shown = min(context, 2 * horizon)
    panels = []
    for column in columns:
        for window in dict.fromkeys(windows.astype(int).tolist()):
            first = window + context
            panels.append(
                (
                    forecasts.columns[column],
                    forecasts.dates[first - shown : first + horizon],
                    forecasts.original(forecasts.past[window])[-shown:, column],
                    forecasts.original(forecasts.truth[window])[:, column],
                    forecasts.original(forecasts.forecast[window])[:, column],
                )
            )
    plot_forecasts(panels, path)

"""How good predicted numbers are: errors, files, and a plot of prediction against truth."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s4audio.evaluation.plots import save_figure
from s4audio.evaluation.tables import Cell, TextTable, print_table, write_csv, write_text
from s4audio.evaluation.writing import print_then_write, report_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RegressionScores:
    """Errors in the target's unit.

    Attributes:
        rmse: root of the mean squared error.
        mae: mean absolute error.
        bias: mean of prediction minus truth.
        correlation: Pearson's; NaN where predictions or truth do not vary.
        constant_rmse: RMSE of the best constant, the truth's standard deviation.
    """

    rmse: float
    mae: float
    bias: float
    correlation: float
    constant_rmse: float


def regression_scores(predictions: Values, truth: Values) -> RegressionScores:
    """Errors of predicted numbers.

    Args:
        predictions: (rows,), at least one.
        truth: (rows,).

    Example:
        >>> regression_scores(np.array([1.0, 4.0]), np.array([2.0, 3.0])).rmse
        1.0
    """
    error = predictions - truth
    varies = predictions.std() > 0 and truth.std() > 0
    return RegressionScores(
        rmse=float(np.sqrt(np.square(error).mean())),
        mae=float(np.abs(error).mean()),
        bias=float(error.mean()),
        correlation=float(np.corrcoef(predictions, truth)[0, 1]) if varies else float("nan"),
        constant_rmse=float(truth.std()),
    )


def report_regression(
    predictions: Values, truth: Values, name: str, unit: str, output: Path
) -> None:
    """Print the errors, then write them with the predictions and a plot.

    Args:
        predictions: (rows,), in the unit.
        truth: (rows,).
        name: of the target.
        unit: of the target.
        output: folder, made if missing; files of an earlier report in it are replaced.

    Raises:
        UserError: after printing, if the folder or a file in it cannot be written.
    """
    scores = regression_scores(predictions, truth)
    table = _table(scores, len(truth), name, unit)

    def write() -> None:
        document = {"target": name, "unit": unit, "count": len(truth), **_plain(scores)}
        picture = "![Prediction against truth](scatter.png)\n"
        with report_folder(output, "--report.output"):
            write_text(output / "report.json", json.dumps(document, indent=1))
            write_text(output / "report.md", f"# Regression\n\n{table.markdown()}\n{picture}")
            write_csv(output / "predictions.csv", prediction_rows(predictions, truth))
            plot_regression(predictions, truth, f"{name} ({unit})", output / "scatter")

    print_then_write(lambda: print_table(table), write)


def prediction_rows(predictions: Values, truth: Values) -> list[dict[str, Cell]]:
    """Rows of a CSV file: number of the window, prediction, truth."""
    return [
        {"window": row, "prediction": round(float(guess), 6), "truth": round(float(true), 6)}
        for row, (guess, true) in enumerate(zip(predictions, truth, strict=True))
    ]


def plot_regression(predictions: Values, truth: Values, name: str, path: Path) -> list[Path]:
    """Prediction against truth, a dot a row; on the line they are equal.

    Args:
        predictions: (rows,).
        truth: (rows,).
        name: what is predicted, with its unit.
        path: where to write, without extension.

    Returns:
        The PNG and the SVG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, predictions, truth)
    axes.set_xlabel(f"true {name}")
    axes.set_ylabel(f"predicted {name}")
    rmse = regression_scores(predictions, truth).rmse
    axes.set_title(f"{len(truth):,} windows, RMSE {rmse:.3g}", loc="left", fontsize=11)
    return save_figure(figure, path)


def _draw(axes: "Axes", predictions: Values, truth: Values) -> None:
    both = np.concatenate([predictions, truth])
    margin = 0.03 * max(float(np.ptp(both)), 1e-6)
    ends = (float(both.min()) - margin, float(both.max()) + margin)
    axes.plot(ends, ends, color="#666666", linewidth=0.8, linestyle=":")
    # Rasterised: thousands of dots would make the SVG file large and slow.
    axes.scatter(truth, predictions, s=9, alpha=0.5, color="#0072B2", linewidths=0, rasterized=True)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def _table(scores: RegressionScores, count: int, name: str, unit: str) -> TextTable:
    return TextTable(
        title=f"{name} of {count:,} windows, in {unit}",
        headers=("", "RMSE", "MAE", "bias", "correlation"),
        rows=(
            (
                "model",
                f"{scores.rmse:.4f}",
                f"{scores.mae:.4f}",
                f"{scores.bias:+.4f}",
                f"{scores.correlation:.4f}",
            ),
            ("best constant", f"{scores.constant_rmse:.4f}", "", "", ""),
        ),
        words=1,
    )


def _plain(scores: RegressionScores) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: value if value == value else None for name, value in vars(scores).items()}

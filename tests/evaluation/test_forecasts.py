"""Errors of forecasts, simple forecasts, tables and pictures."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from s4audio.errors import UserError
from s4audio.evaluation.forecasts import (
    Forecasts,
    last_period,
    last_value,
    report_forecasts,
    squared_and_absolute_error,
)

CONTEXT, HORIZON, WINDOWS = 6, 4, 9


def forecasts(columns: int = 1) -> Forecasts:
    """Forecasts of a straight line that are 0.5 too high at every second window."""
    rows = np.arange(CONTEXT + HORIZON + WINDOWS - 1, dtype=np.float32)
    steps = np.arange(WINDOWS)[:, None] + np.arange(CONTEXT + HORIZON)
    values = np.repeat(rows[steps][..., None], columns, axis=-1)
    truth = values[:, CONTEXT:]
    error = np.where(np.arange(WINDOWS) % 2, 0.5, 0)[:, None, None].astype(np.float32)
    return Forecasts(
        past=values[:, :CONTEXT],
        truth=truth,
        forecast=truth + error,
        dates=[datetime(2020, 1, 1) + timedelta(hours=int(row)) for row in rows],
        columns=tuple("abc"[:columns]),
        mean=np.full(columns, 10.0),
        std=np.full(columns, 2.0),
    )


def test_errors_against_a_plain_loop():
    random = np.random.default_rng(0)
    forecast, truth = random.normal(size=(2, 5, 3, 2)).astype(np.float32)
    pairs = list(zip(forecast.ravel().tolist(), truth.ravel().tolist(), strict=True))
    squared, absolute = squared_and_absolute_error(forecast, truth)
    assert squared == pytest.approx(sum((a - b) ** 2 for a, b in pairs) / len(pairs))
    assert absolute == pytest.approx(sum(abs(a - b) for a, b in pairs) / len(pairs))


def test_simple_forecasts():
    past = np.array([[[1.0], [2.0], [3.0]]], dtype=np.float32)
    assert last_value(past, 4)[0, :, 0].tolist() == [3, 3, 3, 3]
    assert last_period(past, 5, 2)[0, :, 0].tolist() == [2, 3, 2, 3, 2]


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    report_forecasts(forecasts(), day=3, output=tmp_path / "new")
    printed = capsys.readouterr().out
    assert "4 steps ahead from 6, 9 test windows" in printed
    report = json.loads((tmp_path / "new" / "report.json").read_text())
    # Four of nine windows are wrong by 0.5; the line rises by 1 a step.
    assert report["errors"]["model"] == pytest.approx({"mse": 0.25 * 4 / 9, "mae": 0.5 * 4 / 9})
    assert report["errors"]["last value"]["mse"] == pytest.approx((1 + 4 + 9 + 16) / 4)
    assert report["errors"]["last day repeated"]["mae"] == pytest.approx((3 + 3 + 3 + 6) / 4)
    assert report["mse_by_step"] == pytest.approx([0.25 * 4 / 9] * HORIZON)
    for name in ("report.md", "forecasts.png", "forecasts.svg", "error_by_step.png"):
        assert (tmp_path / "new" / name).stat().st_size > 100


def test_a_forecast_that_is_no_number_leaves_the_report_readable(tmp_path: Path):
    broken = forecasts()
    broken.forecast[0, 1] = np.nan
    report_forecasts(broken, day=3, output=tmp_path)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    text = (tmp_path / "report.json").read_text()
    report = json.loads(text, parse_constant=refuse)
    assert report["errors"]["model"] == {"mse": None, "mae": None}
    assert [error is None for error in report["mse_by_step"]] == [False, True, False, False]


def test_predictions_are_in_the_units_of_the_table_without_overlap(tmp_path: Path):
    report_forecasts(forecasts(2), day=0, output=tmp_path)
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Windows 0, 4 and 8 follow on one another.
    assert [float(row["a"]) for row in rows] == [10 + 2 * row for row in range(6, 18)]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"] * 3
    assert rows[4]["date"] == "2020-01-01 10:00:00"
    assert [float(row["b forecast"]) for row in rows] == [float(row["b"]) for row in rows]
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["errors"]) == ["model", "model, a", "model, b", "last value"]


def test_a_folder_that_cannot_be_written_costs_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose a folder that can be written"):
        report_forecasts(forecasts(), day=0, output=tmp_path / "file")
    assert "model" in capsys.readouterr().out

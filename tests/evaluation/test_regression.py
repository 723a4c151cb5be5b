"""Errors of predicted numbers, files and plot."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from s4audio.errors import UserError
from s4audio.evaluation.regression import regression_scores, report_regression


def test_scores_against_a_plain_loop():
    random = np.random.default_rng(0)
    truth = random.normal(70, 10, 50)
    guess = truth + random.normal(1, 3, 50)
    scores = regression_scores(guess, truth)
    errors = [a - b for a, b in zip(guess.tolist(), truth.tolist(), strict=True)]
    assert scores.rmse == pytest.approx(math.sqrt(sum(e * e for e in errors) / 50))
    assert scores.mae == pytest.approx(sum(map(abs, errors)) / 50)
    assert scores.bias == pytest.approx(sum(errors) / 50)
    assert 0.9 < scores.correlation < 1
    assert scores.constant_rmse == pytest.approx(truth.std())


def test_a_constant_has_no_correlation():
    scores = regression_scores(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
    assert math.isnan(scores.correlation)
    assert scores.rmse == scores.constant_rmse


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    truth = np.array([60.0, 70.0, 80.0])
    report_regression(truth + np.array([1, -1, 1]), truth, "HR", "beats a minute", tmp_path / "new")
    assert "HR of 3 windows, in beats a minute" in capsys.readouterr().out
    report = json.loads((tmp_path / "new" / "report.json").read_text())
    assert report["rmse"] == pytest.approx(1)
    assert report["bias"] == pytest.approx(1 / 3)
    with (tmp_path / "new" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["prediction"], rows[0]["truth"]) == ("61.0", "60.0")
    for name in ("report.md", "scatter.png", "scatter.svg"):
        assert (tmp_path / "new" / name).stat().st_size > 100


def test_a_constant_prediction_is_valid_json(tmp_path: Path):
    report_regression(np.full(2, 1.0), np.full(2, 1.0), "HR", "bpm", tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["correlation"] is None


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose a folder that can be written"):
        report_regression(np.ones(2), np.ones(2), "HR", "bpm", tmp_path / "file")

"""A forecaster is trained, tested, stored and continued."""

import csv
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from s4audio.data.forecasting import Forecasting
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.models.forecaster import Forecaster
from s4audio.tasks import OptimizerConfig, ScheduleConfig
from s4audio.tasks.forecasting import ForecastingTask

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec.*:FutureWarning",
)


@pytest.fixture
def data(tmp_path: Path) -> Forecasting:
    """Days as sine waves around a level that rises."""
    lines = ["date,OT"]
    for hour in range(600):
        value = 0.01 * hour + math.sin(2 * math.pi * hour / 24)
        lines.append(f"{datetime(2020, 1, 1) + timedelta(hours=hour)},{value}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines))
    return Forecasting(path, context=48, horizon=12, batch_size=16)


def task(data: Forecasting, center: int = 24, horizon: int | None = None) -> ForecastingTask:
    torch.manual_seed(0)
    return ForecastingTask(
        ClassifierConfig(kind="s4d", d_model=16, n_layers=1, d_state=16, norm="layer"),
        data.columns,
        data.context,
        horizon or data.horizon,
        data.n_marks,
        center=center,
        optimizer=OptimizerConfig(learning_rate=0.02),
        schedule=ScheduleConfig(kind="constant"),
    )


def trainer(folder: Path, **options) -> Trainer:
    return Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def test_it_learns_what_repeats(data: Forecasting, tmp_path: Path):
    module = task(data)
    run = trainer(tmp_path, max_epochs=4, enable_checkpointing=False)
    (before,) = run.validate(module, data, verbose=False)
    run.fit(module, data)
    (after,) = run.validate(module, data, verbose=False)
    assert after["val/loss"] < 0.3 * before["val/loss"]
    assert module.validation_line(after).startswith("MSE 0.")

    (scores,) = run.test(module, data, verbose=False)
    module.write_test(tmp_path / "report", data)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["windows"] == len(data.split("testing"))
    assert report["errors"]["model"] == pytest.approx(
        {"mse": scores["test/mse"], "mae": scores["test/mae"]}, rel=1e-4
    )
    assert "last day repeated" in report["errors"]
    assert [name for name, _ in module.test_figures()] == ["test MSE", "test MAE"]


def test_errors_count_every_value_the_same(data: Forecasting, tmp_path: Path):
    module = task(data)
    (scores,) = trainer(tmp_path, enable_checkpointing=False).test(module, data, verbose=False)
    windows = data.split("testing")
    batch = windows.__getitems__(range(len(windows)))
    with torch.no_grad():
        error = module.eval()(batch) - batch.future
    assert len(windows) % data.batch_size  # the last batch is not full
    assert scores["test/mse"] == pytest.approx(error.square().mean().item(), rel=1e-4)
    assert scores["test/mae"] == pytest.approx(error.abs().mean().item(), rel=1e-4)


def test_predict_continues_the_table(data: Forecasting, tmp_path: Path):
    module = task(data)
    outputs = trainer(tmp_path, enable_checkpointing=False).predict(module, data)
    assert module.write_predictions(tmp_path / "scores.csv", outputs, data) == 12
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["date"] == str(datetime(2020, 1, 1) + timedelta(hours=600))
    assert list(rows[0]) == ["date", "step", "OT forecast"]
    expected = outputs[0].forecast[0, :, 0].numpy() * data.std + data.mean
    assert [float(row["OT forecast"]) for row in rows] == pytest.approx(expected.tolist(), abs=1e-5)


def test_checkpoint_holds_windows_and_refuses_others(data: Forecasting, tmp_path: Path):
    run = trainer(tmp_path, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    run.fit(task(data), data)
    path = tmp_path / "one.ckpt"
    run.save_checkpoint(path)
    stored = torch.load(path, weights_only=True)["s4audio"]
    assert json.loads(json.dumps(stored)) == stored
    assert stored["task"] == "ForecastingTask"
    assert (stored["config"]["context"], stored["config"]["horizon"]) == (48, 12)
    assert stored["config"]["center"] == 24
    assert stored["data"]["class"] == "Forecasting"

    again = task(data)
    trainer(tmp_path).test(again, data, ckpt_path=path, verbose=False, weights_only=True)
    for name, weight in torch.load(path, weights_only=True)["state_dict"].items():
        assert torch.equal(again.state_dict()[name], weight)


def test_a_trained_forecaster_in_python(data: Forecasting, tmp_path: Path):
    run = trainer(tmp_path, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    module = task(data)
    run.fit(module, data)
    run.save_checkpoint(tmp_path / "one.ckpt")
    model = Forecaster.from_checkpoint(tmp_path / "one.ckpt")
    assert model.describe() == module.network.describe()

    batch = data.ahead()[0]
    values = torch.from_numpy(data.series.values[-48:]).float()[None]
    with torch.no_grad():
        found = model.forecast(values, batch.marks)
        expected = data.original(module.eval()(batch).numpy())
    assert found.numpy() == pytest.approx(expected, rel=1e-4)


def test_a_checkpoint_of_another_task_is_no_forecaster(tmp_path: Path):
    torch.save({"s4audio": {"task": "ClassificationTask"}}, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="holds no forecaster, but a ClassificationTask"):
        Forecaster.from_checkpoint(tmp_path / "other.ckpt")


def test_divergence_ends_the_training(data: Forecasting, tmp_path: Path):
    module = task(data)
    with torch.no_grad():
        module.network.decoder.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="training diverged"):
        trainer(tmp_path, max_epochs=1, enable_checkpointing=False).fit(module, data)

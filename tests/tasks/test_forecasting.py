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


def task(
    data: Forecasting, center: int = 24, ridge: float | None = None, sign_flip: bool = False
) -> ForecastingTask:
    torch.manual_seed(0)
    return ForecastingTask(
        ClassifierConfig(kind="s4d", d_model=16, n_layers=1, d_state=16, norm="layer"),
        data.columns,
        data.context,
        data.horizon,
        data.n_marks,
        center=center,
        ridge=ridge,
        sign_flip=sign_flip,
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


def test_the_linear_map_is_fitted_before_the_training_and_stays(data: Forecasting, tmp_path: Path):
    module = task(data, center=1, ridge=0.1)
    few = {"enable_checkpointing": False, "limit_train_batches": 3, "limit_val_batches": 0}
    run = trainer(tmp_path, max_epochs=1, **few)
    run.fit(module, data)
    windows = data.split("train")
    batch = windows.__getitems__(range(len(windows)))
    again = task(data, center=1, ridge=0.1).network
    again.fit_linear([(batch.past, batch.future)], 0.1)
    torch.testing.assert_close(module.network.direct.weight, again.direct.weight)
    with torch.no_grad():
        error = (again(batch.past, batch.marks) - batch.future).square().mean()
    assert error < 0.1 * (batch.past[:, -1:] - batch.future).square().mean()
    assert module.network.decoder.weight.abs().max() > 0  # the stack was trained

    run.save_checkpoint(tmp_path / "one.ckpt")
    resumed = task(data, center=1, ridge=9.0)
    trainer(tmp_path, max_epochs=2, **few).fit(
        resumed, data, ckpt_path=tmp_path / "one.ckpt", weights_only=True
    )
    assert torch.equal(resumed.network.direct.weight, module.network.direct.weight)


def seen_in_training(data: Forecasting, folder: Path, **options) -> tuple[torch.Tensor, float]:
    """Contexts that the network is given in three steps, and the loss of the first one."""
    module = task(data, **options)
    seen: list[torch.Tensor] = []
    module.network.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    losses: list[float] = []
    module.stop_if_diverged = lambda loss: losses.append(loss.item())
    torch.manual_seed(1)
    run = trainer(
        folder, max_epochs=1, limit_train_batches=3, limit_val_batches=0, enable_checkpointing=False
    )
    run.fit(module, data)
    return torch.cat(seen), losses[0]


@pytest.mark.parametrize("center", [0, 1, 24])
def test_sign_flip_turns_some_windows_about_their_level(
    data: Forecasting, tmp_path: Path, center: int
):
    plain, loss = seen_in_training(data, tmp_path, center=center, ridge=0.1)
    turned, turned_loss = seen_in_training(data, tmp_path, center=center, ridge=0.1, sign_flip=True)
    level = plain[:, -center:].mean(1, keepdim=True) if center else torch.zeros(1)
    kept = (turned - plain).abs().amax((1, 2)) < 1e-5
    mirrored = (turned - (2 * level - plain)).abs().amax((1, 2)) < 1e-5
    assert (kept ^ mirrored).all()
    assert 12 < kept.sum() < 36  # of 48
    # The linear map of a turned context is the turned forecast: its errors only change their signs.
    assert turned_loss == pytest.approx(loss, rel=1e-4)


def test_the_step_decides_what_is_turned(data: Forecasting, tmp_path: Path):
    first, _ = seen_in_training(data, tmp_path, sign_flip=True)
    again, _ = seen_in_training(data, tmp_path, sign_flip=True)
    assert torch.equal(first, again)


def test_a_checkpoint_of_other_weights_is_refused(data: Forecasting, tmp_path: Path):
    run = trainer(tmp_path, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    run.fit(task(data, ridge=0.1), data)
    path = tmp_path / "other.ckpt"
    run.save_checkpoint(path)
    other = torch.load(path, weights_only=True)
    other["state_dict"]["network.share"] = torch.tensor(0.5)
    torch.save(other, path)
    with pytest.raises(UserError, match=r'do not fit its config: .*"share"'):
        Forecaster.from_checkpoint(path)
    with pytest.raises(UserError, match="other names or shapes"):
        trainer(tmp_path).test(task(data, ridge=0.1), data, ckpt_path=path, weights_only=True)


@pytest.mark.parametrize("ridge", [0.0, -1.0, math.nan])
def test_a_penalty_is_above_zero(data: Forecasting, ridge: float):
    with pytest.raises(ValueError, match="give a number above 0, or null for no linear map"):
        task(data, ridge=ridge)


def test_divergence_ends_the_training(data: Forecasting, tmp_path: Path):
    module = task(data)
    with torch.no_grad():
        module.network.decoder.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="training diverged"):
        trainer(tmp_path, max_epochs=1, enable_checkpointing=False).fit(module, data)

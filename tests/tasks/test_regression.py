"""A regression is trained, tested, stored and continued, in the target's own unit."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from s4audio.data.bidmc import BIDMC
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.tasks import OptimizerConfig, ScheduleConfig
from s4audio.tasks.regression import RegressionTask

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec.*:FutureWarning",
)


@pytest.fixture
def data(tmp_path: Path) -> BIDMC:
    """Windows of noise whose target, 60 to 100, is told by the level of the first signal."""
    random = np.random.default_rng(0)
    folder = tmp_path / "HR" / "reshuffle"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 64), ("valid", 10), ("test", 10)):
        levels = random.uniform(-1, 1, (count, 1))
        series = random.normal(0, 0.1, (count, 40, 2))
        series[..., 0] += levels
        np.save(folder / f"{prefix}x.npy", series.astype(np.float32))
        np.save(folder / f"{prefix}y.npy", 80 + 20 * levels[:, 0])
    return BIDMC(tmp_path, batch_size=8)


def task(**network) -> RegressionTask:
    torch.manual_seed(0)
    config = {"kind": "s4d", "d_model": 16, "n_layers": 1, "d_state": 8, "length": 40, "d_input": 2}
    return RegressionTask(
        ClassifierConfig(**{**config, **network}),
        ["HR"],
        125,
        OptimizerConfig(learning_rate=0.02),
        ScheduleConfig(kind="constant"),
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


def test_it_learns_and_reports_in_the_unit(data: BIDMC, tmp_path: Path):
    module = task()
    run = trainer(tmp_path, max_epochs=8, enable_checkpointing=False)
    run.fit(module, data)
    mean, std = data.target_statistics()
    assert module.target_mean.item() == pytest.approx(mean)
    assert module.target_std.item() == pytest.approx(std)
    (scores,) = run.test(module, data, verbose=False)
    assert scores["test/rmse"] < 0.5 * std

    module.write_test(tmp_path / "report", data)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["rmse"] == pytest.approx(scores["test/rmse"], rel=1e-4)
    assert (report["target"], report["unit"]) == ("HR", "beats a minute")
    assert (tmp_path / "report" / "scatter.png").exists()

    outputs = run.predict(module, data)
    assert module.write_predictions(tmp_path / "scores.csv", outputs, data) == 10
    with (tmp_path / "scores.csv").open(newline="") as file:
        truth = [float(row["truth"]) for row in csv.DictReader(file)]
    assert truth == pytest.approx(data.split("testing").targets.tolist(), rel=1e-5)


def test_rmse_is_of_all_windows_not_a_mean_over_batches(data: BIDMC, tmp_path: Path):
    module = task()
    module.target_mean.fill_(80)
    module.target_std.fill_(10)
    (scores,) = trainer(tmp_path, enable_checkpointing=False).test(module, data, verbose=False)
    windows = data.split("testing")
    batch = windows.__getitems__(range(len(windows)))
    with torch.no_grad():
        error = 80 + 10 * module.eval()(batch) - batch.targets
    assert len(windows) % data.batch_size
    assert scores["test/rmse"] == pytest.approx(error.square().mean().sqrt().item(), rel=1e-4)
    assert scores["test/mae"] == pytest.approx(error.abs().mean().item(), rel=1e-4)


def test_the_checkpoint_keeps_the_scale_of_the_targets(data: BIDMC, tmp_path: Path):
    module = task()
    run = trainer(tmp_path, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    run.fit(module, data)
    path = tmp_path / "one.ckpt"
    run.save_checkpoint(path)
    stored = torch.load(path, weights_only=True)["s4audio"]
    assert json.loads(json.dumps(stored)) == stored
    assert (stored["task"], stored["labels"], stored["sample_rate"]) == (
        "RegressionTask",
        ["HR"],
        125,
    )
    (expected,) = run.test(module, data, verbose=False)
    (found,) = trainer(tmp_path).test(
        task(), data, ckpt_path=path, verbose=False, weights_only=True
    )
    assert found == pytest.approx(expected)


def test_statistics_of_the_input_are_not_taken():
    with pytest.raises(UserError, match="normalization='standardize' needs statistics"):
        task(normalization="standardize")


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_a_loss_that_is_not_finite_ends_it(stage: str, data: BIDMC, tmp_path: Path):
    module = task()
    torch.nn.init.constant_(module.network.decoder.bias, torch.nan)
    options = {"enable_checkpointing": False, "max_epochs": 1, "num_sanity_val_steps": 0}
    run = trainer(tmp_path, **options)
    with pytest.raises(UserError, match="the loss is nan at step 0"):
        getattr(run, stage)(module, data)


def test_one_target_and_two_signals_are_needed(data: BIDMC, tmp_path: Path):
    with pytest.raises(ValueError, match="a regression has one target, got 2"):
        RegressionTask(ClassifierConfig(), ["HR", "RR"])
    with pytest.raises(UserError, match=r"network.d_input is 1: set it to 2"):
        trainer(tmp_path, max_epochs=1, enable_checkpointing=False).fit(task(d_input=1), data)

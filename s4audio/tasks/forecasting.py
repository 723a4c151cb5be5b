"""Training, validation and testing of a forecaster."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from s4audio.data.forecasting import ForecastBatch, Forecasting, Windows
from s4audio.evaluation.forecasts import Forecasts, forecast_rows, report_forecasts
from s4audio.evaluation.tables import write_csv
from s4audio.models import ClassifierConfig
from s4audio.models.forecaster import Forecaster
from s4audio.tasks.base import Task
from s4audio.tasks.figures import figure
from s4audio.tasks.optimizer import OptimizerConfig
from s4audio.tasks.schedule import ScheduleConfig

_WINDOWS_AT_ONCE = 64


class Forecast(NamedTuple):
    """Forecasts of some windows, standardised, on the CPU.

    Attributes:
        past: (windows, context, columns).
        truth: (windows, horizon, columns), NaN where it is not known.
        forecast: (windows, horizon, columns).
    """

    past: Tensor
    truth: Tensor
    forecast: Tensor


class ForecastingTask(Task):
    """A `Forecaster` trained with the mean squared error of standardised values.

    Logs `train/loss`, `val/loss` (the MSE), `val/mae`, `test/mse` and `test/mae` an epoch, and
    `train/loss_step` within it. Each value of each window counts the same.

    Args:
        network: The backbone's configuration; its input and length follow from the data.
        columns: Names of the series. Linked to the data by the command line, as are the next three.
        context: Known steps.
        horizon: Steps to forecast.
        n_marks: Features of the date of each step.
        center: Steps whose mean is subtracted from each window and added to its forecast: the last
            so many of the context; 0, as in the papers, for none.
        ridge: Penalty of a linear map from the context of a series to its forecast, found by ridge
            regression over the training windows before the training, which leaves it as it is: the
            stack learns the rest. None for no map.
        sign_flip: Training turns each window upside down about its level (see `center`) with
            probability 1/2: what rose in the training rows has then fallen as often.
        optimizer: Learning rates and weight decay.
        schedule: How the learning rates change.
    """

    monitor = "val/loss"
    network: Forecaster

    def __init__(
        self,
        network: ClassifierConfig,
        columns: list[str],
        context: int,
        horizon: int,
        n_marks: int,
        center: int = 0,
        ridge: float | None = None,
        sign_flip: bool = False,
        optimizer: OptimizerConfig = OptimizerConfig(),
        schedule: ScheduleConfig = ScheduleConfig(),
    ) -> None:
        super().__init__(optimizer, schedule)
        if ridge is not None and not ridge > 0:
            raise ValueError(f"ridge is {ridge}; give a number above 0, or null for no linear map")
        self.ridge, self.sign_flip = ridge, sign_flip
        self.network = Forecaster(
            network, columns, context, horizon, n_marks, center, linear=ridge is not None
        )
        self._test_batches: list[Forecast] = []

    def on_fit_start(self) -> None:
        """Take statistics and the linear map from the training rows; a resumed one has its own."""
        if self.trainer.ckpt_path is None:
            data = self._data()
            self.network.set_statistics(torch.from_numpy(data.mean), torch.from_numpy(data.std))
            if self.ridge is not None:
                batches = _batches(data.split("train"))
                self.network.fit_linear(
                    ((batch.past, batch.future) for batch in batches), self.ridge
                )

    def forward(self, batch: ForecastBatch) -> Tensor:
        """Forecasts (batch, horizon, columns) of a batch, standardised."""
        forecast: Tensor = self.network(batch.past, batch.marks)
        return forecast

    def training_step(self, batch: ForecastBatch, batch_idx: int) -> Tensor:
        """Mean squared error of one batch; stops the training when it is not finite."""
        batch = self._flipped(batch)
        loss: Tensor = (self(batch) - batch.future).square().mean()
        self.log_loss(loss, len(batch.past))
        return loss

    def validation_step(self, batch: ForecastBatch, batch_idx: int) -> None:
        """Log both errors."""
        error = self(batch) - batch.future
        self.stop_if_diverged(error.mean())
        size = len(batch.past)
        self.log("val/loss", error.square().mean(), prog_bar=True, batch_size=size)
        self.log("val/mae", error.abs().mean(), batch_size=size)

    def on_test_epoch_start(self) -> None:
        """Forget the forecasts of an earlier test."""
        self._test_batches = []

    def test_step(self, batch: ForecastBatch, batch_idx: int) -> None:
        """Log both errors, and keep the forecasts."""
        forecast = self(batch)
        error, size = forecast - batch.future, len(batch.past)
        self.log("test/mse", error.square().mean(), batch_size=size)
        self.log("test/mae", error.abs().mean(), batch_size=size)
        self._test_batches.append(_on_cpu(batch, forecast))

    def predict_step(self, batch: ForecastBatch, batch_idx: int) -> Forecast:
        """Forecasts of one batch on the CPU."""
        return _on_cpu(batch, self(batch))

    def description(self) -> dict[str, Any]:
        """Options of the network and the shape of its windows."""
        return {"config": self.network.describe(), "labels": list(self.network.columns)}

    def test_figures(self) -> list[tuple[str, str]]:
        """Both errors."""
        metrics = self.trainer.callback_metrics
        return [
            ("test MSE", figure("mse", float(metrics["test/mse"]))),
            ("test MAE", figure("mae", float(metrics["test/mae"]))),
        ]

    def write_test(self, output: Path, data: Forecasting) -> None:
        """Errors beside those of simple forecasts, forecasts in the table's units, and plots."""
        past, truth, forecast = (
            torch.cat(parts).numpy() for parts in zip(*self._test_batches, strict=True)
        )
        windows = data.split("testing")
        forecasts = Forecasts(
            past, truth, forecast, windows.dates, self.network.columns, data.mean, data.std
        )
        report_forecasts(forecasts, data.steps_per_day, output)

    def write_predictions(self, path: Path, outputs: Sequence[Any], data: Forecasting) -> int:
        """One row a step after the end of the table, in its units."""
        (output,) = outputs
        forecast = data.original(np.asarray(output.forecast[0]))
        rows = forecast_rows(data.ahead().future_dates(0), self.network.columns, forecast)
        write_csv(path, rows)
        return len(rows)

    def validation_line(self, scores: Mapping[str, float]) -> str:
        """Both errors."""
        return f"MSE {scores['val/loss']:.4f}, MAE {scores['val/mae']:.4f}"

    def _flipped(self, batch: ForecastBatch) -> ForecastBatch:
        """The batch, about half of its windows upside down where that is asked for."""
        if not self.sign_flip:
            return batch
        # The step decides, so that a resumed run turns what it would have turned.
        random = np.random.default_rng([torch.initial_seed(), self.global_step, self.global_rank])
        signs = torch.from_numpy(random.choice((-1.0, 1.0), (len(batch.past), 1, 1)))
        sign, level = signs.to(batch.past), self.network.level(batch.past)
        past, future = (level + sign * (values - level) for values in (batch.past, batch.future))
        return batch._replace(past=past, future=future)


def _batches(windows: Windows) -> Iterator[ForecastBatch]:
    """All windows of a split, in their order."""
    for first in range(0, len(windows), _WINDOWS_AT_ONCE):
        yield windows.__getitems__(range(first, min(first + _WINDOWS_AT_ONCE, len(windows))))


def _on_cpu(batch: ForecastBatch, forecast: Tensor) -> Forecast:
    return Forecast(batch.past.cpu(), batch.future.cpu(), forecast.detach().float().cpu())

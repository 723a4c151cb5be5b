"""Windows of a time series: a context, and the steps after it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from s4audio.data.base import Split, SplitDataModule
from s4audio.data.loader import BatchedDataset
from s4audio.data.time_series import FloatArray, calendar_features, read_time_series
from s4audio.errors import UserError

Calendar = Literal["none", "context", "window"]

_MONTH = timedelta(days=30)


class ForecastBatch(NamedTuple):
    """What the loaders of `Forecasting` yield.

    Attributes:
        past: float32 (batch, context, columns), standardised.
        marks: float32 (batch, context + horizon, features of the date).
        future: float32 (batch, horizon, columns), standardised; NaN beyond the end of the table.
        indices: int64 (batch,), row of the window in its split.
    """

    past: Tensor
    marks: Tensor
    future: Tensor
    indices: Tensor


class Windows(BatchedDataset[ForecastBatch]):
    """All windows of one split, each a step after the one before.

    Args:
        values: float32 (rows, columns), standardised: the split and the context before it.
        dates: of the rows.
        step: time between two rows.
        context: known steps of a window.
        horizon: steps after them.
        calendar: which steps have their date's features; those of the others are 0.
        seasons: features of the month and the year too.
    """

    def __init__(
        self,
        values: FloatArray,
        dates: Sequence[datetime],
        step: timedelta,
        context: int,
        horizon: int,
        calendar: Calendar,
        seasons: bool,
    ) -> None:
        self.dates, self.context, self.horizon = dates, context, horizon
        self._values = torch.from_numpy(values)
        marks = calendar_features(dates, step, seasons)[:, : 0 if calendar == "none" else None]
        self._marks = torch.from_numpy(np.ascontiguousarray(marks))
        self._hide_ahead = calendar == "context"

    def __len__(self) -> int:
        return len(self._values) - self.context - self.horizon + 1

    def __getitems__(self, indices: Sequence[int]) -> ForecastBatch:
        """A batch of windows."""
        rows = torch.tensor(indices, dtype=torch.int64) % len(self)
        steps = rows[:, None] + torch.arange(self.context + self.horizon)
        values, marks = self._values[steps], self._marks[steps]
        if self._hide_ahead:
            marks[:, self.context :] = 0
        return ForecastBatch(values[:, : self.context], marks, values[:, self.context :], rows)

    def future_dates(self, index: int) -> Sequence[datetime]:
        """Dates of the steps that a window forecasts."""
        return self.dates[index + self.context : index + self.context + self.horizon]


class Forecasting(SplitDataModule[Windows]):
    """A CSV table of measurements, such as the Electricity Transformer data (ETT), to forecast.

    Values are standardised by mean and deviation of the training rows. Every row of validation and
    test is forecast: the first windows have their context in the rows before. `predict` forecasts
    what follows the last row of the table.

    Args:
        path: the CSV file; its first line names the columns.
        context: known steps of a window.
        horizon: steps to forecast.
        features: ``S`` forecasts `target` from its own past, ``M`` every column from all of them.
        target: the column of ``S``.
        time_column: the column of dates.
        date_format: of the dates, as `datetime.strptime` writes it; None for ISO 8601.
        calendar: the dates that the model is told: ``none``, those of the ``context`` (the S4
            code's default), or of the whole ``window``, for dates are known ahead.
        seasons: tell it the day of the month and of the year too, not only hour and day of the
            week. One year of training shows each day of the year but once.
        months: of training, validation and test, 30 days each: (12, 4, 4) for ETT, whose other rows
            are not used. None for `fractions`.
        fractions: of the rows for training, and at the end for test; those between validate.
        batch_size: windows in a batch.
        num_workers: processes that prepare batches; 0 is the fastest.
        seed: of the order of the training windows.

    Raises:
        UserError: the table, or its division, is at fault.

    Source: Zhou et al., "Informer" (2021): splits, standardisation and features of the dates.
    """

    def __init__(
        self,
        path: Path | str,
        context: int = 336,
        horizon: int = 24,
        features: Literal["S", "M"] = "S",
        target: str = "OT",
        time_column: str = "date",
        date_format: str | None = None,
        calendar: Calendar = "window",
        seasons: bool = True,
        months: tuple[int, int, int] | None = None,
        fractions: tuple[float, float] = (0.7, 0.2),
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        if context < 1 or horizon < 1:
            raise UserError(f"context and horizon must be at least 1, got {context} and {horizon}")
        if months is not None and min(months) < 1:
            raise UserError(f"months must be three numbers of at least 1, got {months}")
        if min(fractions) <= 0 or sum(fractions) >= 1:
            raise UserError(
                f"fractions must be positive and leave rows to validate, got {fractions}"
            )
        self.path = Path(path)
        self.context, self.horizon = context, horizon
        self.features, self.target = features, target
        self.time_column, self.date_format = time_column, date_format
        self.calendar: Calendar = calendar
        self.seasons = seasons
        self.months, self.fractions = months, fractions
        columns = (target,) if features == "S" else ()
        self.series = read_time_series(self.path, columns, time_column, date_format)
        self.borders = self._borders()
        self.mean, self.std = self._statistics()

    @property
    def columns(self) -> list[str]:
        """Names of the series."""
        return list(self.series.columns)

    @property
    def n_marks(self) -> int:
        """Features of the date at each step."""
        if self.calendar == "none":
            return 0
        first = self.series.dates[:1]
        return int(calendar_features(first, self.series.step, self.seasons).shape[1])

    @property
    def steps_per_day(self) -> int:
        """Steps of a day; 0 where a day is no whole number of steps."""
        day, step = timedelta(days=1), self.series.step
        return 0 if day % step else day // step

    def prepare_data(self) -> None:
        """Nothing: the table was read when the data set was made."""

    def split(self, name: Split) -> Windows:
        """The windows of one split, in the order of their dates."""
        begin, end = self.borders[name]
        return self._windows(self._standardised(slice(begin, end)), self.series.dates[begin:end])

    def predict_dataloader(self) -> DataLoader[ForecastBatch]:
        """One window: the last rows of the table, and what comes after them."""
        return self._loader(self.ahead(), training=False)

    def ahead(self) -> Windows:
        """The one window whose steps to forecast follow the table."""
        known = self._standardised(slice(-self.context, None))
        unknown = np.full((self.horizon, len(self.columns)), np.nan, dtype=np.float32)
        dates = [*self.series.dates[-self.context :], *self.series.following(self.horizon)]
        return self._windows(np.concatenate([known, unknown]), dates)

    def original(self, values: FloatArray) -> NDArray[np.float64]:
        """Standardised values (..., columns) in the table's own units."""
        return np.asarray(values * self.std + self.mean)

    def _windows(self, values: FloatArray, dates: Sequence[datetime]) -> Windows:
        return Windows(
            values,
            dates,
            self.series.step,
            self.context,
            self.horizon,
            self.calendar,
            self.seasons,
        )

    def _standardised(self, rows: slice) -> FloatArray:
        return ((self.series.values[rows] - self.mean) / self.std).astype(np.float32)

    def _borders(self) -> dict[Split, tuple[int, int]]:
        """First row and end of each split, with the context that evaluation starts with."""
        rows = len(self.series.dates)
        train, validation, end = self._ends(rows)
        if end > rows:
            raise UserError(
                f"{self.path}: {self.months} months of 30 days take {end} rows, there are {rows}; "
                "give fewer months, or fractions"
            )
        borders: dict[Split, tuple[int, int]] = {
            "train": (0, train),
            "validation": (train - self.context, validation),
            "testing": (validation - self.context, end),
        }
        for name, (first, last) in borders.items():
            if first < 0 or last - first < self.context + self.horizon:
                raise UserError(
                    f"{self.path}: {rows} rows are too few: the {name} split has "
                    f"{last - max(0, first)}, a window takes {self.context} + {self.horizon}; "
                    "lower context or horizon"
                )
        return borders

    def _ends(self, rows: int) -> tuple[int, int, int]:
        """Ends of training, validation and test."""
        if self.months is None:
            test = int(rows * self.fractions[1])
            return int(rows * self.fractions[0]), rows - test, rows
        ends = np.cumsum(self.months) * (_MONTH / self.series.step)
        train, validation, test = (round(end) for end in ends.tolist())
        return train, validation, test

    def _statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each column over the training rows."""
        values = self.series.values[: self.borders["train"][1]]
        std = values.std(axis=0)
        if not std.all():
            constant = self.columns[int(std.argmin())]
            raise UserError(
                f"{self.path}: column {constant} is constant in the training rows; leave it out"
            )
        return values.mean(axis=0), std

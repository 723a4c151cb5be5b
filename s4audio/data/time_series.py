"""Tables of measurements over time: reading a CSV file, and features of its dates."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s4audio.errors import UserError, unknown_name

FloatArray = NDArray[np.float32]

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class TimeSeries:
    """Columns of numbers, one row a date.

    Attributes:
        dates: of the rows, increasing.
        columns: names of the columns.
        values: float64 (rows, columns), finite.
    """

    dates: tuple[datetime, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]

    @property
    def step(self) -> timedelta:
        """Time from row to row: the median, so that a gap does not change it."""
        gaps = [b - a for a, b in zip(self.dates[:-1], self.dates[1:], strict=True)]
        return sorted(gaps)[len(gaps) // 2]

    def following(self, steps: int) -> list[datetime]:
        """Dates of the steps after the last row."""
        step = self.step
        return [self.dates[-1] + number * step for number in range(1, steps + 1)]


def read_time_series(
    path: Path, columns: tuple[str, ...], time_column: str, date_format: str | None = None
) -> TimeSeries:
    """Read a CSV file with a header.

    Args:
        path: The file.
        columns: Names of the columns to read; none: all but the dates.
        time_column: Name of the column of dates.
        date_format: Of the dates, as `datetime.strptime` writes it. None: ISO 8601.

    Returns:
        The columns, in the order asked for, else in that of the file.

    Raises:
        UserError: The first thing wrong with the file, with its line.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such table")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            lines = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV table in UTF-8 ({error})") from None
    for name in (time_column, *columns):
        if name not in header:
            raise UserError(f"{path}: {unknown_name('column', name, header)}")
    chosen = columns or tuple(name for name in header if name != time_column)
    if not chosen:
        raise UserError(f"{path}: no column beside {time_column}")
    places = [header.index(name) for name in chosen]
    dates, values = [], np.empty((len(lines), len(chosen)))
    for number, (line, row) in enumerate(lines):
        where = f"{path}, line {line}"
        if len(row) != len(header):
            raise UserError(f"{where}: {len(row)} cells, but the header has {len(header)}")
        dates.append(_date(row[header.index(time_column)], date_format, where))
        if number and dates[-1] <= dates[-2]:
            raise UserError(f"{where}: {dates[-1]} is not later than the row before; sort the rows")
        for column, place in enumerate(places):
            values[number, column] = _number(row[place], f"{where}: column {header[place]}")
    if len(lines) < 2:
        raise UserError(f"{path}: {len(lines)} rows below the header; a series needs two or more")
    return TimeSeries(tuple(dates), chosen, values)


def calendar_features(
    dates: Sequence[datetime], step: timedelta, seasons: bool = True
) -> FloatArray:
    """Features of dates in [-0.5, 0.5], those that vary from step to step.

    Args:
        dates: Any.
        step: Time between two rows; it decides which features there are.
        seasons: Those of the month and the year too, not only of the week.

    Returns:
        float32 (dates, features): second, minute, hour, day of the week, of the month and of the
        year, each as far as it is at least as long as a step; week of the year for weeks, month
        for longer steps.

    Source: Zhou et al., "Informer" (2021), the published code's time features.
    """
    days = step / _DAY
    parts: list[list[float]] = []
    if step < _MINUTE:
        parts.append([date.second / 59 for date in dates])
    if step < _HOUR:
        parts.append([date.minute / 59 for date in dates])
    if step < _DAY:
        parts.append([date.hour / 23 for date in dates])
    if days < 7:
        parts.append([date.weekday() / 6 for date in dates])
    if seasons and days < 28:
        parts.append([(date.day - 1) / 30 for date in dates])
    if seasons and days < 7:
        parts.append([(date.timetuple().tm_yday - 1) / 365 for date in dates])
    elif seasons and days < 28:
        parts.append([(date.isocalendar().week - 1) / 52 for date in dates])
    elif seasons:
        parts.append([(date.month - 1) / 11 for date in dates])
    features = np.array(parts, dtype=np.float32).reshape(len(parts), len(dates))
    return features.T - np.float32(0.5)


def _date(text: str, date_format: str | None, where: str) -> datetime:
    try:
        if date_format is None:
            date = datetime.fromisoformat(text.strip())
        else:
            date = datetime.strptime(text.strip(), date_format)
    except ValueError:
        wanted = "ISO 8601, such as 2016-07-01 13:00:00" if date_format is None else date_format
        raise UserError(
            f"{where}: {text!r} is not a date of the form {wanted}; set date_format"
        ) from None
    return date.replace(tzinfo=None)


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where} is {text!r}; fill in a number or leave the row out")
    return number

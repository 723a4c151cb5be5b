"""Tables of measurements: reading, dates, and what is wrong with them."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.time_series import calendar_features, read_time_series
from s4audio.errors import UserError

HOUR = timedelta(hours=1)


def table(folder: Path, *lines: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_columns_in_the_order_asked_for(tmp_path: Path):
    path = table(
        tmp_path,
        "load,when,heat",
        "1,2020-01-31 23:00:00,5.5",
        "2,2020-02-01T00:00,-1e3",
        "",
        "3,2020-02-01 01:00:00+01:00,0",
    )
    series = read_time_series(path, ("heat", "load"), "when")
    assert series.columns == ("heat", "load")
    assert series.values.tolist() == [[5.5, 1], [-1000, 2], [0, 3]]
    assert series.dates[0] == datetime(2020, 1, 31, 23)
    assert series.step == HOUR
    assert series.following(2) == [datetime(2020, 2, 1, 2), datetime(2020, 2, 1, 3)]
    assert read_time_series(path, (), "when").columns == ("load", "heat")


def test_dates_of_another_form(tmp_path: Path):
    path = table(tmp_path, "date,x", "1.2.2020,1", "2.2.2020,2")
    series = read_time_series(path, (), "date", "%d.%m.%Y")
    assert series.dates == (datetime(2020, 2, 1), datetime(2020, 2, 2))


def test_a_gap_does_not_change_the_step(tmp_path: Path):
    dates = [f"2020-01-0{day}" for day in (1, 2, 3, 6, 7)]
    series = read_time_series(table(tmp_path, "date,x", *[f"{d},1" for d in dates]), (), "date")
    assert series.step == timedelta(days=1)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["when,x", "2020-01-01,1"], "unknown column 'date'"),
        (["date,X", "2020-01-01,1"], "unknown column 'x': known are date, X"),
        (["date,x", "soon,1"], "line 2: 'soon' is not a date .*; set date_format"),
        (["date,x", "2020-01-01,1", "2020-01-02,NaN"], "line 3: column x is 'NaN'"),
        (["date,x", "2020-01-01,"], "line 2: column x is ''"),
        (["date,x", "2020-01-01,inf"], "line 2: column x is 'inf'"),
        (["date,x", "2020-01-01"], "line 2: 1 cells, but the header has 2"),
        (["date,x", "2020-01-02,1", "2020-01-01,1"], "line 3: .* is not later"),
        (["date,x", "2020-01-02,1", "2020-01-02,1"], "line 3: .* is not later"),
        (["date,x", "2020-01-01,1"], "1 rows below the header"),
        (["date,x"], "0 rows below the header"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, lines: list[str], message: str):
    with pytest.raises(UserError, match=message) as error:
        read_time_series(table(tmp_path, *lines), ("x",), "date")
    assert "\n" not in str(error.value)


def test_dates_alone_are_no_series(tmp_path: Path):
    with pytest.raises(UserError, match="no column beside date"):
        read_time_series(table(tmp_path, "date", "2020-01-01", "2020-01-02"), (), "date")


def test_missing_and_unreadable_files(tmp_path: Path):
    with pytest.raises(UserError, match="no such table"):
        read_time_series(tmp_path / "none.csv", (), "date")
    (tmp_path / "bytes.csv").write_bytes(b"date,x\n\xff\xfe,1\n")
    with pytest.raises(UserError, match="not a CSV table in UTF-8"):
        read_time_series(tmp_path / "bytes.csv", (), "date")


def test_calendar_features_of_known_dates():
    # A Friday, and the 366th day of its year.
    features = calendar_features([datetime(2016, 12, 30, 23), datetime(2016, 12, 31, 0)], HOUR)
    expected = [[23 / 23, 4 / 6, 29 / 30, 364 / 365], [0, 5 / 6, 1, 1]]
    np.testing.assert_allclose(features + 0.5, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("step", "features"),
    [(timedelta(minutes=15), 3), (HOUR, 2), (timedelta(days=1), 1), (timedelta(days=7), 0)],
)
def test_features_without_seasons_are_the_first_of_all(step: timedelta, features: int):
    dates = [datetime(2020, 1, 1) + number * step for number in range(5)]
    without = calendar_features(dates, step, seasons=False)
    assert without.shape == (5, features)
    np.testing.assert_array_equal(without, calendar_features(dates, step)[:, :features])


@pytest.mark.parametrize(
    ("step", "features"),
    [
        (timedelta(seconds=10), 6),
        (timedelta(minutes=15), 5),
        (timedelta(hours=1), 4),
        (timedelta(days=1), 3),
        (timedelta(days=7), 2),
        (timedelta(days=31), 1),
    ],
)
def test_features_depend_on_the_step(step: timedelta, features: int):
    dates = [datetime(2020, 1, 1) + number * step for number in range(5)]
    assert calendar_features(dates, step).shape == (5, features)


@given(st.datetimes(), st.sampled_from([1, 60, 3600, 86_400, 604_800, 2_678_400]))
def test_features_are_within_half_of_zero(date: datetime, seconds: int):
    features = calendar_features([date], timedelta(seconds=seconds))
    assert np.abs(features).max() <= 0.5

"""Windows of a table: splits, standardisation, what a window holds."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data.forecasting import Forecasting
from s4audio.errors import UserError

ROWS = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Hours with two columns: the number of the row, and its square."""
    lines = ["date,square,OT"]
    for row in range(ROWS):
        lines.append(f"{datetime(2020, 1, 1) + timedelta(hours=row)},{row * row},{row}")
    file = tmp_path / "table.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def rows_of(data: Forecasting, values: torch.Tensor) -> np.ndarray:
    """Standardised values of OT as numbers of rows."""
    return data.original(values.numpy())[..., -1].round().astype(int)


def test_splits_of_the_informer(path: Path):
    data = Forecasting(path, context=12, horizon=5)
    batches = {name: data.split(name) for name in ("train", "validation", "testing")}
    first = {name: rows_of(data, windows[0].future)[0, 0] for name, windows in batches.items()}
    last = {
        name: rows_of(data, windows[len(windows) - 1].future)[0, -1]
        for name, windows in batches.items()
    }
    # int(0.7 * 200) rows train, the last int(0.2 * 200) test; each row is forecast.
    assert first == {"train": 12, "validation": 140, "testing": 160}
    assert last == {"train": 139, "validation": 159, "testing": 199}
    assert len(batches["testing"]) == 40 - 5 + 1


def test_statistics_are_of_the_training_rows_alone(path: Path):
    data = Forecasting(path, context=12, horizon=5)
    values = np.arange(140.0)
    np.testing.assert_allclose(data.mean, [values.mean()])
    np.testing.assert_allclose(data.std, [values.std()])


def test_months_of_30_days(tmp_path: Path):
    lines = ["date,OT"]
    lines += [f"{datetime(2020, 1, 1) + timedelta(hours=6 * n)},{n % 7}" for n in range(500)]
    file = tmp_path / "table.csv"
    file.write_text("\n".join(lines))
    data = Forecasting(file, context=4, horizon=2, months=(2, 1, 1))
    assert data.borders == {"train": (0, 240), "validation": (236, 360), "testing": (356, 480)}
    with pytest.raises(UserError, match="take 1200 rows, there are 500"):
        Forecasting(file, context=4, horizon=2, months=(8, 1, 1))


def test_a_window_is_consecutive_and_knows_its_dates(path: Path):
    data = Forecasting(path, context=12, horizon=5, features="M")
    windows = data.split("validation")
    batch = windows.__getitems__([3, 0])
    assert data.columns == ["square", "OT"]
    assert batch.past.shape == (2, 12, 2)
    assert batch.future.shape == (2, 5, 2)
    assert rows_of(data, batch.past)[0].tolist() == list(range(131, 143))
    assert rows_of(data, batch.future)[0].tolist() == list(range(143, 148))
    assert batch.indices.tolist() == [3, 0]
    assert windows.future_dates(3)[0] == datetime(2020, 1, 1) + timedelta(hours=143)
    hours = (batch.marks[0, :, 0] + 0.5) * 23
    np.testing.assert_allclose(hours, np.arange(131, 148) % 24, atol=1e-5)


def test_dates_ahead_can_be_hidden(path: Path):
    window = Forecasting(path, 12, 5).split("train")[0]
    context = Forecasting(path, 12, 5, calendar="context").split("train")[0]
    none = Forecasting(path, 12, 5, calendar="none")
    assert none.n_marks == 0
    assert none.split("train")[0].marks.shape == (1, 17, 0)
    assert torch.equal(context.marks[:, :12], window.marks[:, :12])
    assert window.marks[:, 12:].abs().sum() > 0
    assert context.marks[:, 12:].abs().sum() == 0


def test_seasons_can_be_left_out(path: Path):
    data = Forecasting(path, 12, 5, seasons=False)
    assert data.n_marks == 2
    marks = data.split("train")[0].marks
    assert torch.equal(marks, Forecasting(path, 12, 5).split("train")[0].marks[..., :2])


def test_loaders_yield_every_window_of_an_evaluation_once(path: Path):
    data = Forecasting(path, 12, 5, batch_size=7)
    for loader, name in (
        (data.val_dataloader(), "validation"),
        (data.test_dataloader(), "testing"),
    ):
        found = torch.cat([batch.indices for batch in loader])
        assert found.tolist() == list(range(len(data.split(name))))
    sizes = {len(batch.past) for batch in data.train_dataloader()}
    assert sizes == {7}


def test_what_follows_the_table(path: Path):
    data = Forecasting(path, 12, 5)
    (batch,) = data.predict_dataloader()
    assert rows_of(data, batch.past)[0].tolist() == list(range(188, 200))
    assert batch.future.isnan().all()
    assert data.ahead().future_dates(0)[0] == datetime(2020, 1, 1) + timedelta(hours=200)


def test_description_rebuilds_it(path: Path):
    data = Forecasting(path, 12, 5, months=None, calendar="context")
    description = json.loads(json.dumps(data.describe()))
    assert description["class"] == "Forecasting"
    again = Forecasting(**description["arguments"])
    assert again.borders == data.borders
    assert again.describe() == data.describe()


def test_a_day_in_steps(path: Path, tmp_path: Path):
    assert Forecasting(path, 12, 5).steps_per_day == 24
    file = tmp_path / "odd.csv"
    lines = [f"{datetime(2020, 1, 1) + timedelta(hours=7 * n)},{n}" for n in range(50)]
    file.write_text("\n".join(["date,OT", *lines]))
    assert Forecasting(file, 4, 2).steps_per_day == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"context": 0}, "context and horizon must be at least 1"),
        ({"horizon": -1}, "context and horizon must be at least 1"),
        ({"months": (1, 0, 1)}, "months must be three numbers"),
        ({"fractions": (0.9, 0.2)}, "fractions must be positive"),
        ({"context": 150}, "the train split has 140, a window takes 150"),
        ({"horizon": 30}, "the validation split has 32, a window takes 12"),
        ({"target": "OTT"}, "unknown column 'OTT'"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_bad_arguments(path: Path, arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Forecasting(path, **{"context": 12, "horizon": 5, **arguments})


def test_a_constant_column_cannot_be_standardised(tmp_path: Path):
    file = tmp_path / "table.csv"
    lines = [f"{datetime(2020, 1, 1) + timedelta(hours=n)},{n // 70}" for n in range(100)]
    file.write_text("\n".join(["date,OT", *lines]))
    with pytest.raises(UserError, match="column OT is constant in the training rows"):
        Forecasting(file, 4, 2)


@pytest.mark.parametrize("name", ["ETTh1", "ETTh2"])
def test_the_numbers_of_windows_that_the_papers_have(real_data: Path, name: str):
    data = Forecasting(real_data / "ETT-small" / f"{name}.csv", 720, 168, months=(12, 4, 4))
    counts = [len(data.split(part)) for part in ("train", "validation", "testing")]
    assert counts == [8640 - 720 - 168 + 1, 2880 - 168 + 1, 2880 - 168 + 1]

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from s4audio.tasks.schedule import ScheduleConfig, build_schedule, cosine_factor


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)


@given(st.integers(0, 50), st.integers(51, 200), st.integers(0, 300))
def test_cosine_stays_within_bounds(warmup: int, total: int, step: int) -> None:
    assert 0 <= cosine_factor(step, warmup, total) <= 1


@given(st.integers(1, 50), st.integers(51, 200))
def test_cosine_rises_to_one_then_falls_to_zero(warmup: int, total: int) -> None:
    factors = [cosine_factor(step, warmup, total) for step in range(total + 5)]
    assert factors[0] == pytest.approx(1 / warmup)
    assert factors[warmup - 1] == factors[warmup] == 1
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    assert factors[total] == pytest.approx(0, abs=1e-12)
    assert factors[-1] == factors[total]


def test_cosine_is_half_way_in_the_middle() -> None:
    assert cosine_factor(60, 20, 100) == pytest.approx(0.5)


@pytest.mark.parametrize(("total_steps", "training_steps"), [(None, 4), (4, 1000)])
def test_cosine_ends_with_the_training_or_where_told(
    total_steps: int | None, training_steps: int
) -> None:
    target = optimizer()
    config = ScheduleConfig(kind="cosine", total_steps=total_steps)
    schedule = build_schedule(target, config, training_steps, "val/loss")
    rates = []
    for _ in range(5):
        rates.append(target.param_groups[0]["lr"])
        target.step()
        schedule.step()
    assert rates == pytest.approx([2 * cosine_factor(step, 0, 4) for step in range(5)])
    assert rates[-1] == 0


def test_cosine_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="max_epochs"):
        build_schedule(optimizer(), ScheduleConfig(kind="cosine"), math.inf, "val/loss")


@pytest.mark.parametrize(("monitor", "worse"), [("val/accuracy", 0.4), ("val/loss", 0.6)])
def test_plateau_reduces_after_its_patience(monitor: str, worse: float) -> None:
    target = optimizer()
    config = ScheduleConfig(kind="plateau", factor=0.1, patience=1)
    schedule = build_schedule(target, config, 10, monitor)
    assert isinstance(schedule, ReduceLROnPlateau)
    for value, rate in ((0.5, 2.0), (worse, 2.0), (worse, 0.2)):
        schedule.step(value)
        assert target.param_groups[0]["lr"] == pytest.approx(rate)


def test_constant_has_no_scheduler() -> None:
    assert (
        build_schedule(optimizer(), ScheduleConfig(kind="constant"), math.inf, "val/loss") is None
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("warmup_steps", -1), ("total_steps", 0), ("factor", 1.0), ("patience", -1)],
)
def test_bad_options_name_themselves(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"schedule.{option}"):
        ScheduleConfig(**{option: value})

"""The forecaster: what it sees, and what it must not see."""

import pytest
import torch

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.models.forecaster import Forecaster

KINDS = ("s4", "s4d", "dss", "sgconv")


def forecaster(kind: str = "s4d", columns: int = 2, n_marks: int = 3, **options) -> Forecaster:
    torch.manual_seed(0)
    names = [f"column {number}" for number in range(columns)]
    config = ClassifierConfig(kind=kind, d_model=8, n_layers=2, d_state=8)
    return Forecaster(config, names, 24, 8, n_marks, **options).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_forecasts_and_learns(kind: str):
    model = forecaster(kind)
    past, marks = torch.randn(3, 24, 2), torch.randn(3, 32, 3)
    forecast = model.train()(past, marks)
    assert forecast.shape == (3, 8, 2)
    forecast.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_length_and_inputs_follow_from_the_windows():
    config = forecaster().config
    assert config.length == 32
    assert config.d_input == 2 + 1 + 3


def test_the_input_is_the_context_then_zeros_with_a_mask():
    model = forecaster()
    seen = []
    model.encoder.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    past, marks = torch.randn(1, 24, 2), torch.randn(1, 32, 3)
    model(past, marks)
    (x,) = seen
    assert torch.equal(x[:, :24, :2], past)
    assert not x[:, 24:, :2].any()
    assert not x[:, :24, 2].any()
    assert (x[:, 24:, 2] == 1).all()
    assert torch.equal(x[..., 3:], marks)


def test_without_dates():
    model = forecaster(n_marks=0)
    assert model(torch.randn(2, 24, 2), torch.zeros(2, 32, 0)).shape == (2, 8, 2)


@pytest.mark.parametrize("center", [1, 5, 24])
def test_a_centred_forecast_moves_with_the_level(center: int):
    model = forecaster(center=center)
    past, marks = torch.randn(2, 24, 2), torch.randn(2, 32, 3)
    level = torch.tensor([5.0, -100.0])
    torch.testing.assert_close(
        model(past + level, marks), model(past, marks) + level, rtol=1e-4, atol=1e-4
    )


def test_a_forecast_that_is_not_centred_does_not():
    model = forecaster()
    past, marks = torch.randn(2, 24, 2), torch.randn(2, 32, 3)
    change = model(past + 5, marks) - model(past, marks)
    assert (change - 5).abs().max() > 0.1


def test_the_last_steps_are_what_is_subtracted():
    model = forecaster(center=3)
    seen = []
    model.encoder.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    past = torch.randn(2, 24, 2)
    model(past, torch.zeros(2, 32, 3))
    level = past[:, 21:].mean(1, keepdim=True)
    torch.testing.assert_close(seen[0][:, :24, :2], past - level)
    assert not seen[0][:, 24:, :2].any()


def test_a_linear_map_of_the_centred_context_is_added():
    past, marks = torch.randn(3, 24, 2), torch.randn(3, 32, 3)
    plain, model = forecaster(center=3), forecaster(center=3, linear=True)
    level = past[:, -3:].mean(1, keepdim=True)
    assert torch.equal(model(past, marks), level.expand(-1, 8, -1))  # nothing else at the start
    torch.nn.init.normal_(model.direct.weight)
    torch.nn.init.normal_(model.decoder.weight)
    assert not model.direct.weight.requires_grad
    plain.load_state_dict(model.state_dict(), strict=False)
    added = torch.einsum("hl,blc->bhc", model.direct.weight, past - level)
    torch.testing.assert_close(model(past, marks) - plain(past, marks), added, rtol=1e-4, atol=1e-4)


def test_ridge_regression_is_a_regression_with_more_rows():
    past, future = torch.randn(50, 24, 2), torch.randn(50, 8, 2)
    model, penalty = forecaster(center=3, linear=True), 0.2
    model.fit_linear([(past[:30], future[:30]), (past[30:], future[30:])], penalty)
    level = past[:, -3:].mean(1, keepdim=True)
    x, y = ((values - level).transpose(1, 2).reshape(100, -1) for values in (past, future))
    more = torch.cat([x, (penalty * 100) ** 0.5 * torch.eye(24)])
    expected = torch.linalg.lstsq(more, torch.cat([y, torch.zeros(24, 8)])).solution
    torch.testing.assert_close(model.direct.weight, expected.T, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("center", [-1, 25])
def test_center_is_within_the_context(center: int):
    with pytest.raises(ValueError, match="between 0 and the context of 24"):
        forecaster(center=center)


@pytest.mark.parametrize(
    ("past", "marks"),
    [((2, 23, 2), (2, 32, 3)), ((2, 24, 1), (2, 32, 3)), ((2, 24, 2), (2, 24, 3))],
)
def test_inputs_of_another_shape_are_refused(past: tuple, marks: tuple):
    with pytest.raises(ValueError, match="expected"):
        forecaster()(torch.zeros(past), torch.zeros(marks))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pooling", "last"),
        ("stem_stride", 4),
        ("vocabulary", 5),
        ("normalization", "standardize"),
    ],
)
def test_options_that_a_forecaster_does_not_read_are_refused(name: str, value: object):
    config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, **{name: value})
    with pytest.raises(UserError, match=rf"{name}={value!r} does not belong to a forecaster"):
        Forecaster(config, ["load"], 24, 8, 0)

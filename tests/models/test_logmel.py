"""The log-mel network: shapes, level, other sampling rates, bad input."""

import pytest
import torch

from s4audio.errors import UserError
from s4audio.models.logmel import LogMelConfig, LogMelNetwork


def network(**options: int) -> LogMelNetwork:
    torch.manual_seed(0)
    return LogMelNetwork(LogMelConfig(**options), ["no", "yes", "up"]).eval()


def sound(samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(2, samples, 1, generator=generator).cumsum(1).tanh()


def test_the_number_of_parameters_is_that_of_the_paper() -> None:
    parameters = sum(
        p.numel() for p in LogMelNetwork(LogMelConfig(), list("abcdefghijkl")).parameters()
    )
    assert parameters == pytest.approx(110_000, rel=0.02)


@pytest.mark.parametrize("samples", [640, 1_000, 16_000, 20_001])
def test_any_length_from_one_pooled_frame(samples: int) -> None:
    assert network()(sound(samples)).shape == (2, 3)


def test_level_does_not_matter() -> None:
    model, x = network(), sound(16_000)
    torch.testing.assert_close(model(x), model(0.3 * x), atol=0.02, rtol=0.02)


def test_half_the_sampling_rate_gives_nearly_the_same() -> None:
    time = torch.arange(16_000, dtype=torch.float64) / 16_000
    chirp = (2 * torch.pi * (300 * time + 400 * time**2)).sin().float().reshape(1, -1, 1)
    model = network()
    apart = (model(chirp) - model(chirp[:, ::2], rate=2.0)).abs().max()
    assert apart < 0.2 * model(chirp).abs().max()


@pytest.mark.parametrize("shape", [(2, 16_000), (2, 16_000, 2), (2, 639, 1)])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected waveforms"):
        network()(torch.zeros(shape))


def test_the_shortest_input_at_another_rate() -> None:
    # Four frames of 112 samples, each of which stands for 10 ms.
    assert network()(torch.zeros(2, 448, 1), rate=1.45).shape[0] == 2
    with pytest.raises(ValueError, match=r"at least 448 samples at 11034\.5 Hz, got \(2, 447, 1\)"):
        network()(torch.zeros(2, 447, 1), rate=1.45)


def test_options_out_of_range() -> None:
    with pytest.raises(UserError, match="bands must be at least 3, got 2"):
        LogMelConfig(bands=2)

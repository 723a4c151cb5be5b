"""The filter bank: its bands, its level, other sampling rates."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.encoder import resample_filters
from s4audio.models.filterbank import (
    HIGHEST_SHARE,
    LOWEST_HZ,
    FilterbankEncoder,
    band_powers,
    gabor_filters,
    log_powers,
)

BANDS, KERNEL, STRIDE = 24, 400, 160


def tone(hertz: float, sample_rate: int, seconds: float = 0.5, level: float = 1.0) -> Tensor:
    time = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return (level * (2 * math.pi * hertz * time).sin()).float().reshape(1, -1, 1)


def energies(waveform: Tensor, rate: float = 1.0) -> Tensor:
    """Log energies (bands, frames) of an untrained encoder."""
    encoder = FilterbankEncoder(4, STRIDE, KERNEL, BANDS, 16_000).eval()
    captured: list[Tensor] = []
    encoder.norm.register_forward_hook(lambda module, inputs, output: captured.append(inputs[0]))
    encoder(waveform, None, rate)
    return captured[0][0]


def centres(bands: int, sample_rate: int) -> list[float]:
    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    low, high = mel(LOWEST_HZ), mel(HIGHEST_SHARE * sample_rate / 2)
    steps = [low + (high - low) * (i + 1) / (bands + 1) for i in range(bands)]
    return [700 * (10 ** (step / 2595) - 1) for step in steps]


@pytest.mark.parametrize("band", [3, 10, 17, 23])
def test_a_tone_is_loudest_in_its_band(band: int) -> None:
    log_ML = energies(tone(centres(BANDS, 16_000)[band], 16_000))
    assert log_ML[:, 10].argmax() == band
    # A full-scale sine has the amplitude 1/2 behind a one-sided filter of unit gain.
    assert log_ML[band, 10].item() == pytest.approx(math.log(0.25), abs=0.1)


@pytest.mark.parametrize("sample_rate", [8_000, 44_100])
def test_bands_cover_what_the_sample_rate_can_hold(sample_rate: int) -> None:
    kernel = round(0.025 * sample_rate)
    spectra = torch.fft.fft(torch.complex(*gabor_filters(6, kernel, sample_rate)[:, 0].chunk(2)))
    peaks = spectra.abs().argmax(dim=1) * sample_rate / kernel
    expected = torch.tensor(centres(6, sample_rate))
    torch.testing.assert_close(peaks, expected, atol=sample_rate / kernel, rtol=0)


def test_silence_has_the_floor() -> None:
    torch.testing.assert_close(log_powers(torch.zeros(2, 3)), torch.full((2, 3), math.log(1e-6)))


@pytest.mark.parametrize("rate", [1.0, 1.45, 0.5])
def test_the_power_of_a_frame_is_windowed(rate: float) -> None:
    torch.manual_seed(0)
    filters, x_B1L = gabor_filters(BANDS, KERNEL, 16_000), torch.randn(1, 1, 3_200)
    taps = resample_filters(filters, rate)
    filtered_HL = F.conv1d(F.pad(x_B1L, (taps.shape[-1] - 1, 0)), taps)[0]
    real, imaginary = filtered_HL.chunk(2)
    power_ML = real.square() + imaginary.square()
    step = round(40 / rate)
    ends = torch.arange(8 * step - 1, 3_200, 4 * step)  # the first frame has no frame before
    times = [(math.sin(math.pi * (i + 1) / 9) ** 2, ends - (7 - i) * step) for i in range(8)]
    expected = sum(weight * power_ML[:, time] for weight, time in times) / 4.5
    powers = band_powers(x_B1L.mT, None, rate, STRIDE, filters).x[0, :, 1:]
    torch.testing.assert_close(powers, expected, rtol=1e-4, atol=1e-6)


def test_a_click_counts_wherever_it_is_in_its_frame() -> None:
    filters, places = gabor_filters(48, KERNEL, 16_000), torch.arange(STRIDE)
    clicks = torch.zeros(STRIDE, 1_600, 1)
    clicks[places, 4 * STRIDE + places] = 1
    power_BM = band_powers(clicks, None, 1.0, STRIDE, filters).x.sum(-1)
    assert (power_BM.amax(0) / power_BM.amin(0)).max() < 3


def test_level_shifts_all_frames_alike() -> None:
    loud, quiet = (energies(tone(1_000, 16_000, level=level)) for level in (1.0, 0.5))
    band = int(loud[:, 10].argmax())
    assert (loud - quiet)[band, 10].item() == pytest.approx(2 * math.log(2), abs=1e-3)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 32_000])
def test_other_sampling_rates_see_the_same_energies(sample_rate: int) -> None:
    hertz = centres(BANDS, 16_000)[10]
    native = energies(tone(hertz, 16_000))
    other = energies(tone(hertz, sample_rate), rate=16_000 / sample_rate)
    assert abs(native.shape[1] - other.shape[1]) <= 1
    torch.testing.assert_close(native[10, 5:45], other[10, 5:45], atol=0.05, rtol=0)


def test_filters_are_symmetric_and_of_unit_gain() -> None:
    filters = gabor_filters(BANDS, KERNEL, 16_000)
    assert filters.shape == (2 * BANDS, 1, KERNEL)
    real, imaginary = filters.squeeze(1).chunk(2)
    torch.testing.assert_close(real, real.flip(1))
    torch.testing.assert_close(imaginary, -imaginary.flip(1))


def test_filters_are_saved_but_not_trained() -> None:
    config = ClassifierConfig("s4d", d_model=4, n_layers=1, stem_stride=160, bands=8)
    model = SequenceClassifier(config, ["a", "b"])
    assert "encoder.weight" in model.state_dict()
    assert "encoder.weight" not in dict(model.named_parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": 8}, "a multiple of 4"),
        ({"bands": 0, "stem_stride": 16}, "at least one band"),
        ({"bands": 8, "stem_stride": 16, "d_input": 2}, "got stem_stride=16 and d_input=2"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ClassifierConfig("s4d", **options)

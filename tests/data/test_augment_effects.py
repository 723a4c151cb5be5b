"""Each effect alone, against a loop, a formula or a measurement."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from s4audio.data.augment.channel import (
    limit_band,
    quantize_mu_law,
    remove_band,
    telephone,
)
from s4audio.data.augment.level import clip, gain
from s4audio.data.augment.noise import coloured_noise, mix
from s4audio.data.augment.resampling import change_pitch, change_speed
from s4audio.data.augment.reverberation import reverberate
from s4audio.data.augment.timing import find_word, mask, place, shift, without_padding

RATE = 16000


def noise_batch(batch: int, time: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, time, generator=torch.Generator().manual_seed(seed))


def tone(hertz: float, time: int = 16000) -> Tensor:
    return 0.5 * torch.cos(2 * torch.pi * hertz * torch.arange(time) / RATE).unsqueeze(0)


def loudest_hertz(waveform: Tensor) -> float:
    window = torch.hann_window(len(waveform))
    return torch.fft.rfft(waveform * window).abs().argmax().item() * RATE / len(waveform)


def level_db(after: Tensor, before: Tensor) -> float:
    return 10 * torch.log10(after.square().sum() / before.square().sum()).item()


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=4))
def test_shift_against_a_loop(shifts: list[int]):
    waveforms = noise_batch(len(shifts), 10)
    shifted = shift(waveforms, torch.tensor(shifts))
    for row, samples in enumerate(shifts):
        for time in range(10):
            origin = time - samples
            expected = waveforms[row, origin].item() if 0 <= origin < 10 else 0.0
            assert shifted[row, time].item() == expected


@given(st.integers(0, 9), st.integers(0, 12))
def test_mask_silences_one_stretch(start: int, width: int):
    waveforms = torch.ones(1, 10)
    masked = mask(waveforms, torch.tensor([start]), torch.tensor([width]))[0]
    expected = [0.0 if start <= time < start + width else 1.0 for time in range(10)]
    assert masked.tolist() == expected
    assert (waveforms == 1).all()


def test_padding_is_silenced():
    silenced = without_padding(torch.ones(3, 4), torch.tensor([4, 1, 3]))
    assert silenced.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]]


@given(
    st.integers(0, 3000), st.integers(400, 1500), st.integers(4500, 6000), st.floats(0, 1, width=32)
)
def test_place_moves_the_whole_word_anywhere(start: int, width: int, length: int, position: float):
    waveform = torch.zeros(1, 6000)
    waveform[0, start : start + width] = noise_batch(1, width)
    placed = place(waveform, torch.tensor([length]), torch.tensor([position]), RATE)
    (there,) = placed[0].nonzero(as_tuple=True)
    assert level_db(placed, waveform) > -0.1  # 2 % of the energy may fall off the ends
    first, last = there[0].item(), there[-1].item()
    # The word itself, to the 10 ms it is found by.
    room = length - width
    assert first == pytest.approx(position * room, abs=330)
    assert last < length + 160


def test_place_covers_all_of_the_window():
    waveforms = torch.zeros(500, 4000)
    waveforms[:, 1600:2400] = noise_batch(1, 800)
    lengths = torch.full((500,), 4000)
    placed = place(waveforms, lengths, torch.linspace(0, 1, 500), RATE)
    starts, ends = find_word(placed, lengths, RATE)
    assert starts.unique().tolist() == list(range(0, 3201, 160))
    assert ends.max() == 4000


def test_a_word_without_room_and_silence_stay():
    full = torch.cat([noise_batch(1, 1600), torch.zeros(1, 1600)])
    placed = place(full, torch.tensor([1600, 1600]), torch.tensor([0.7, 0.7]), RATE)
    assert torch.equal(placed, full)


def test_gain_in_decibels():
    louder = gain(torch.ones(3, 2), torch.tensor([0.0, 20.0, -6.0206]))
    torch.testing.assert_close(louder[:, 0], torch.tensor([1.0, 10.0, 0.5]))


@pytest.mark.parametrize("soft", [False, True])
def test_clipping_lies_below_the_peak(soft: bool):
    waveforms = torch.stack([torch.linspace(-1, 1, 201), torch.linspace(-0.1, 0.05, 201)])
    clipped = clip(waveforms, torch.tensor([6.0206, 6.0206]), torch.tensor([soft, soft]))
    limits = torch.tensor([0.5, 0.05])
    highest = limits * (np.tanh(2) if soft else 1)
    torch.testing.assert_close(clipped.abs().amax(1), highest.float())
    quiet = waveforms.abs() < 0.02 * limits.unsqueeze(1)
    torch.testing.assert_close(clipped[quiet], waveforms[quiet], rtol=2e-4, atol=0)


def test_clipping_of_silence():
    assert (clip(torch.zeros(2, 5), torch.full((2,), 6.0), torch.tensor([True, False])) == 0).all()


def test_speed_one_is_the_identity():
    waveforms = noise_batch(2, 101)
    changed = change_speed(waveforms, torch.tensor([101, 101]), torch.ones(2))
    torch.testing.assert_close(changed, waveforms, atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_changes_the_frequency_about_the_middle(factor: float):
    time = torch.arange(2001) / 16000
    middle = 1000 / 16000
    slow = torch.cos(2 * torch.pi * 200 * (time - middle)).unsqueeze(0)
    expected = torch.cos(2 * torch.pi * 200 * factor * (time - middle))
    changed = change_speed(slow, torch.tensor([2001]), torch.tensor([factor]))[0]
    origins = (torch.arange(2001) - 1000).abs() * factor
    inside = origins <= 999
    torch.testing.assert_close(changed[inside], expected[inside], atol=2e-3, rtol=0)
    assert (changed[origins >= 1001] == 0).all()


def test_speed_does_not_stretch_into_the_padding():
    waveforms = torch.ones(1, 100)
    waveforms[0, 60:] = 0
    changed = change_speed(waveforms, torch.tensor([60]), torch.tensor([1.5]))[0]
    torch.testing.assert_close(changed[10:50], torch.ones(40))
    assert (changed[60:] == 0).all()
    assert (changed[:9] == 0).all()


@pytest.mark.parametrize("semitones", [-4, 3, 12])
def test_pitch_changes_the_frequency_and_not_the_time(semitones: int):
    factor = 2 ** (semitones / 12)
    # Tones of which a whole number of periods fits between grains do not cancel.
    lower, higher = tone(200), tone(1000)
    waveform = torch.cat([lower[:, :8000], higher[:, 8000:]], dim=1)
    changed = change_pitch(waveform, torch.tensor([factor]), RATE)[0]
    assert loudest_hertz(changed[:7000]) == pytest.approx(200 * factor, abs=25)
    assert loudest_hertz(changed[9000:]) == pytest.approx(1000 * factor, abs=25)


def test_pitch_unchanged_is_the_identity():
    waveforms = noise_batch(2, 4000)
    changed = change_pitch(waveforms, torch.ones(2), RATE)
    torch.testing.assert_close(changed, waveforms, atol=5e-4, rtol=0)


@given(st.floats(-20, 40), st.integers(10, 200))
def test_noise_has_the_drawn_ratio(snr_db: float, length: int):
    waveforms, noise = noise_batch(1, 200), 7 * noise_batch(1, 200, seed=1)
    waveforms[:, length:] = 0
    noisy = mix(waveforms, noise, torch.tensor([snr_db]), torch.tensor([length]))
    added = (noisy - waveforms).double()
    ratio = waveforms.double().square().sum() / added.square().sum()
    assert 10 * torch.log10(ratio).item() == pytest.approx(snr_db, abs=0.05)
    assert (added[:, length:] == 0).all()


def test_silence_stays_silent_and_silent_noise_adds_nothing():
    waveforms, lengths = noise_batch(1, 50), torch.tensor([50])
    silence, snr_db = torch.zeros(1, 50), torch.tensor([10.0])
    assert torch.equal(mix(silence, waveforms, snr_db, lengths), silence)
    assert torch.equal(mix(waveforms, silence, snr_db, lengths), waveforms)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_slope_of_the_noise_spectrum(slope: float):
    noise = coloured_noise(noise_batch(64, 4098), torch.full((64,), slope), RATE).double()
    assert noise.shape == (64, 4096)
    power = torch.fft.rfft(noise).abs().square().mean(0)[6:-1]  # flat below 20 Hz
    frequency = torch.arange(6, 6 + len(power)).double()
    fit = np.polyfit(frequency.log().numpy(), power.log().numpy(), 1)
    assert -fit[0] == pytest.approx(slope, abs=0.1)


def test_reverberation_is_a_causal_convolution():
    impulse = torch.zeros(2, 8000)
    impulse[:, 1000] = 0.5
    white = 10 * noise_batch(2, 4000)
    direct_db = torch.tensor([0.0, 10.0])
    heard = reverberate(impulse, white, torch.tensor([0.2, 0.2]), direct_db, RATE)
    assert heard[:, :1000].abs().max() < 1e-5
    tail = heard[:, 1001:5000]
    ratio = 10 * torch.log10(heard[:, 1000].square() / tail.square().sum(1))
    torch.testing.assert_close(ratio, direct_db, atol=0.05, rtol=0)
    # The tail is the given noise under a fall of 60 dB in 0.2 s.
    fall = 10 ** (-3 * torch.arange(1, 4000) / (0.2 * RATE))
    shape = tail / tail[:, :1] * (white[:, 1:2] * fall[0])
    torch.testing.assert_close(shape, white[:, 1:] * fall, atol=1e-3, rtol=1e-2)


@given(st.floats(0.01, 1.0), st.floats(-20, 40))
def test_reverberation_keeps_the_energy(seconds: float, direct_db: float):
    waveforms = noise_batch(1, 3000)
    heard = reverberate(
        waveforms, noise_batch(1, 500, 1), torch.tensor([seconds]), torch.tensor([direct_db]), RATE
    )
    assert heard.shape == waveforms.shape
    assert level_db(heard, waveforms) == pytest.approx(0, abs=1e-3)
    assert (reverberate(0 * waveforms, waveforms, *torch.ones(2, 1), RATE) == 0).all()


@pytest.mark.parametrize(
    ("hertz", "expected"),
    [(1000, 0.0), (300, -3.01), (150, -24.1), (2000, -3.01), (4000, -24.1)],
)
def test_band_edges(hertz: float, expected: float):
    before = tone(hertz)
    limited = limit_band(before, torch.tensor([300.0]), torch.tensor([2000.0]), RATE)
    assert level_db(limited, before) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("hertz", "passes"), [(500, True), (1000, False), (1900, False), (2500, True)]
)
def test_a_notch_removes_its_band_only(hertz: float, passes: bool):
    before = tone(hertz)
    after = remove_band(before, torch.tensor([1000.0]), torch.tensor([2000.0]), RATE)
    torch.testing.assert_close(after, before if passes else 0 * before, atol=1e-3, rtol=0)


def test_a_low_edge_at_zero_keeps_everything_below():
    waveforms = noise_batch(1, 1000) + 0.1
    limited = limit_band(waveforms, torch.zeros(1), torch.full((1,), 1e5), RATE)
    torch.testing.assert_close(limited, waveforms, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_telephone_passes_speech_and_nothing_else(rate: int):
    seconds = torch.arange(rate) / rate
    for hertz, passes in ((400, True), (1000, True), (3000, True), (100, False), (4500, False)):
        if hertz < rate / 2:
            before = 0.5 * torch.cos(2 * torch.pi * hertz * seconds).unsqueeze(0)
            level = level_db(telephone(before, rate), before)
            assert (abs(level) < 0.3) if passes else (level < -30)


def test_telephone_is_silent_for_silence():
    assert (telephone(torch.zeros(1, 1000), RATE) == 0).all()


def test_mu_law_against_a_search():
    waveforms = np.linspace(-1.2, 1.2, 4001, dtype=np.float32)
    # Every code's value, by the formula of the companding curve.
    codes = np.arange(-127, 128) / 127
    values = np.sign(codes) * (256 ** np.abs(codes) - 1) / 255
    quantized = quantize_mu_law(torch.from_numpy(waveforms)).numpy()
    assert np.abs(quantized[:, None] - values).min(1).max() < 1e-6
    companded = np.sign(waveforms) * np.log1p(255 * np.minimum(np.abs(waveforms), 1)) / np.log(256)
    nearest = values[np.abs(companded[:, None] - codes).argmin(1)]
    assert np.mean(np.abs(quantized - nearest) > 1e-6) < 0.002  # ties

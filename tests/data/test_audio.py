"""The reader and the resampler."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.audio import decimate, read, resample
from s4audio.errors import UserError


def tone(frequency: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
@pytest.mark.parametrize("extension", ["wav", "flac", "aiff"])
def test_lossless_files_come_back_sample_by_sample(tmp_path: Path, rate: int, extension: str):
    path = tmp_path / f"tone.{extension}"
    samples = np.round(tone(440, rate) * 32768) / 32768
    soundfile.write(path, samples, rate, subtype="PCM_16")
    waveform, sample_rate = read(path)
    assert sample_rate == rate
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, samples.astype(np.float32))


@pytest.mark.parametrize("extension", ["ogg", "mp3"])
def test_lossy_files_come_back_nearly(tmp_path: Path, extension: str):
    path = tmp_path / f"tone.{extension}"
    samples = tone(440, 16000)
    soundfile.write(path, samples, 16000)
    waveform, _ = read(path)
    assert len(waveform) == len(samples)
    assert np.abs(waveform[500:-500] - samples[500:-500]).mean() < 0.05


def test_channels_are_averaged(tmp_path: Path):
    path = tmp_path / "stereo.wav"
    left, right = tone(440, 16000), tone(1000, 16000)
    soundfile.write(path, np.stack([left, right], 1), 16000, subtype="FLOAT")
    waveform, _ = read(path)
    assert waveform.shape == left.shape
    np.testing.assert_allclose(waveform, (left + right) / 2, atol=1e-6)


def test_slight_overshoot_is_clipped(tmp_path: Path):
    path = tmp_path / "hot.wav"
    soundfile.write(path, np.array([0.5, 1.5, -2.0]), 16000, subtype="FLOAT")
    np.testing.assert_array_equal(read(path)[0], [0.5, 1.0, -1.0])


def test_one_sample_is_audio(tmp_path: Path):
    soundfile.write(tmp_path / "click.wav", np.array([0.25]), 16000)
    np.testing.assert_array_equal(read(tmp_path / "click.wav")[0], [0.25])


def bad_file(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.{'flac' if 'flac' in kind else 'wav'}"
    good = tone(440, 16000)
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("these are not the samples you are looking for")
    elif kind == "no_samples":
        soundfile.write(path, good[:0], 16000)
    elif kind in ("truncated", "truncated_flac"):
        soundfile.write(path, good, 16000)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "header_only":
        soundfile.write(path, good, 16000)
        path.write_bytes(path.read_bytes()[:44])
    elif kind == "corrupt_flac":
        soundfile.write(path, good, 16000)
        content = bytearray(path.read_bytes())
        content[2000:3000] = bytes(1000)
        path.write_bytes(content)
    elif kind in ("nan", "infinity", "integers"):
        good[100] = {"nan": np.nan, "infinity": np.inf, "integers": 20000.0}[kind]
        soundfile.write(path, good, 16000, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no such audio file"),
        ("folder", "a folder, give an audio file"),
        ("empty", "the file is empty"),
        ("text", "not readable as audio"),
        ("no_samples", "holds no samples"),
        ("truncated", "truncated"),
        ("truncated_flac", "not readable|truncated"),
        ("header_only", "truncated|no samples"),
        ("corrupt_flac", "not readable|corrupt"),
        ("nan", "NaN or infinity"),
        ("infinity", "NaN or infinity"),
        ("integers", "divide float samples"),
    ],
)
def test_bad_files_are_refused_in_one_line_with_their_path(tmp_path: Path, kind: str, reason: str):
    path = bad_file(tmp_path, kind)
    with pytest.raises(UserError, match=reason) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_piped_file_of_unknown_size_is_not_truncated(tmp_path: Path):
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(440, 16000), 16000)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read(path)[0]) == 8000


def test_a_piped_flac_of_unknown_size_is_refused(tmp_path: Path):
    path = tmp_path / "piped.flac"
    soundfile.write(path, tone(440, 16000), 16000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples has 36 bits
    content[22:26] = bytes(4)
    path.write_bytes(content)
    for limit in (None, 300.0):
        with pytest.raises(UserError, match=r"piped.flac: its header gives no length"):
            read(path, limit)


def test_long_files_are_refused_before_decoding(tmp_path: Path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(32000), 16000)
    assert len(read(path, max_seconds=2.0)[0]) == 32000
    with pytest.raises(UserError, match=re.escape("2.0 s of audio, more than max_seconds=1.5")):
        read(path, max_seconds=1.5)


def test_all_real_recordings_are_readable(real_data: Path):
    paths = sorted((real_data / "FSDD" / "recordings").glob("*.wav"))[:300]
    assert paths
    for path in paths:
        waveform, rate = read(path)
        assert rate == 8000
        assert len(waveform) > 1000


@pytest.mark.parametrize(("from_rate", "to_rate"), [(16000, 8000), (8000, 16000), (44100, 16000)])
def test_resampling_keeps_a_tone_and_its_duration(from_rate: int, to_rate: int):
    resampled = resample(tone(1000, from_rate).astype(np.float32), from_rate, to_rate)
    expected = tone(1000, to_rate)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - len(expected)) <= 1
    middle = slice(len(expected) // 4, len(expected) // 2)
    np.testing.assert_allclose(resampled[middle], expected[middle], atol=1e-3)


def test_resampling_removes_what_decimation_folds_back():
    above_nyquist = tone(5000, 16000).astype(np.float32)
    assert np.abs(resample(above_nyquist, 16000, 8000)[500:-500]).max() < 1e-3
    folded = tone(3000, 8000)  # 8 kHz - 5 kHz, with the opposite sign
    np.testing.assert_allclose(decimate(above_nyquist, 2), -folded, atol=1e-5)


def test_equal_rates_leave_the_waveform_alone():
    waveform = tone(440, 16000).astype(np.float32)
    assert resample(waveform, 16000, 16000) is waveform


@given(st.integers(1, 50), st.sampled_from([4000, 8000, 11025, 16000, 48000]))
def test_resampling_never_returns_nothing(length: int, to_rate: int):
    assert len(resample(np.ones(length, np.float32), 16000, to_rate)) >= 1


@given(st.integers(1, 100), st.integers(1, 9))
def test_decimation_keeps_every_kth_sample(length: int, factor: int):
    waveform = np.arange(length, dtype=np.float32)
    kept = decimate(waveform, factor)
    assert kept.tolist() == [float(k) for k in range(0, length, factor)]


def test_impossible_rates_are_refused():
    with pytest.raises(ValueError, match="must be positive, got 16000 and 0"):
        resample(np.ones(3, np.float32), 16000, 0)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        decimate(np.ones(3, np.float32), 0)

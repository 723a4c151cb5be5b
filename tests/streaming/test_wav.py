import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.errors import UserError
from s4audio.streaming.source import BLOCK_SECONDS, Block
from s4audio.streaming.wav import AudioFile, RawInput


def noise(length: int, channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (length, channels))
    return samples.astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype)
    return path


def blocks_until_error(path: Path) -> tuple[list[Block], str]:
    blocks: list[Block] = []
    with pytest.raises(UserError) as error, AudioFile(path) as file:
        # Unlike list(file), this keeps what came before the error.
        blocks.extend(file)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return blocks, message


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("length", [1, 799, 800, 801, 40_000])
def test_blocks_joined_are_the_file(suffix: str, length: int, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, noise(length), 16_000)
    expected, _ = soundfile.read(path, dtype="float32")
    with AudioFile(path) as file:
        assert file.sample_rate == 16_000
        blocks = list(file)
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), expected)
    assert {len(block.samples) for block in blocks[:-1]} <= {round(BLOCK_SECONDS * 16_000)}
    assert all(block.samples.dtype == np.float32 for block in blocks)
    assert 0 <= time.monotonic() - blocks[-1].arrived < 5


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples = noise(5000, channels=3)
    with AudioFile(write(tmp_path / "x.wav", samples, subtype="FLOAT")) as file:
        mono = np.concatenate([block.samples for block in file])
    assert mono == pytest.approx(samples.mean(axis=1), abs=1e-6)


def test_overshoot_is_clipped(tmp_path: Path) -> None:
    samples = noise(1000) * 3
    with AudioFile(write(tmp_path / "x.wav", samples, subtype="FLOAT")) as file:
        mono = np.concatenate([block.samples for block in file])
    assert np.array_equal(mono, np.clip(samples[:, 0], -1, 1))
    assert np.abs(mono).max() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(bad: float, tmp_path: Path) -> None:
    samples = noise(5000)
    samples[2500] = bad
    blocks, message = blocks_until_error(write(tmp_path / "x.wav", samples, subtype="FLOAT"))
    assert len(blocks) == 3
    assert "after 0.15 s the samples contain NaN or infinity" in message


def test_samples_at_the_scale_of_integers(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(5000) * 32768, subtype="FLOAT")
    blocks, message = blocks_until_error(path)
    assert not blocks
    assert "divide float samples by their full scale" in message


@pytest.mark.parametrize("keep", [44, 45, 1000, 9999])
def test_cut_wav_gives_what_is_there_first(keep: int, tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(5000))
    path.write_bytes(path.read_bytes()[:keep])
    blocks, message = blocks_until_error(path)
    assert sum(len(block.samples) for block in blocks) == (keep - 44) // 2
    assert "cut after" in message or "no samples" in message


def test_cut_flac(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, noise(50_000), 16_000)
    path.write_bytes(path.read_bytes()[:40_000])
    blocks, message = blocks_until_error(path)
    assert blocks
    assert "cut after" in message or "corrupt" in message


def test_size_that_a_pipe_could_not_know(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(5000))
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with AudioFile(path) as file:
        assert sum(len(block.samples) for block in file) == 5000


def test_flac_of_a_length_that_a_pipe_could_not_know(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, noise(5000), 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples has 36 bits
    content[22:26] = bytes(4)
    path.write_bytes(content)
    blocks, message = blocks_until_error(path)
    assert not blocks
    assert "x.flac: its header gives no length" in message


@pytest.mark.parametrize("rate", [1, 0, 999, 2_000_000])
def test_impossible_rate_in_the_header(rate: int, tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(5000))
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    _, message = blocks_until_error(path)
    assert f"sample rate of {rate} Hz" in message or "not readable" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such audio file"),
        (b"", "empty"),
        (b"RIFF", "not readable as audio"),
        (b"hello, this is text\n" * 50, "not readable as audio"),
    ],
)
def test_files_that_are_none(content: bytes | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    _, message = blocks_until_error(path)
    assert expected in message


def test_folder_is_no_file(tmp_path: Path) -> None:
    assert "no such audio file" in blocks_until_error(tmp_path)[1]


def test_file_without_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(0))
    assert "no samples" in blocks_until_error(path)[1]


def test_raw_input() -> None:
    samples = np.arange(-3000, 3000, dtype="<i2")
    with RawInput(io.BytesIO(samples.tobytes()), 16_000) as source:
        blocks = list(source)
    joined = np.concatenate([block.samples for block in blocks])
    assert joined.dtype == np.float32
    assert np.array_equal(joined * 32768, samples)
    assert len(blocks[0].samples) == round(BLOCK_SECONDS * 16_000)


def test_raw_input_that_ends_within_a_sample() -> None:
    source = iter(RawInput(io.BytesIO(bytes(101)), 16_000))
    assert len(next(source).samples) == 50
    with pytest.raises(UserError, match="within a sample"):
        next(source)


def test_raw_input_with_a_header(tmp_path: Path) -> None:
    content = write(tmp_path / "x.wav", noise(100)).read_bytes()
    with pytest.raises(UserError, match="header of a WAV file"):
        list(RawInput(io.BytesIO(content), 16_000))

"""Long recordings: where words are, how loud they are, and that blocks join to one whole."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.data.annotations import Spoken, read_annotations, write_annotations
from s4audio.data.boundaries import word_boundaries
from s4audio.data.folder import AudioFolder
from s4audio.data.recordings import SPEECH_LEVEL_DB, AssembledRecording, background_of
from s4audio.errors import UserError

RATE = 16_000


def burst(start: int, end: int, level: float = 0.3, noise: float = 0.0) -> np.ndarray:
    """A second with a tone from `start` to `end`."""
    random = np.random.default_rng(start)
    clip = noise * random.standard_normal(RATE)
    clip[start:end] += level * np.sin(np.arange(end - start) * 0.3)
    return clip.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.02])
def test_boundaries_of_a_tone(noise):
    start, end = word_boundaries(burst(4000, 9000, noise=noise), RATE)
    assert abs(start - 4000) <= 0.02 * RATE
    assert abs(end - 9000) <= 0.02 * RATE


def test_a_short_gap_belongs_to_the_word_and_a_click_far_away_does_not():
    clip = burst(5000, 7000) + burst(8600, 10_000)
    clip[1000:1040] = 0.9
    start, end = word_boundaries(clip, RATE)
    assert abs(start - 5000) <= 0.02 * RATE
    assert abs(end - 10_000) <= 0.02 * RATE


def test_silence_has_no_word():
    assert word_boundaries(np.zeros(RATE, np.float32), RATE) is None
    assert word_boundaries(np.zeros(0, np.float32), RATE) is None


@pytest.fixture
def clips(tmp_path: Path):
    """Three words with six clips each, the test split of a folder."""
    for word, hertz in (("yes", 500), ("no", 900), ("maybe", 1300)):
        (tmp_path / "clips" / word).mkdir(parents=True)
        for number in range(6):
            clip = burst(3000 + 200 * number, 9000, level=0.05 * (number + 1))
            clip *= np.sin(2 * np.pi * hertz / RATE * np.arange(RATE))
            soundfile.write(tmp_path / "clips" / word / f"{number}.wav", clip, RATE)
    data = AudioFolder(tmp_path / "clips", validation=0.0, testing=1.0)
    data.prepare_data()
    return data.split("testing")


def whole(recording: AssembledRecording, seconds: float) -> np.ndarray:
    return np.concatenate(list(recording.blocks(seconds)), axis=1)


def test_blocks_of_any_length_join_to_the_same_recording(clips):
    recording = AssembledRecording([clips], ["yes", "no"], 45.3, [20, 0], seed=3)
    reference = whole(recording, 45.3)
    assert reference.shape == (2, round(45.3 * RATE))
    assert reference.dtype == np.float32
    for seconds in (0.37, 5.0):
        np.testing.assert_array_equal(whole(recording, seconds), reference)
    again = AssembledRecording([clips], ["yes", "no"], 45.3, [20, 0], seed=3)
    np.testing.assert_array_equal(whole(again, 5.0), reference)
    other = AssembledRecording([clips], ["yes", "no"], 45.3, [20, 0], seed=4)
    assert np.abs(whole(other, 5.0) - reference).max() > 0.01


def test_levels_of_words_and_noise(clips):
    recording = AssembledRecording([clips], ["yes", "no"], 60, [60, 10], seed=1)
    audio = whole(recording, 5.0)
    for word in recording.words:
        piece = audio[0, round(word.start * RATE) : round(word.end * RATE)]
        power = 10 * np.log10(np.mean(piece**2))
        assert power == pytest.approx(SPEECH_LEVEL_DB, abs=0.2)
    # What differs between the two is noise only.
    noise = audio[1] - audio[0]
    gain = 10 ** (-10 / 20) - 10 ** (-60 / 20)
    level = 10 * np.log10(np.mean(noise**2) / gain**2)
    assert level == pytest.approx(SPEECH_LEVEL_DB, abs=0.3)


def test_words_take_turns_and_stay_apart(clips):
    recording = AssembledRecording([clips], ["yes", "no"], 600, [10])
    counts = {word: [s.word for s in recording.words].count(word) for word in ("yes", "no")}
    others = sum(s.word == "maybe" for s in recording.words)
    assert abs(counts["yes"] - counts["no"]) <= 1
    assert 0.3 < others / len(recording.words) < 0.7
    gaps = [b.start - a.end for a, b in zip(recording.words, recording.words[1:], strict=False)]
    assert min(gaps) >= 1
    assert max(gaps) >= 10
    assert recording.words[-1].end <= 599


def test_background_recordings_are_used(folder: Path):
    data = AudioFolder(folder, validation=0.0, testing=1.0)
    data.prepare_data()
    noise = background_of(data)
    assert noise is not None
    assert noise.sizes().tolist() == [1000]  # the last fifth
    recording = AssembledRecording([data.split("testing")], ["left"], 4, [0], background=noise)
    block = next(recording.blocks(4.0))[0]
    # The short recording repeats; the noise of the first second has no word yet.
    np.testing.assert_allclose(block[:1000], block[1000:2000], atol=1e-6)
    recording = AssembledRecording([data.split("testing")], ["left"], 4, [0])
    block = next(recording.blocks(4.0))[0]
    assert np.abs(block[:1000] - block[1000:2000]).max() > 1e-3


def test_no_background(clips, tmp_path: Path):
    data = AudioFolder(tmp_path / "clips", validation=0.0, testing=1.0)
    assert background_of(data) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keywords": ["up"]}, "no clips of up"),
        ({"seconds": 0.5}, "0.5 s"),
        ({"snrs": []}, "snrs"),
        ({"snrs": [float("nan")]}, "snrs"),
        ({"seed": -1}, "seed"),
        ({"clips": []}, "one sample rate"),
    ],
)
def test_mistakes(clips, change, message):
    arguments = {"clips": [clips], "keywords": ["yes"], "seconds": 10, "snrs": [10], "seed": 0}
    with pytest.raises(UserError, match=message):
        AssembledRecording(**(arguments | change))


def test_annotations_survive_a_round_trip(tmp_path: Path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    words = [Spoken("yes", 0.5, 1.0), Spoken("no", 2.0, 2.25)]
    table = write_annotations(tmp_path / "words.csv", [("a.wav", words)])
    assert read_annotations(table) == {tmp_path / "a.wav": words}
    with table.open("a") as file:
        file.write("b.wav,,,\n")
    assert read_annotations(table)[tmp_path / "b.wav"] == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("path,word,start\na.wav,yes,1", "column end missing"),
        ("path,word,start,end", "no rows"),
        ("path,word,start,end\n,yes,1,2", "line 2: the path is empty"),
        ("path,word,start,end\nb.wav,yes,1,2", "no such audio file"),
        ("path,word,start,end\na.wav,,1,2", "the word is empty"),
        ("path,word,start,end\na.wav,yes,1,x", "must be numbers"),
        ("path,word,start,end\na.wav,yes,2,1", "0 <= start < end"),
        ("path,word,start,end\na.wav,yes,1,nan", "0 <= start < end"),
        ("path,word,start,end\na.wav,yes,1,2\na.wav,yes,1.5,3", "before the same word ends"),
    ],
)
def test_bad_annotations(tmp_path: Path, rows, message):
    (tmp_path / "a.wav").touch()
    table = tmp_path / "words.csv"
    table.write_text(rows + "\n")
    with pytest.raises(UserError, match=message):
        read_annotations(table)
    with pytest.raises(UserError, match="no such table"):
        read_annotations(tmp_path / "missing.csv")

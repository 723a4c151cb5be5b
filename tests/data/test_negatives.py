"""Negatives: folders of recordings, synthetic sentences, and the part without keywords."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.data import AudioFolder
from s4audio.data.negatives import clips_of, negative_clips
from s4audio.data.recordings import AssembledRecording
from s4audio.data.sentences import LABEL, SENTENCES, sentence_clips
from s4audio.data.speech_commands_files import TEN_WORDS
from s4audio.errors import UserError

RATE = 16_000


def write(path: Path, seconds: float = 0.5, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.1 * np.sin(np.arange(round(seconds * rate)) * 0.3)
    soundfile.write(path, tone, rate)


def test_labels_come_from_folders_or_file_names(tmp_path: Path):
    for name in ("7_jackson_0.wav", "7_theo_1.wav", "3_theo_1.wav", "radio/monday.flac"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    clips = negative_clips(tmp_path, ["yes"], RATE)
    assert clips.labels == ["3", "7", "radio"]
    assert [clips.labels[t] for t in clips.targets] == ["3", "7", "7", "radio"]
    assert clips.sizes().tolist() == [RATE // 2] * 4


def test_folders_that_are_no_negatives(tmp_path: Path):
    with pytest.raises(UserError, match="no such folder"):
        negative_clips(tmp_path / "nowhere", [], RATE)
    with pytest.raises(UserError, match="no audio files"):
        negative_clips(tmp_path, [], RATE)
    write(tmp_path / "yes" / "a.wav")
    with pytest.raises(UserError, match="must not hold any keyword"):
        negative_clips(tmp_path, ["yes"], RATE)
    write(tmp_path / "go" / "anna" / "a.wav")
    with pytest.raises(UserError, match=r"go/anna/a\.wav is a recording of 'go'"):
        negative_clips(tmp_path, ["go"], RATE)
    write(tmp_path / "yes" / "long.wav", seconds=61)
    with pytest.raises(UserError, match=r"long\.wav"):
        negative_clips(tmp_path, [], RATE)


def test_sentences_hold_no_keyword():
    assert len(set(SENTENCES)) == len(SENTENCES) >= 60
    spoken = {word for text in SENTENCES for word in re.findall(r"\w+", text.casefold())}
    # Nor what sounds like one.
    assert not spoken & {*TEN_WORDS, "know", "knows", "write", "rite"}


def test_sentences_are_synthesised_once():
    pytest.importorskip("espeakng_loader")
    sources = sentence_clips(3, TEN_WORDS)
    times = [source.path.stat().st_mtime_ns for source in sources]
    clips = clips_of(sources, RATE)
    assert clips.labels == [LABEL]
    assert (clips.sizes() > RATE).all()
    assert 0.3 < max(np.abs(clips[row].waveform).max() for row in range(3)) <= 0.51
    again = sentence_clips(3, TEN_WORDS)
    assert [source.path.stat().st_mtime_ns for source in again] == times
    others = sentence_clips(3, ["kettle", "goats"])
    assert {source.path for source in others}.isdisjoint(source.path for source in sources)


def test_no_sentence_left():
    with pytest.raises(UserError, match="leave them out"):
        sentence_clips(1, [word for text in SENTENCES for word in text.split()])


@pytest.fixture
def clips(tmp_path: Path):
    for word in ("yes", "no", "maybe"):
        for number in range(3):
            write(tmp_path / "clips" / word / f"{number}.wav", 0.3 + 0.1 * number, RATE)
    data = AudioFolder(tmp_path / "clips", validation=0.0, testing=1.0)
    data.prepare_data()
    return data.split("testing")


def test_the_part_without_keywords(clips, tmp_path: Path):
    write(tmp_path / "negatives" / "5_a_0.wav", 0.4)
    write(tmp_path / "negatives" / "talk" / "a.wav", 3.0)
    negatives = negative_clips(tmp_path / "negatives", ["yes", "no"], RATE)
    plain = AssembledRecording([clips], ["yes", "no"], 60, [20], seed=1)
    longer = AssembledRecording(
        [clips], ["yes", "no"], 60, [20], seed=1, negatives=[negatives], negative_seconds=90
    )
    assert (plain.negatives_from, longer.negatives_from) == (0, 60)
    assert longer.samples == 150 * RATE
    first = [word for word in longer.words if word.start < 60]
    assert first == plain.words
    rest = [word.word for word in longer.words if word.start >= 60]
    assert set(rest) == {"maybe", "5", "talk"}
    assert abs(rest.count("maybe") - len(rest) / 2) <= 1
    talk = [word for word in longer.words if word.word == "talk"]
    assert all(word.end - word.start == pytest.approx(3) for word in talk)
    audio = np.concatenate(list(longer.blocks()), axis=1)
    for word in longer.words[-3:]:
        piece = audio[0, round(word.start * RATE) : round(word.end * RATE)]
        assert 10 * np.log10(np.mean(piece**2)) == pytest.approx(-26, abs=0.5)


def test_only_noise_without_keywords(clips):
    recording = AssembledRecording([clips], ["yes", "no", "maybe"], 30, [20], negative_seconds=30)
    assert all(word.end < 30 for word in recording.words)
    for seconds in (-1, 0.0036, float("nan"), float("inf")):
        with pytest.raises(UserError, match=f"keywords of {seconds:g} s: give none, or at least"):
            AssembledRecording([clips], ["yes"], 30, [20], negative_seconds=seconds)

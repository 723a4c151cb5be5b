"""Data sets from checkpoints and from paths."""

from pathlib import Path

import pytest

from s4audio.data import AudioFolder, AudioManifest, SpeechCommands, from_description, open_audio
from s4audio.errors import UserError


def test_a_folder_without_splits_is_scored_whole(folder: Path):
    data = open_audio(folder, labels=["right", "other", "left"], sample_rate=8000)
    assert isinstance(data, AudioFolder)
    assert data.labels == ["right", "other", "left"]
    assert data.sample_rate == 8000
    clips = data.split("testing")
    assert len(clips) == 40
    assert {
        name.split("/")[0]: int(t) for name, t in zip(clips.names, clips.targets, strict=True)
    } == {
        "right": 0,
        "left": 2,
    }


def test_of_a_folder_with_splits_the_test_split_is_scored(tmp_path: Path, write_wav):
    for split in ("train", "test"):
        write_wav(tmp_path / "root" / split / "a" / f"{split}.wav", samples=10)
    data = open_audio(tmp_path / "root", labels=["a"], sample_rate=16000)
    assert data.split("testing").names == ["test/a/test.wav"]


@pytest.mark.parametrize("name", ["manifest.csv", "any.csv"])
def test_tables(tmp_path: Path, write_wav, name: str):
    for clip in "abc":
        write_wav(tmp_path / f"{clip}.wav", samples=10)
    table = tmp_path / name
    table.write_text("path,label,split\na.wav,x,test\nb.wav,y,test\nc.wav,y,train\n")
    path = tmp_path if name == "manifest.csv" else table
    data = open_audio(path, labels=["y", "x"], sample_rate=16000)
    assert isinstance(data, AudioManifest)
    assert data.split("testing").targets.tolist() == [1, 0]
    table.write_text("path,label\na.wav,x\nb.wav,y\n")
    assert len(open_audio(path, labels=["y", "x"], sample_rate=16000).split("testing")) == 2


@pytest.mark.parametrize("below", ["", "SpeechCommands/speech_commands_v0.02"])
def test_speech_commands_keeps_the_models_words(speech_commands: Path, below: str):
    data = open_audio(speech_commands / below, labels=["stop", "bed"], sample_rate=16000)
    assert isinstance(data, SpeechCommands)
    assert data.labels == ["stop", "bed"]
    assert data.split("testing").targets.tolist() == [0, 1]


def test_unknown_labels_are_refused(folder: Path, speech_commands: Path):
    with pytest.raises(UserError, match="unknown labels right; known are left, up"):
        open_audio(folder, labels=["left", "up"], sample_rate=16000)
    with pytest.raises(UserError, match="words not in Speech Commands: hello"):
        open_audio(speech_commands, labels=["hello", "go"], sample_rate=16000)


def test_nothing_there(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere: no such folder or table"):
        open_audio(tmp_path / "nowhere", labels=["a"], sample_rate=16000)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (
            {"class": "Unknown", "arguments": {}},
            "unknown data set 'Unknown'; known are AudioFolder",
        ),
        ({}, "unknown data set None"),
        (
            {"class": "SpeechCommands", "arguments": {"wurds": 3}},
            "has no argument wurds; it has root",
        ),
        (
            {"class": "SpeechCommands", "arguments": {"augment": {"shift": 3}}},
            "augment has no option shift",
        ),
    ],
)
def test_wrong_descriptions(description: dict, message: str):
    with pytest.raises(UserError, match=message):
        from_description(description)

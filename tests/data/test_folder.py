"""A folder for each class."""

import json
import re
from pathlib import Path

import pytest
import torch

from s4audio.data import AudioFolder, AugmentConfig, from_description
from s4audio.errors import UserError

SPLITS = ("train", "validation", "testing")


def names(data: AudioFolder) -> list[set[str]]:
    return [set(data.split(name).names) for name in SPLITS]


def test_every_clip_is_in_one_split(folder: Path):
    data = AudioFolder(folder, validation=0.25, testing=0.25)
    train, validation, testing = names(data)
    assert len(train) + len(validation) + len(testing) == 40
    assert len(train | validation | testing) == 40
    assert all((train, validation, testing))
    assert data.labels == ["left", "right"]
    for name in SPLITS:
        clips = data.split(name)
        words = [data.labels[target] for target in clips.targets]
        assert words == [clip.split("/")[0] for clip in clips.names]


def test_what_a_dot_hides_is_no_clip(folder: Path, write_wav):
    before = names(AudioFolder(folder))
    for name in ("._a.wav", ".trash/b.wav", "anna/.trash/old/c.wav"):
        path = folder / "left" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path)
    assert names(AudioFolder(folder)) == before


def test_new_clips_leave_the_others_in_their_splits(folder: Path, write_wav):
    before = names(AudioFolder(folder))
    write_wav(folder / "left" / "new.wav")
    after = names(AudioFolder(folder))
    assert all(old <= new for old, new in zip(before, after, strict=True))


def test_speakers_stay_together(tmp_path: Path, write_wav):
    for word in ("a", "b"):
        for speaker in range(30):
            for take in range(2):
                write_wav(tmp_path / "root" / word / f"s{speaker}_nohash_{take}.wav", samples=20)
    splits = names(AudioFolder(tmp_path / "root", validation=0.3, testing=0.3))
    speakers = [{name.split("/")[1].split("_")[0] for name in split} for split in splits]
    assert sum(map(len, speakers)) == 30
    assert all(speakers)


def test_split_folders(tmp_path: Path, write_wav):
    for split in ("train", "val", "test"):
        for word in ("b", "a"):
            write_wav(tmp_path / "root" / split / word / "deep" / f"{split}.flac", samples=30)
    write_wav(tmp_path / "root" / "_background_noise_" / "hum.wav")
    data = AudioFolder(tmp_path / "root", testing=1.0, validation=0.0)
    assert data.labels == ["a", "b"]
    assert [data.split(name).names for name in SPLITS] == [
        [f"{split}/{word}/deep/{split}.flac" for word in "ab"] for split in ("train", "val", "test")
    ]


def test_split_folders_in_upper_case(tmp_path: Path, write_wav):
    for split in ("Train", "VAL", "Test"):
        for word in ("b", "a"):
            write_wav(tmp_path / split / word / "1.wav", samples=30)
    data = AudioFolder(tmp_path)
    assert data.labels == ["a", "b"]
    assert [data.split(name).names for name in SPLITS] == [
        [f"{split}/{word}/1.wav" for word in "ab"] for split in ("Train", "VAL", "Test")
    ]


def test_a_class_may_have_the_name_of_a_split(tmp_path: Path, write_wav):
    for word in ("test", "left"):
        write_wav(tmp_path / word / "1.wav", samples=30)
    assert AudioFolder(tmp_path).labels == ["left", "test"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("train/a/1.wav", "Test/a/1.wav", "extra/a/1.wav"),
            "Test is a split and extra beside it is none: move",
        ),
        (("train/1.wav", "test/1.wav"), "test: a split with audio outside of its classes: move"),
        (
            ("train/a/1.wav", "train/1.wav", "test/a/1.wav"),
            "train: a split with audio outside of its classes: move",
        ),
    ],
)
def test_folders_of_which_only_some_are_splits(tmp_path: Path, write_wav, names, message: str):
    for name in names:
        write_wav(tmp_path / name, samples=30)
    with pytest.raises(UserError, match=message):
        AudioFolder(tmp_path)


def test_different_lengths_are_padded(folder: Path):
    data = AudioFolder(folder, batch_size=8)
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (8, int(batch.lengths.max()), 1)
    assert len(set(batch.lengths.tolist())) > 1


def test_seconds_fix_the_length(folder: Path):
    data = AudioFolder(folder, seconds=0.1, batch_size=8)
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (8, 1600, 1)
    assert batch.lengths.tolist() == [1600] * 8


def test_training_takes_random_parts_and_evaluation_the_middle(folder: Path):
    data = AudioFolder(folder, seconds=0.01, validation=0.3, testing=0.3)
    loader = data.train_dataloader()
    first = {int(i): x for b in loader for i, x in zip(b.indices, b.inputs, strict=True)}
    second = {int(i): x for b in loader for i, x in zip(b.indices, b.inputs, strict=True)}
    assert any(not torch.equal(first[index], second[index]) for index in first)
    (batch,) = data.test_dataloader()
    waveforms = [
        torch.from_numpy(data.split("testing")[row].waveform) for row in range(len(batch.targets))
    ]
    assert torch.equal(batch.inputs[..., 0], torch.stack(waveforms))


def test_any_rate_stereo_and_extension(tmp_path: Path):
    import numpy as np
    import soundfile

    for word, rate in (("a", 8000), ("b", 44100)):
        (tmp_path / "root" / word).mkdir(parents=True)
        samples = 0.1 * np.ones((rate, 2))
        soundfile.write(tmp_path / "root" / word / "Clip.FLAC", samples, rate)
    (tmp_path / "root" / "a" / "notes.txt").write_text("not audio, and ignored")
    data = AudioFolder(tmp_path / "root", validation=0.0, testing=1.0)
    assert data.split("testing").sizes().tolist() == [16000, 16000]


def test_background_noise_serves_augmentation(folder: Path):
    noisy = AudioFolder(folder, augment=AugmentConfig(background_probability=1.0))
    plain = AudioFolder(folder)
    ours, theirs = next(iter(noisy.train_dataloader())), next(iter(plain.train_dataloader()))
    assert torch.equal(ours.indices, theirs.indices)
    assert not torch.equal(ours.inputs, theirs.inputs)
    assert not any("_background_noise_" in name for split in names(plain) for name in split)


def test_labels_fix_the_order(folder: Path):
    data = AudioFolder(folder, labels=["right", "centre", "left"])
    assert data.labels == ["right", "centre", "left"]
    assert set(data.split("train").targets.tolist()) == {0, 2}
    with pytest.raises(UserError, match="no training clips of centre"):
        data.train_dataloader()


def test_description_round_trip(folder: Path):
    data = AudioFolder(folder, seconds=0.5, validation=0.2, max_seconds=None)
    description = json.loads(json.dumps(data.describe()))
    rebuilt = from_description(description)
    assert rebuilt.describe() == description
    assert description["arguments"]["labels"] == ["left", "right"]
    moved = from_description(description, {"root": folder, "batch_size": 3})
    assert moved.batch_size == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["left"]}, "unknown labels right; known are left"),
        ({"labels": ["left", "right", "left"]}, "each class once"),
        ({"labels": []}, "at least one"),
        ({"validation": 0.7, "testing": 0.7}, "sum is at most 1"),
        ({"seconds": 0.0}, "seconds=0.0: a clip must last"),
        ({"seconds": float("nan")}, "seconds=nan"),
    ],
)
def test_impossible_arguments(folder: Path, arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        AudioFolder(folder, **arguments)


def test_missing_and_empty_folders(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        AudioFolder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no folders in it; expected one folder for each class"):
        AudioFolder(tmp_path)
    (tmp_path / "left").mkdir()
    with pytest.raises(UserError, match="left: no audio files of class 'left'"):
        AudioFolder(tmp_path).prepare_data()


def test_an_empty_split_is_named(folder: Path):
    data = AudioFolder(folder, validation=0.0)
    with pytest.raises(UserError, match="the validation split of this AudioFolder is empty"):
        data.val_dataloader()


def test_too_long_files(folder: Path, write_wav):
    write_wav(folder / "left" / "long.wav", samples=32000)
    with pytest.raises(UserError, match=re.escape("more than max_seconds=1: cut the file")):
        AudioFolder(folder, max_seconds=1.0).prepare_data()
    AudioFolder(folder, max_seconds=None).prepare_data()


def test_background_noise_may_be_long(folder: Path, write_wav):
    write_wav(folder / "_background_noise_" / "long.wav", samples=32000)
    AudioFolder(folder, max_seconds=1.0).prepare_data()


def test_a_class_that_is_not_scored_is_named_once(folder: Path, write_wav):
    write_wav(folder / "dim" / "1.wav")
    data = AudioFolder(folder, validation=0.2, testing=0.2)
    assert set(data.split("train").targets.tolist()) == {0, 1, 2}
    for loader, word in ((data.val_dataloader, "validation"), (data.test_dataloader, "test")):
        with pytest.warns(UserWarning, match=f"no {word} clips of dim: .* add clips"):
            loader()
        loader()  # a second warning would be an error here


def test_bad_files(folder: Path):
    bad = folder / "left" / "bad.wav"
    bad.write_text("not audio")
    with pytest.raises(UserError, match=r"bad.wav: not readable.*1 of 42"):
        AudioFolder(folder).prepare_data()
    data = AudioFolder(folder, skip_bad_files=True)
    assert sum(map(len, names(data))) == 40


@pytest.mark.parametrize("split", ["", "train"])
def test_other_words_and_silence_are_classes(tmp_path: Path, write_wav, split: str):
    for name in ("lights", "_unknown_", "_silence_", "_background_noise_", "_old", ".git"):
        write_wav(tmp_path / "root" / split / name / "a.wav", samples=30)
    data = AudioFolder(tmp_path / "root", validation=0.0, testing=0.0)
    assert data.labels == ["_silence_", "_unknown_", "lights"]
    assert len(data.split("train")) == 3

"""What is kept for validation and testing is heard there only: noise, statistics, whole clips."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.data import AudioFolder, AugmentConfig, KeywordStreams, SpeechCommands
from s4audio.data.recordings import AssembledRecording, background_of
from s4audio.data.speech_commands_files import find_speech_commands

RATE = 16_000

# What a piece of the recording has for a mean, in units of its power.
MEANS = {"train": 1, "validation": 0, "testing": -1}


def write_marked(path: Path) -> None:
    """A recording whose samples say where they come from: above zero, alternating, below zero."""
    marks = np.repeat([1.0, 0.0, -1.0], [14 * RATE, 2 * RATE, 4 * RATE])
    marks[14 * RATE : 16 * RATE : 2], marks[14 * RATE + 1 : 16 * RATE : 2] = 1.0, -1.0
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, 0.3 * marks, RATE, subtype="PCM_16")


@pytest.fixture
def marked(folder: Path) -> Path:
    """Two classes, and one background recording that is marked."""
    (folder / "_background_noise_" / "hum.wav").unlink()
    write_marked(folder / "_background_noise_" / "marked.wav")
    return folder


@pytest.fixture
def marked_commands(speech_commands: Path) -> Path:
    pytest.importorskip("torchaudio")
    tree = find_speech_commands(speech_commands)
    (tree / "_background_noise_" / "tap.wav").unlink()
    write_marked(tree / "_background_noise_" / "marked.wav")
    return speech_commands


NOISE_ALONE = AugmentConfig(background_probability=1.0, background_snr_db=(-60.0, -60.0))


def test_augmentation_hears_the_noise_of_training(marked: Path):
    data = AudioFolder(marked, seconds=0.5, batch_size=40, augment=NOISE_ALONE)
    loader = data.train_dataloader()
    there = pickle.loads(pickle.dumps(loader.dataset))  # as a worker has it
    for batch in [*loader, *loader, there.__getitems__(range(len(there)))]:
        waveforms = batch.inputs[..., 0]
        means = waveforms.mean(1) / waveforms.square().mean(1).sqrt()
        torch.testing.assert_close(means, torch.ones(len(means)), atol=0.01, rtol=0)


def test_evaluation_streams_hear_the_noise_of_testing(marked: Path):
    data = AudioFolder(marked, validation=0.0, testing=1.0)
    data.prepare_data()
    recording = AssembledRecording(
        [data.split("testing")], ["left"], 60, [-60], background=background_of(data)
    )
    noise = np.concatenate(list(recording.blocks()), axis=1)[0]
    assert (noise < 0).mean() > 0.999


@pytest.mark.parametrize("split", ["train", "validation"])
def test_training_streams_hear_the_noise_of_their_split(marked_commands: Path, split: str):
    data = KeywordStreams(marked_commands)
    data.prepare_data()
    loader = data.train_dataloader() if split == "train" else data.val_dataloader()
    pieces = loader.dataset._assemble._noise.pieces(torch.arange(200), 8000)
    recorded = pieces.abs().std(1) < 0.01  # the others are of random colours
    assert 100 < recorded.sum() < 160
    means = pieces[recorded].mean(1)
    torch.testing.assert_close(means, torch.full_like(means, MEANS[split]), atol=0.01, rtol=0)


def test_silence_clips_hear_the_noise_of_their_split(marked_commands: Path):
    data = SpeechCommands(marked_commands, words=12)
    data.prepare_data()
    for split, mean in MEANS.items():
        clips = data.split(split)
        rows = np.flatnonzero(clips.targets == data.labels.index("_silence_"))
        waveforms = clips.stack(rows)[0]
        power = waveforms.square().mean(1).sqrt()
        assert (power > 0).any()
        means = waveforms.mean(1)[power > 0] / power[power > 0]
        torch.testing.assert_close(means, torch.full_like(means, mean), atol=0.01, rtol=0)


def test_validation_and_test_clips_are_never_changed(marked: Path):
    shares = {"seconds": 0.05, "validation": 0.3, "testing": 0.3}
    plain, changed = (
        AudioFolder(marked, **shares),
        AudioFolder(marked, augment=NOISE_ALONE, **shares),
    )
    for ours, theirs in (
        (plain.val_dataloader(), changed.val_dataloader()),
        (plain.test_dataloader(), changed.test_dataloader()),
    ):
        for one, other in zip(ours, theirs, strict=True):
            assert one.inputs.equal(other.inputs)


def test_the_validation_stream_is_never_changed(marked_commands: Path):
    augment = AugmentConfig(speed=(0.6, 0.6), gain_db=(-20.0, -20.0))
    plain, changed = (
        KeywordStreams(marked_commands, validation_minutes=0.5, augment=given)
        for given in (None, augment)
    )
    for data in (plain, changed):
        data.prepare_data()
    for one, other in zip(plain.val_dataloader(), changed.val_dataloader(), strict=True):
        assert one.inputs.equal(other.inputs)
        assert one.targets.equal(other.targets)
    ours, theirs = (next(iter(data.train_dataloader())) for data in (plain, changed))
    assert not ours.inputs.equal(theirs.inputs)


def test_statistics_are_those_of_the_training_split(speech_commands: Path):
    pytest.importorskip("torchaudio")
    tree = find_speech_commands(speech_commands)
    for name in (tree / "testing_list.txt").read_text().split():
        samples, rate = soundfile.read(tree / name)
        soundfile.write(tree / name, 0.1 * samples, rate)
    data = SpeechCommands(speech_commands, words=10, features="mfcc", batch_size=1000)
    data.prepare_data()
    (batch,) = data.train_dataloader()
    coefficients = batch.inputs.flatten(0, 1)
    torch.testing.assert_close(coefficients.mean(0), torch.zeros(20), atol=1e-3, rtol=0)
    torch.testing.assert_close(coefficients.std(0), torch.ones(20), atol=1e-3, rtol=0)
    waveforms = SpeechCommands(speech_commands, words=10)
    expected = waveforms.split("train").mean_and_std()
    assert waveforms.statistics() == expected
    assert waveforms.split("testing").mean_and_std()[1] < 0.2 * expected[1]

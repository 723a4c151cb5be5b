"""Speech Commands: protocols, lists, errors."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data import AugmentConfig, SpeechCommands, from_description
from s4audio.data.speech_commands_files import ALL_WORDS, TEN_WORDS
from s4audio.errors import UserError

pytest.importorskip("torchaudio")

SPLITS = ("train", "validation", "testing")


def tree(root: Path) -> Path:
    return root / "SpeechCommands" / "speech_commands_v0.02"


def sizes(data: SpeechCommands) -> list[int]:
    return [len(data.split(name)) for name in SPLITS]


def test_labels_need_no_data(tmp_path: Path):
    assert SpeechCommands(tmp_path, words=10).labels == list(TEN_WORDS)
    assert SpeechCommands(tmp_path).labels == list(ALL_WORDS)
    assert len(set(ALL_WORDS)) == 35
    assert set(TEN_WORDS) < set(ALL_WORDS)
    assert SpeechCommands(tmp_path, words=["stop", "go"]).labels == ["stop", "go"]


def test_official_lists(speech_commands: Path):
    data = SpeechCommands(speech_commands)
    data.prepare_data()
    data.setup("fit")
    assert sizes(data) == [10 * 18 + 25 * 2, 35, 35]
    lists = {
        name: (tree(speech_commands) / f"{name}_list.txt").read_text().split()
        for name in SPLITS[1:]
    }
    for name, listed in lists.items():
        assert data.split(name).names == listed
    train = set(data.split("train").names)
    assert not train & {name for listed in lists.values() for name in listed}


def test_targets_follow_the_words(speech_commands: Path):
    data = SpeechCommands(speech_commands, words=["stop", "go"])
    for name in SPLITS:
        clips = data.split(name)
        for clip, target in zip(clips.names, clips.targets, strict=True):
            assert clip.split("/")[0] == ["stop", "go"][target]


def test_short_clips_are_zero_padded_at_the_end(speech_commands: Path):
    data = SpeechCommands(speech_commands, words=10)
    batch = next(iter(data.val_dataloader()))  # the fixture's validation clips have 400 samples
    assert batch.inputs.shape == (10, 16000, 1)
    assert batch.lengths.tolist() == [16000] * 10
    assert (batch.inputs[:, :400] != 0).any(1).all()
    assert (batch.inputs[:, 400:] == 0).all()


def test_the_inner_folder_is_accepted(speech_commands: Path):
    outer = SpeechCommands(speech_commands, words=10)
    inner = SpeechCommands(tree(speech_commands), words=10)
    assert sizes(inner) == sizes(outer)
    copied = speech_commands / "copy"
    shutil.copytree(tree(speech_commands), copied)
    assert sizes(SpeechCommands(copied, words=10)) == sizes(outer)


def test_s4_protocol_against_the_papers_code(speech_commands: Path):
    train_test_split = pytest.importorskip("sklearn.model_selection").train_test_split
    data = SpeechCommands(speech_commands, words=10, protocol="s4")
    names, targets = [], []
    for target, word in enumerate(TEN_WORDS):
        for path in sorted((tree(speech_commands) / word).iterdir()):
            if path.stat().st_size == 44 + 2 * 16000:  # exactly one second of 16 bits
                names.append(f"{word}/{path.name}")
                targets.append(target)
    assert len(names) == 10 * 19
    train, rest, _, rest_targets = train_test_split(
        names, targets, train_size=0.7, random_state=0, shuffle=True, stratify=targets
    )
    validation, testing = train_test_split(
        rest, train_size=0.5, random_state=1, shuffle=True, stratify=rest_targets
    )
    assert [data.split(name).names for name in SPLITS] == [train, validation, testing]
    assert (data.split("train").sizes() == 16000).all()


def test_papers_amplitude_is_what_their_code_computes(speech_commands: Path):
    data = SpeechCommands(speech_commands, words=10, protocol="s4", amplitude="papers")
    mean, std = data.statistics()
    clips = data.split("train")
    unit = torch.stack([torch.from_numpy(clips[row].waveform) for row in range(len(clips))])
    divided = unit.double() / 2**15
    theirs = (divided - divided.mean()) / (divided.std() + 1e-5)
    ours = (unit.double() - mean) / std
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    plain_mean, plain_std = SpeechCommands(speech_commands, words=10, protocol="s4").statistics()
    assert (mean, std) == (plain_mean, pytest.approx(plain_std + 0.32768))


@pytest.mark.filterwarnings("error")
def test_mfcc_batches(speech_commands: Path):
    data = SpeechCommands(speech_commands, words=10, features="mfcc", batch_size=8)
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (8, 161, 20)
    assert batch.lengths.tolist() == [161] * 8
    assert data.d_input == 20
    assert data.statistics() == (0.0, 1.0)
    everything = torch.cat([b.inputs for b in data.train_dataloader()]).reshape(-1, 20)
    assert everything.mean().abs() < 0.05
    assert (everything.std(0) - 1).abs().max() < 0.1


def test_other_sample_rates(speech_commands: Path):
    data = SpeechCommands(speech_commands, words=["go"], sample_rate=8000)
    assert next(iter(data.test_dataloader())).inputs.shape == (1, 8000, 1)
    assert data.sample_rate == data.split("train").sample_rate == 8000


def test_background_noise_reaches_the_training_clips_only(speech_commands: Path):
    noisy = AugmentConfig(background_probability=1.0)
    data = SpeechCommands(speech_commands, words=10, augment=noisy)
    plain = SpeechCommands(speech_commands, words=10)
    for ours, theirs in zip(data.train_dataloader(), plain.train_dataloader(), strict=True):
        assert torch.equal(ours.indices, theirs.indices)
        assert (ours.inputs != theirs.inputs).any(1).all()
    for ours, theirs in zip(data.test_dataloader(), plain.test_dataloader(), strict=True):
        assert torch.equal(ours.inputs, theirs.inputs)


def test_description_round_trip(speech_commands: Path):
    data = SpeechCommands(
        speech_commands,
        words=["up", "go"],
        amplitude="papers",
        batch_size=7,
        seed=3,
        augment=AugmentConfig(shift_ms=10.0, gain_db=(-3.0, 3.0)),
    )
    description = json.loads(json.dumps(data.describe()))
    assert description == data.describe()
    rebuilt = from_description(description)
    assert isinstance(rebuilt, SpeechCommands)
    assert rebuilt.describe() == description
    assert rebuilt.augment == data.augment
    first, again = next(iter(data.train_dataloader())), next(iter(rebuilt.train_dataloader()))
    assert torch.equal(first.inputs, again.inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": 35, "protocol": "s4"}, 'protocol="s4" is defined for words=10'),
        ({"words": ["yes"], "protocol": "s4"}, 'protocol="s4" is defined for words=10'),
        ({"features": "mfcc", "amplitude": "papers"}, 'amplitude="papers" applies to'),
        ({"words": ["yes", "maybe"]}, "words not in Speech Commands: maybe; known are bed,"),
        ({"words": ["yes", "yes"]}, "each word once"),
        ({"words": 20}, "words=20: give 10, 12, 35 or a list"),
        ({"protocol": "offical"}, "unknown protocol .offical.: did you mean .official."),
        ({"features": "mfccs"}, "unknown features .mfccs."),
        ({"words": []}, "at least one"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must not be negative, got -1"),
        ({"sample_rate": 0}, "sample_rate must be positive, got 0 Hz"),
    ],
)
def test_impossible_arguments(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        SpeechCommands(**arguments)


def test_no_data_set(tmp_path: Path):
    with pytest.raises(UserError, match=r"no Speech Commands data set here.*download=True"):
        SpeechCommands(tmp_path).prepare_data()


def remove_list(folder: Path) -> None:
    (folder / "testing_list.txt").unlink()


def empty_word(folder: Path) -> None:
    for path in (folder / "go").iterdir():
        path.unlink()


def missing_word(folder: Path) -> None:
    shutil.rmtree(folder / "go")


def missing_clip(folder: Path) -> None:
    (folder / "go" / "00000002_nohash_0.wav").unlink()


def garbled_list(folder: Path) -> None:
    (folder / "testing_list.txt").write_text("these are words\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_list, "testing_list.txt missing"),
        (empty_word, "no .wav files of the word 'go'"),
        (missing_word, "no .wav files of the word 'go'"),
        (missing_clip, "1 listed clips are missing, first go/00000002_nohash_0.wav"),
        (garbled_list, "testing_list.txt: a line is not of the form"),
    ],
)
def test_incomplete_data_sets(speech_commands: Path, damage, message: str):
    damage(tree(speech_commands))
    with pytest.raises(UserError, match=message) as error:
        SpeechCommands(speech_commands, words=10).prepare_data()
    assert "\n" not in str(error.value)


def test_damage_to_other_words_does_not_matter(speech_commands: Path):
    missing_word(tree(speech_commands))
    assert sizes(SpeechCommands(speech_commands, words=["stop"])) == [18, 1, 1]


def test_download_appears_only_when_complete(
    speech_commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torchaudio.datasets

    real = torchaudio.datasets.SPEECHCOMMANDS
    root = tmp_path / "downloads"
    fail = True

    def fake(folder: Path, url: str, download: bool = False, **options: object) -> object:
        if not download:
            return real(folder, url, **options)
        assert not (folder / "SpeechCommands").exists()
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / "SpeechCommands" / "speech_commands_v0.02"
        if fail:
            target.mkdir(parents=True)
            raise OSError("the line is dead")
        shutil.copytree(tree(speech_commands), target)
        return None

    monkeypatch.setattr(torchaudio.datasets, "SPEECHCOMMANDS", fake)
    fetched: list[Path] = []
    monkeypatch.setattr(
        "s4audio.data.speech_commands_files.download",
        lambda url, path, sha256: fetched.append(path),
    )
    with pytest.raises(UserError, match=r"could not be unpacked in .*: the line is dead"):
        SpeechCommands(root, words=10, download=True).prepare_data()
    assert not tree(root).exists()
    fail = False
    data = SpeechCommands(root, words=10, download=True)
    data.prepare_data()
    assert sizes(data) == [180, 10, 10]
    assert [path.name for path in root.iterdir()] == ["SpeechCommands"]
    assert [path.name for path in fetched] == 2 * ["speech_commands_v0.02.tar.gz"]


def test_download_does_not_touch_an_incomplete_tree(tmp_path: Path):
    tree(tmp_path).mkdir(parents=True)
    with pytest.raises(UserError, match=r"incomplete data set .*; delete the folder"):
        SpeechCommands(tmp_path, download=True).prepare_data()


def test_extra_clips_of_known_words_are_trained_on(speech_commands: Path, tmp_path: Path):
    extra = tmp_path / "spoken"
    for word in ("go", "stop", "turn_it"):
        (extra / word).mkdir(parents=True)
        clip = next((tree(speech_commands) / "go").glob("*.wav"))
        shutil.copy(clip, extra / word / "voice00000_nohash_0.wav")
    plain = SpeechCommands(speech_commands, words=["go", "up"])
    more = SpeechCommands(speech_commands, words=["go", "up"], extra=str(extra))
    added = set(more.split("train").names) - set(plain.split("train").names)
    assert added == {"added/go/voice00000_nohash_0.wav"}
    assert sizes(more) == [sizes(plain)[0] + 1, *sizes(plain)[1:]]
    with pytest.raises(UserError, match=r"extra=.*nowhere: no clips WORD/NAME\.wav here"):
        SpeechCommands(speech_commands, extra=tmp_path / "nowhere").prepare_data()


def test_real_subset(real_data: Path):
    data = SpeechCommands(real_data, words=10)
    assert sizes(data) == [2751, 264, 416]
    speakers = [
        {name.split("/")[1].split("_nohash_")[0] for name in data.split(split).names}
        for split in SPLITS
    ]
    assert sum(map(len, speakers)) == len(set.union(*speakers))
    mean, std = data.statistics()
    assert abs(mean) < 1e-3
    assert 0.05 < std < 0.2
    first = data.split("testing")[0]
    assert first.waveform.shape == (16000,)
    assert first.waveform.dtype == np.float32

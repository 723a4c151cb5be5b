"""Assembled streams: continuous, repeatable, and what the targets say."""

import json
import pickle
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from s4audio.data import AugmentConfig, KeywordStreams, SpeechCommands, from_description
from s4audio.data.speech_commands_files import ALL_WORDS, TEN_WORDS
from s4audio.data.streams import IGNORED, NO_KEYWORD
from s4audio.data.streams.dataset import Onwards
from s4audio.data.streams.layout import BURST, HEAD, KEYWORD, OTHER, REVERSED, TAIL
from s4audio.errors import UserError

pytest.importorskip("torchaudio")
RATE = 16_000
CLIP = 0.6
UNKNOWN, SILENCE = 10, 11


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Every word is a tone of its own from 0.3 to 0.6 s; the noise is at 100 Hz."""
    folder = tmp_path / "data"
    time = np.arange(RATE) / RATE
    inside = (time >= 0.3) & (time < CLIP)
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    for row, word in enumerate(ALL_WORDS):
        (folder / word).mkdir(parents=True)
        for number in range(4):
            name = f"{word}/{number}_nohash_0.wav"
            tone = 0.1 * (number + 1) * np.sin(2 * np.pi * (1000 + 100 * row) * time) * inside
            soundfile.write(folder / name, tone, RATE)
            if number < 2:
                lists["validation" if number == 0 else "testing"].append(name)
    for split, names in lists.items():
        (folder / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "_background_noise_").mkdir()
    hum = 0.1 * np.sin(2 * np.pi * 100 * np.arange(30 * RATE) / RATE)
    soundfile.write(folder / "_background_noise_" / "hum.wav", hum, RATE)
    return folder


def streams(root: Path, **options) -> KeywordStreams:
    given = {"segment": 4.0, "context": 1.5, "batch_size": 3, "epoch_minutes": 1.0}
    data = KeywordStreams(root, **{**given, **options})
    data.prepare_data()
    return data


def test_batches_continue_each_other(root: Path):
    data = streams(root, augment=AugmentConfig(speed=(0.9, 1.1), reverberation_probability=0.5))
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == 5
    for batch in batches:
        assert batch.inputs.shape == (3, round(5.5 * RATE), 1)
        assert batch.inputs.dtype == torch.float32
        assert batch.targets.shape == (3, 400)
        assert batch.hop == 160
    context = round(1.5 * RATE)
    later = list(loader)  # the next epoch
    everything = batches + later
    for before, after in pairwise(everything):
        torch.testing.assert_close(before.inputs[:, -context:], after.inputs[:, :context])
    assert not batches[0].inputs.equal(later[0].inputs)


def test_a_segment_depends_on_its_number_alone(root: Path):
    augment = AugmentConfig(speed=(0.9, 1.1), pitch_probability=0.5, mask_probability=0.5)
    data = streams(root, augment=augment)
    dataset = data.train_dataloader().dataset
    straight = [dataset.__getitems__(range(first, first + 3)) for first in range(0, 30, 3)]
    fresh = streams(root, augment=augment).train_dataloader().dataset
    for index in [*range(29, -1, -4), 7]:
        alone = fresh.__getitems__([index])
        before = straight[index // 3]
        torch.testing.assert_close(alone.inputs[0], before.inputs[index % 3], rtol=1e-4, atol=1e-5)
        assert alone.targets[0].equal(before.targets[index % 3])
    copied = pickle.loads(pickle.dumps(fresh)).__getitems__([7])  # as a worker has it
    torch.testing.assert_close(copied.inputs, alone.inputs, rtol=1e-4, atol=1e-5)
    other = streams(root, augment=augment, seed=1).train_dataloader().dataset.__getitems__([7])
    assert not other.targets.equal(alone.targets)


def test_a_resumed_run_goes_on_where_it_was():
    sampler = Onwards(6)
    assert list(sampler) == [0, 1, 2, 3, 4, 5]
    sampler.set_epoch(3)
    assert list(sampler) == [18, 19, 20, 21, 22, 23]
    assert list(sampler) == [24, 25, 26, 27, 28, 29]


def test_the_word_is_where_its_targets_say(root: Path):
    """Just before a keyword's frames the loudest tone is the keyword's, and ends there."""
    data = streams(root, snr_db=(40.0, 60.0), keyword_share=1.0, quiet_share=0.0, segment=8.0)
    dataset = data.train_dataloader().dataset
    found = 0
    for batch in (dataset.__getitems__([0, 1, 2]), dataset.__getitems__([3, 4, 5])):
        for audio, targets in zip(batch.inputs[..., 0], batch.targets.tolist(), strict=True):
            audio = audio[-8 * RATE :].numpy()
            for frame in range(60, 800):
                word = targets[frame]
                if word == targets[frame - 1] or not 0 <= word < 10:
                    continue
                end = (frame + 1) * 160 + 800  # the target begins 50 ms before the end
                piece = audio[end - 3200 : end - 640]
                spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), RATE))
                hertz = 1000 + 100 * ALL_WORDS.index(TEN_WORDS[word])
                assert abs(int(spectrum.argmax()) - hertz) <= 15
                behind = audio[end + 640 : end + 2000]
                assert np.square(behind).mean() < 0.1 * np.square(piece).mean()
                found += 1
    assert found > 10


def test_speed_moves_the_ends_of_the_words(root: Path):
    fast = {"keyword_share": 1.0, "quiet_share": 0.0, "pause": (0.5, 0.5), "segment": 8.0}
    slow = AugmentConfig(speed=(0.6, 0.6))
    dataset = streams(root, augment=slow, snr_db=(60.0, 60.0), **fast).train_dataloader().dataset
    batch = dataset.__getitems__([0, 1, 2])
    seen = 0
    for audio, targets in zip(batch.inputs[..., 0], batch.targets.tolist(), strict=True):
        audio = audio[-8 * RATE :].numpy()
        for frame in range(1, 800):
            if 0 <= targets[frame] < 10 and targets[frame - 1] == IGNORED:
                end = (frame + 1) * 160 + 800
                inside = np.square(audio[end - 4800 : end - 640]).mean()
                assert np.square(audio[end + 640 : end + 2000]).mean() < 0.1 * inside
                # 0.3 s at 0.6 of the speed are 0.5 s.
                assert np.square(audio[end - 7200 : end - 6400]).mean() > 0.3 * inside
                seen += 1
    assert seen > 5


def test_every_kind_of_event_and_target(root: Path):
    data = streams(root, epoch_minutes=8.0, batch_size=10)
    dataset = data.train_dataloader().dataset
    _, events = dataset._assemble(np.arange(300), np.zeros(300, np.int64))
    shares = np.bincount(events.kind, minlength=6) / len(events.kind)
    assert abs(shares[KEYWORD] - 0.4) < 0.12
    assert (shares[[OTHER, HEAD, TAIL, REVERSED, BURST]] > 0.01).all()
    order = np.lexsort((events.at, events.row))
    assert (order == np.arange(len(order))).all()
    same = events.row[1:] == events.row[:-1]
    assert (events.at[1:] >= (events.at + events.last - events.first)[:-1])[same].all()
    assert (events.at + events.last - events.first <= 4 * RATE).all()
    keywords = events.kind == KEYWORD
    assert set(events.target[keywords]) == set(range(10))
    assert set(events.target[~keywords & (events.kind != BURST)]) == {UNKNOWN}
    lengths = (events.end - events.start)[keywords] / RATE
    assert lengths.min() > 0.25
    assert lengths.max() < 0.4
    heads = (events.end - events.start)[events.kind == HEAD] / RATE
    assert heads.max() < 0.2
    quiet = set(range(300)) - set(events.row[events.kind != BURST].tolist())
    assert 10 <= len(quiet) <= 60
    targets = torch.cat([batch.targets.flatten() for batch in data.train_dataloader()])
    assert set(targets.tolist()) == {IGNORED, NO_KEYWORD, *range(12)}


def test_levels_and_ratios(root: Path):
    options = {"level_db": (-30.0, -30.0), "quiet_share": 1.0, "keyword_share": 1.0}
    quiet = streams(root, snr_db=(10.0, 10.0), **options)
    batch = next(iter(quiet.train_dataloader()))
    power = batch.inputs[:, -3 * RATE :].square().mean(1).squeeze(1)
    level = 10 * power.clamp(min=1e-12).log10()
    assert ((level + 40).abs() < 1).logical_or(level < -60).all()
    assert (batch.targets == SILENCE).all()


def test_validation_is_one_stream_for_everybody(root: Path):
    first = streams(root, validation_minutes=0.5, seed=0, batch_size=2)
    second = streams(root, validation_minutes=0.5, seed=9, batch_size=3)
    ours, theirs = [
        [torch.cat(parts) for parts in zip(*(b[:2] for b in data.val_dataloader()), strict=True)]
        for data in (first, second)
    ]
    assert len(ours[0]) == 8
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
    assert ours[1].equal(theirs[1])
    context = round(1.5 * RATE)
    torch.testing.assert_close(ours[0][:-1, -context:], ours[0][1:, :context])


def test_testing_is_the_clips_of_twelve_classes(root: Path):
    data, clips = streams(root), SpeechCommands(root, words=12)
    clips.prepare_data()
    assert data.labels == clips.labels
    assert data.split("testing").names == clips.split("testing").names
    for ours, theirs in zip(data.test_dataloader(), clips.test_dataloader(), strict=False):
        assert ours.inputs[0].equal(theirs.inputs[0])
    # Streams hear more other words than the twelve classes have.
    assert len(data.split("train")) > len(clips.split("train"))


def test_description_round_trip(root: Path):
    data = streams(root, pause=(0.1, 2.0), words=["go", "stop"], augment=AugmentConfig(mask_ms=5.0))
    description = json.loads(json.dumps(data.describe()))
    rebuilt = from_description(description)
    assert rebuilt.describe() == description
    assert rebuilt.labels == ["go", "stop", "_unknown_", "_silence_"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": ["maybe"]}, "maybe"),
        ({"words": ["go", "go"]}, "each keyword once"),
        ({"hop": 0}, "hop"),
        ({"hop": 7}, "multiple of hop=7"),
        ({"segment": 0.0}, "segment"),
        ({"context": 0.5}, "at least window=1.0"),
        ({"context": 3.8}, "at most 3.5 s"),
        ({"early": 0.5}, "early=0.5"),
        ({"pause": (0.0, 1.0)}, "pause"),
        ({"snr_db": (10.0, 0.0)}, "snr_db"),
        ({"keyword_share": 1.5}, "keyword_share"),
        ({"epoch_minutes": 0.0}, "epoch_minutes"),
        ({"synthetic_clips_per_word": -1}, "synthetic_clips_per_word"),
        ({"augment": AugmentConfig(shift_ms=10.0)}, "shift_ms"),
        ({"augment": AugmentConfig(background_probability=0.5)}, "background_probability"),
    ],
)
def test_mistakes(root: Path, options, message):
    with pytest.raises(ValueError, match=message):
        streams(root, **options)


def test_a_split_without_other_words(root: Path):
    for word in ALL_WORDS:
        if word not in TEN_WORDS:
            for path in (root / word).glob("0_*"):
                path.unlink()
    listed = (root / "validation_list.txt").read_text().split()
    kept = [name for name in listed if name.split("/")[0] in TEN_WORDS]
    (root / "validation_list.txt").write_text("".join(f"{name}\n" for name in kept))
    with pytest.raises(UserError, match="no clips of any other word"):
        next(iter(streams(root).val_dataloader()))


def test_synthetic_words_are_for_training(root: Path, monkeypatch: pytest.MonkeyPatch):
    from s4audio.data.cache import Source

    spoken = root / "go" / "2_nohash_0.wav"
    sources = [
        Source(spoken, f"{split}/{word}/en_0.wav", word, split)
        for split in ("train", "validation", "testing")
        for word in ("go", "bed")
    ]
    monkeypatch.setattr("s4audio.data.synthetic.SyntheticSpeech.sources", lambda self: sources)
    plain, more = streams(root), streams(root, synthetic_clips_per_word=5)
    assert len(more.split("train")) == len(plain.split("train")) + 2
    assert more.split("validation").names == plain.split("validation").names
    assert more.split("testing").names == plain.split("testing").names


def test_extra_clips_are_keywords_or_unknown_and_for_training(root: Path, tmp_path: Path):
    extra = tmp_path / "spoken"
    for word in ("go", "turn_it"):
        (extra / word).mkdir(parents=True)
        shutil.copy(root / "go" / "2_nohash_0.wav", extra / word / "voice00000_nohash_0.wav")
    plain, more = streams(root), streams(root, extra=str(extra))
    train = more.split("train")
    added = {
        name: train.labels[target]
        for name, target in zip(train.names, train.targets, strict=True)
        if name.startswith("added/")
    }
    assert added == {
        "added/go/voice00000_nohash_0.wav": "go",
        "added/turn_it/voice00000_nohash_0.wav": "_unknown_",
    }
    assert len(train) == len(plain.split("train")) + 2
    for split in ("validation", "testing"):
        assert more.split(split).names == plain.split(split).names
    with pytest.raises(UserError, match=r"extra=.*nowhere: no clips WORD/NAME\.wav here"):
        streams(root, extra=tmp_path / "nowhere")


def test_half_of_the_other_words_are_synthetic(root: Path, monkeypatch: pytest.MonkeyPatch):
    from s4audio.data.cache import Source
    from s4audio.data.streams.words import Words

    spoken = root / "go" / "2_nohash_0.wav"
    sources = [Source(spoken, f"train/{word}/en_0.wav", word, "train") for word in ("go", "apple")]
    monkeypatch.setattr("s4audio.data.synthetic.SyntheticSpeech.sources", lambda self: sources)
    data = streams(root, synthetic_clips_per_word=1)
    data.prepare_data()
    store, rows = data._open(), data._rows["train"]
    words = Words(store, rows, data.labels, data.words, data.sample_rate)
    shares = np.linspace(0, 1, 1000, endpoint=False)
    chosen = words.choose(np.zeros(1000, bool), shares, shares * 0)
    synthetic = np.array([words.clips.names[row].startswith("added/") for row in chosen])
    assert synthetic.sum() == 500
    assert {words.clips.names[row] for row in chosen[synthetic]} == {"added/train/apple/en_0.wav"}
    keywords = words.choose(np.ones(1000, bool), shares, shares * 0)
    assert {words.clips.targets[row] for row in keywords} <= set(range(len(data.words)))

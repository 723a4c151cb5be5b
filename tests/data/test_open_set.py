"""The 12-class protocol: which clips are `_unknown_` and `_silence_`."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.data import AudioDataModule, KeywordStreams, SpeechCommands, open_audio
from s4audio.data.cache import Source
from s4audio.data.open_set import (
    SILENCE,
    UNKNOWN,
    class_sizes,
    silence_clips,
    unknown_clips,
)
from s4audio.data.speech_commands_files import TEN_WORDS, find_speech_commands
from s4audio.errors import UserError

RATE = 16_000
SPLITS = ("train", "validation", "testing")


def clips(word: str, count: int, part: str = "train") -> list[Source]:
    return [Source(Path(f"{n}.wav"), f"{word}/{part}{n}.wav", word, part) for n in range(count)]


def test_sizes_are_the_published_ones():
    counts = {"train": 30769, "validation": 3703, "testing": 4074}
    keywords = [clip for part, count in counts.items() for clip in clips("yes", count, part)]
    assert class_sizes(keywords) == {"train": 3077, "validation": 371, "testing": 408}


def test_which_other_words_are_unknown():
    others = clips("cat", 30) + clips("dog", 20) + clips("dog", 3, "testing")
    drawn = unknown_clips(others, {"train": 25, "validation": 4, "testing": 10})
    assert {clip.label for clip in drawn} == {UNKNOWN}
    assert Counter(clip.part for clip in drawn) == {"train": 25, "testing": 3}
    assert {clip.name.split("/")[0] for clip in drawn if clip.part == "train"} == {"cat", "dog"}
    # A clip that is drawn from many is drawn from some of them.
    part = others[:20] + others[30:40]
    fewer = unknown_clips(part, {"train": 25})
    assert {c.name for c in drawn} & {c.name for c in part} <= {c.name for c in fewer}


def test_silence_is_noise_of_the_splits_own_part_of_the_recording(tmp_path: Path):
    # 100 s whose samples tell the second they come from.
    recording = np.repeat(np.arange(1, 101) / 200, 400)
    soundfile.write(tmp_path / "steps.wav", recording, 400, subtype="PCM_16")
    sizes = {"train": 40, "validation": 20, "testing": 20}
    drawn = silence_clips([tmp_path / "steps.wav"], sizes)
    assert Counter(clip.part for clip in drawn) == sizes
    assert {clip.label for clip in drawn} == {SILENCE}
    silent = 0
    for clip in drawn:
        samples, rate = soundfile.read(clip.path)
        assert (len(samples), rate) == (400, 400)
        silent += not samples.any()
    assert 1 <= silent <= 20
    again = silence_clips([tmp_path / "steps.wav"], sizes)
    assert [clip.path for clip in again] == [clip.path for clip in drawn]
    soundfile.write(tmp_path / "steps.wav", -recording, 400, subtype="PCM_16")  # of the same size
    other = silence_clips([tmp_path / "steps.wav"], sizes)
    assert not {clip.path for clip in other} & {clip.path for clip in drawn}


def test_silence_needs_recordings():
    with pytest.raises(UserError, match="_background_noise_"):
        silence_clips([], {"train": 1, "validation": 1, "testing": 1})


def test_unreadable_recordings_can_be_skipped(tmp_path: Path, write_wav):
    bad, good = tmp_path / "bad.wav", write_wav(tmp_path / "good.wav")
    bad.write_text("not audio")
    sizes = {"train": 3, "validation": 1, "testing": 1}
    with pytest.raises(UserError, match=r"bad\.wav: not readable"):
        silence_clips([bad, good], sizes)
    with pytest.raises(UserError, match=r"bad\.wav: not readable"):
        silence_clips([bad], sizes, skip_bad_files=True)
    drawn = silence_clips([bad, good], sizes, skip_bad_files=True)
    assert all(clip.path.is_file() for clip in drawn)


@pytest.mark.parametrize("module", [SpeechCommands, KeywordStreams])
def test_data_sets_skip_unreadable_recordings(speech_commands: Path, module: type[AudioDataModule]):
    pytest.importorskip("torchaudio")
    tree = find_speech_commands(speech_commands)
    (tree / "_background_noise_" / "bad.wav").write_text("not audio")
    words = {"words": 12} if module is SpeechCommands else {}
    with pytest.raises(UserError, match=r"bad\.wav: not readable"):
        module(speech_commands, **words).prepare_data()
    data = module(speech_commands, skip_bad_files=True, **words)
    data.prepare_data()
    assert len(data.split("testing")) > 0


@pytest.fixture
def twelve(speech_commands: Path) -> SpeechCommands:
    pytest.importorskip("torchaudio")
    data = SpeechCommands(speech_commands, words=12)
    data.prepare_data()
    return data


def test_the_classes_of_a_split(twelve: SpeechCommands, speech_commands: Path):
    assert twelve.labels == [*TEN_WORDS, UNKNOWN, SILENCE]
    ten = SpeechCommands(speech_commands, words=10)
    for name in SPLITS:
        split, keywords = twelve.split(name), len(ten.split(name))
        counts = Counter(split.targets.tolist())
        extra = -(-keywords // 10)
        assert (counts[10], counts[11]) == (extra, extra)
        assert len(split) == keywords + 2 * extra
        unknown = [n for n, t in zip(split.names, split.targets, strict=True) if t == 10]
        assert not {word.split("/")[0] for word in unknown} & set(TEN_WORDS)
    assert not set(twelve.split("train").names) & set(twelve.split("testing").names)
    batch = next(iter(twelve.train_dataloader()))
    assert batch.inputs.shape == (32, RATE, 1)


def test_the_draw_does_not_depend_on_the_seed(twelve: SpeechCommands, speech_commands: Path):
    other = SpeechCommands(speech_commands, words=12, seed=5)
    for name in SPLITS:
        assert other.split(name).names == twelve.split(name).names


def test_a_model_of_these_classes_opens_the_data(twelve: SpeechCommands, speech_commands: Path):
    opened = open_audio(speech_commands, labels=twelve.labels, sample_rate=RATE)
    assert opened.split("testing").names == twelve.split("testing").names
    with pytest.raises(UserError, match="at least one"):
        SpeechCommands(speech_commands, words=[UNKNOWN, SILENCE])


def test_real_counts(real_data: Path):
    pytest.importorskip("torchaudio")
    data = SpeechCommands(real_data, words=12)
    data.prepare_data()
    counts = [Counter(data.split(name).targets.tolist()) for name in SPLITS]
    # Fewer other words than a tenth in testing: this copy has no more.
    assert [(c[10], c[11]) for c in counts] == [(276, 276), (27, 27), (37, 42)]

"""Generated commands: content, splits, determinism and the cache."""

import csv
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.data import synthetic
from s4audio.data.common_words import COMMON_WORDS
from s4audio.data.espeak import Espeak
from s4audio.data.opening import from_description, open_audio
from s4audio.data.synthetic import SyntheticSpeech
from s4audio.data.synthetic_voices import ACCENTS, SPLITS, VARIANTS
from s4audio.errors import UserError

pytest.importorskip("espeakng_loader", reason="the extra 'synthetic' is not installed")

WORDS = ["yes", "left"]


def small(root: Path, synthesis_seed: int = 0) -> SyntheticSpeech:
    return SyntheticSpeech(root, WORDS, clips_per_word=5, synthesis_seed=synthesis_seed)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small data set; tests that change it take a copy."""
    root = tmp_path_factory.mktemp("synthetic")
    small(root).sources()
    return root


@pytest.fixture
def data(generated, tmp_path) -> SyntheticSpeech:
    return small(Path(shutil.copytree(generated, tmp_path / "root")))


@pytest.fixture
def no_engine(monkeypatch) -> None:
    """Let every attempt to synthesise fail."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)


def rows(data: SyntheticSpeech) -> list[dict[str, str]]:
    with (data.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}


def test_splits_hold_the_clips_asked_for(data):
    data.prepare_data()
    assert [len(data.split(split)) for split in SPLITS] == [10, 2, 2]
    assert data.labels == WORDS
    assert data.sample_rate == 16_000
    for split in SPLITS:
        clips = data.split(split)
        assert np.bincount(clips.targets).tolist() == [len(clips) // 2] * 2
        assert set(clips.sizes()) == {16_000}


def test_defaults():
    data = SyntheticSpeech()
    assert data.labels == ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
    assert data.clips_per_word == 400
    assert data.folder.parent.name == "synthetic_speech"
    assert not data.folder.exists()


def test_batches(data):
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (10, 16_000, 1)
    assert sorted(batch.targets.tolist()) == [0] * 5 + [1] * 5


def test_clips_are_audible_and_not_clipped(data):
    for row in rows(data):
        samples, rate = soundfile.read(data.folder / row["path"], dtype="int16")
        assert (rate, samples.shape) == (16_000, (16_000,))
        level = 20 * np.log10(np.sqrt(np.mean((samples / 32768.0) ** 2)))
        assert -45 < level < -12
        assert np.abs(samples.astype(int)).max() < 32767


def test_generation_depends_on_the_seed_alone(data, tmp_path):
    with Espeak() as engine:
        engine.synthesize("something said before", "en-gb+croak")
        again = small(tmp_path / "again")
        again.sources()
    assert contents(again.folder) == contents(data.folder)
    assert rows(again) == rows(data)
    other = small(tmp_path / "again", synthesis_seed=1)
    other.sources()
    assert other.folder != again.folder
    assert not set(contents(other.folder).values()) & set(contents(again.folder).values())


def test_no_two_clips_are_the_same(data):
    clips = contents(data.folder)
    assert len(set(clips.values())) == len(clips) == 14


def test_voices_and_variants_are_in_one_split_only(data):
    names = [name for split in SPLITS for name in VARIANTS[split]]
    assert len(set(names)) == len(names)
    speakers = {
        split: {r["speaker"] for r in rows(data) if r["split"] == split} for split in SPLITS
    }
    assert [len(speakers[split]) for split in SPLITS] == [5, 1, 1]
    for split, names in speakers.items():
        for name in names:
            accent, variant = name.split("+")
            assert accent in ACCENTS
            assert variant in VARIANTS[split]


def test_one_string_is_no_list_of_words():
    with pytest.raises(UserError, match="words='lights' is one string: give a list of words"):
        SyntheticSpeech(words="lights")  # type: ignore[arg-type]


def test_common_words_are_the_commands_and_everyday_words():
    data = SyntheticSpeech(words="common")
    assert data.labels[:10] == SyntheticSpeech().labels
    assert tuple(data.labels[10:]) == COMMON_WORDS


def test_words_of_ones_own(tmp_path):
    data = SyntheticSpeech(tmp_path, ["Crème, brûlée", "turn it on"], clips_per_word=1)
    assert data.labels == ["Crème, brûlée", "turn it on"]
    data.prepare_data()
    assert data.split("train").names == [
        f"train/{word}/{rows(data)[0]['speaker']}_0.wav" for word in ("crème_brûlée", "turn_it_on")
    ]
    assert data.split("testing").targets.tolist() == [0, 1]


@pytest.mark.parametrize("words", [[], ["yes", "yes"], ["yes", "Yes!"], ["yes", " "], ["?"]])
def test_words_that_are_empty_or_alike(words):
    with pytest.raises(UserError, match="give at least one"):
        SyntheticSpeech(words=words)


def test_numbers_out_of_range():
    with pytest.raises(ValueError, match="clips_per_word must be at least 1, got 0"):
        SyntheticSpeech(clips_per_word=0)
    with pytest.raises(ValueError, match="synthesis_seed must not be negative, got -1"):
        SyntheticSpeech(synthesis_seed=-1)


@pytest.mark.usefixtures("no_engine")
def test_an_intact_folder_is_used_as_it_is(data):
    assert len(data.sources()) == 14


@pytest.mark.usefixtures("no_engine")
def test_missing_package_names_the_extra_and_leaves_nothing(tmp_path):
    data = small(tmp_path)
    with pytest.raises(UserError, match=r"pip install 's4audio\[synthetic\]'"):
        data.prepare_data()
    assert list(tmp_path.glob("*_words_*")) == []


def _remove_clip(folder: Path) -> None:
    next(folder.rglob("*.wav")).unlink()


def _truncate_clip(folder: Path) -> None:
    path = next(folder.rglob("*.wav"))
    path.write_bytes(path.read_bytes()[:1000])


def _flip_a_bit(folder: Path) -> None:
    path = next(folder.rglob("*.wav"))
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)


def _relabel(folder: Path) -> None:
    path = folder / "manifest.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",yes,", ",left,"), encoding="utf-8")


def _shorten_checksums(folder: Path) -> None:
    path = folder / "checksums.sha256"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]))


def _older_generator(folder: Path) -> None:
    path = folder / "parameters.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["parameters"]["generator"] -= 1
    path.write_text(json.dumps(state), encoding="utf-8")


def _break_parameters(folder: Path) -> None:
    (folder / "parameters.json").write_text("[", encoding="utf-8")


def _remove_parameters(folder: Path) -> None:
    (folder / "parameters.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _remove_clip,
        _truncate_clip,
        _flip_a_bit,
        _relabel,
        _shorten_checksums,
        _older_generator,
        _break_parameters,
        _remove_parameters,
    ],
)
def test_a_damaged_or_stale_folder_is_generated_anew(data, damage):
    before, table = contents(data.folder), rows(data)
    damage(data.folder)
    data.sources()
    assert contents(data.folder) == before
    assert rows(data) == table
    assert [path.name for path in data.folder.parent.iterdir()] == [data.folder.name]


def test_an_interrupted_generation_leaves_no_folder(monkeypatch, tmp_path):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    data = small(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "say", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.prepare_data()
    assert list(tmp_path.iterdir()) == []
    data.prepare_data()
    assert len(data.split("train")) == 10


def test_another_process_that_finishes_first_is_respected(generated, tmp_path, monkeypatch):
    data = small(tmp_path)
    seal = synthetic._seal

    def seal_late(folder: Path, parameters: dict[str, object]) -> None:
        seal(folder, parameters)
        # rmtree would clear the way: let the other process appear after it.
        remove = shutil.rmtree

        def remove_then_appear(path: Path, ignore_errors: bool = False) -> None:
            remove(path, ignore_errors=ignore_errors)
            if path == data.folder:
                shutil.copytree(generated / data.folder.name, data.folder)

        monkeypatch.setattr(synthetic.shutil, "rmtree", remove_then_appear)

    monkeypatch.setattr(synthetic, "_seal", seal_late)
    assert len(data.sources()) == 14
    assert [path.name for path in tmp_path.iterdir()] == [data.folder.name]


def test_checksums_are_in_the_usual_format(data):
    lines = (data.folder / "checksums.sha256").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 15  # clips and table
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((data.folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.usefixtures("no_engine")
def test_description_rebuilds_the_data(data):
    described = json.loads(json.dumps(data.describe()))
    rebuilt = from_description(described)
    assert isinstance(rebuilt, SyntheticSpeech)
    assert rebuilt.folder == data.folder
    assert rebuilt.describe() == data.describe()
    slow = from_description(described, {"sample_rate": 8_000})
    slow.prepare_data()
    assert set(slow.split("testing").sizes()) == {8_000}


def test_the_folder_opens_as_a_manifest(data):
    opened = open_audio(data.folder, labels=["left", "yes"], sample_rate=16_000)
    opened.prepare_data()
    assert sorted(opened.split("testing").targets.tolist()) == [0, 1]

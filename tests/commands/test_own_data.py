"""Which recordings a checkpoint is scored on."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from s4audio.commands.own_data import chosen_data
from s4audio.data import AudioFolder, AudioManifest, DataModule, KeywordStreams, SpeechCommands
from s4audio.errors import UserError

LABELS, RATE = ["high", "low"], 16_000


def saved(data: DataModule, folder: Path, **arguments: Any) -> Path:
    """A checkpoint that was trained on some data."""
    description = data.describe()
    description["arguments"].update(arguments)
    torch.save({"s4audio": {"data": description}}, folder / "a.ckpt")
    return folder / "a.ckpt"


def manifest(tones: Path, table: Path) -> Path:
    clips = sorted(tones.rglob("*.wav"))
    rows = [f"{clip},{clip.parent.name}\n" for clip in clips]
    table.write_text("path,label\n" + "".join(rows))
    return table


def test_the_same_folder_is_divided_as_in_training(tones: Path, tmp_path: Path) -> None:
    checkpoint = saved(AudioFolder(tones, testing=0.3), tmp_path)
    for data in (None, tones, tones / "low" / ".."):
        module = chosen_data(checkpoint, data, LABELS, RATE)
        assert isinstance(module, AudioFolder)
        assert module.testing == 0.3
    other = tmp_path / "high-and-low"
    other.symlink_to(tones)
    assert chosen_data(checkpoint, other, LABELS, RATE).testing == 0.3
    everything = chosen_data(tmp_path / "model", tones, LABELS, RATE)
    assert everything.testing == 1.0
    assert everything.labels == LABELS


def test_the_same_table_is_divided_as_in_training(tones: Path, tmp_path: Path) -> None:
    table = manifest(tones, tmp_path / "manifest.csv")
    checkpoint = saved(AudioManifest(table, testing=0.3), tmp_path)
    for data in (None, table, tmp_path):
        module = chosen_data(checkpoint, data, LABELS, RATE)
        assert isinstance(module, AudioManifest)
        assert module.testing == 0.3
    other = manifest(tones, tmp_path / "other.csv")
    assert chosen_data(checkpoint, other, LABELS, RATE).testing == 1.0


def test_a_model_that_does_not_know_its_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.onnx does not say .* --data DIR"):
        chosen_data(tmp_path / "model.onnx", None, LABELS, RATE)


def test_a_table_that_is_gone(tones: Path, tmp_path: Path) -> None:
    table = manifest(tones, tmp_path / "words.csv")
    checkpoint = saved(AudioManifest(table), tmp_path)
    table.unlink()
    with pytest.raises(UserError, match=r"words\.csv, the data that .* --data DIR"):
        chosen_data(checkpoint, None, LABELS, RATE)


@pytest.mark.parametrize("kind", [SpeechCommands, KeywordStreams])
def test_training_clips_that_are_gone_do_not_matter(
    kind: type[SpeechCommands | KeywordStreams], tmp_path: Path
) -> None:
    checkpoint = saved(kind(tmp_path, extra=tmp_path / "more"), tmp_path)
    module = chosen_data(checkpoint, None, LABELS, RATE)
    assert isinstance(module, kind)
    assert module.extra is None
    (tmp_path / "more").mkdir()
    assert chosen_data(checkpoint, None, LABELS, RATE).extra == str(tmp_path / "more")


def test_no_espeak_is_needed_for_real_test_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved(KeywordStreams(tmp_path, synthetic_clips_per_word=7), tmp_path)
    monkeypatch.setattr("s4audio.commands.own_data.find_spec", lambda name: object())
    assert chosen_data(checkpoint, None, LABELS, RATE).synthetic_clips_per_word == 7
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert chosen_data(checkpoint, None, LABELS, RATE).synthetic_clips_per_word == 0

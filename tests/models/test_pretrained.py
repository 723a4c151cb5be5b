"""Saving and loading; damaged, foreign and dangerous files."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

import s4audio
from s4audio import SequenceClassifier, UserError
from s4audio.models.pretrained import CONFIG_NAME, WEIGHTS_NAME


@pytest.fixture
def model() -> SequenceClassifier:
    return s4audio.create_model(
        "s4", classes=2, labels=["no", "yes"], d_model=4, n_layers=1, d_state=4, length=64
    ).eval()


@pytest.mark.parametrize("kind", ["s4", "s4d", "dss", "sgconv"])
def test_round_trip(kind: str, tmp_path: Path) -> None:
    model = s4audio.create_model(
        kind, classes=2, labels=["no", "yes"], sample_rate=8000, d_model=4, n_layers=1, length=64
    ).eval()
    model.save_pretrained(tmp_path / "saved")
    again = SequenceClassifier.from_pretrained(tmp_path / "saved")
    assert (again.labels, again.sample_rate) == (("no", "yes"), 8000)
    assert again.config == model.config
    assert not again.training
    x = torch.randn(1, 64, 1)
    assert torch.equal(again(x), model(x))
    assert sorted(p.name for p in (tmp_path / "saved").iterdir()) == [CONFIG_NAME, WEIGHTS_NAME]


def test_saving_again_replaces(model: SequenceClassifier, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    model.decoder.bias.data += 1
    model.save_pretrained(tmp_path)
    assert torch.equal(s4audio.load(tmp_path).decoder.bias, model.decoder.bias)


@pytest.mark.parametrize("name", [CONFIG_NAME, WEIGHTS_NAME])
def test_incomplete_folder(name: str, model: SequenceClassifier, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}"):
        s4audio.load(tmp_path)


@pytest.mark.parametrize("name", [CONFIG_NAME, WEIGHTS_NAME])
def test_truncated_file(name: str, model: SequenceClassifier, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"{name} is (damaged|not valid JSON)"):
        s4audio.load(tmp_path)


def test_weights_of_another_config(model: SequenceClassifier, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    description = json.loads((tmp_path / CONFIG_NAME).read_text())
    description["config"]["d_model"] = 8
    (tmp_path / CONFIG_NAME).write_text(json.dumps(description))
    with pytest.raises(UserError, match="do not fit its config"):
        s4audio.load(tmp_path)
    description["config"]["d_modle"] = 8
    (tmp_path / CONFIG_NAME).write_text(json.dumps(description))
    with pytest.raises(UserError, match="did you mean 'd_model'"):
        s4audio.load(tmp_path)


def test_unknown_name() -> None:
    with pytest.raises(UserError, match="no folder or checkpoint at nothing-here"):
        s4audio.load("nothing-here")


class Bomb:
    """Pickled, it would make a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickles_are_never_executed(tmp_path: Path) -> None:
    target = tmp_path / "executed"
    torch.save({"s4audio": Bomb(target)}, tmp_path / "zip.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Bomb(target)))
    for name in ("zip.ckpt", "plain.ckpt"):
        with pytest.raises(UserError, match=r"could run code|damaged"):
            s4audio.load(tmp_path / name)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut"])
def test_foreign_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        s4audio.load(path)


def test_checkpoint_of_another_project(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="import-checkpoint"):
        s4audio.load(tmp_path / "other.ckpt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_cannot_be_written(model: SequenceClassifier, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot write the model"):
        model.save_pretrained(tmp_path / "saved")


def test_full_disk(model: SequenceClassifier, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        with pytest.raises(UserError, match="cannot write the model"):
            model.save_pretrained(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_folder_that_is_a_file(model: SequenceClassifier, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the model"):
        model.save_pretrained(tmp_path / "file")


def test_a_checkpoint_of_another_task(tmp_path: Path) -> None:
    path = tmp_path / "forecast.ckpt"
    torch.save({"s4audio": {"task": "ForecastingTask", "config": {}}, "state_dict": {}}, path)
    with pytest.raises(UserError, match="a checkpoint of a ForecastingTask"):
        s4audio.load(path)

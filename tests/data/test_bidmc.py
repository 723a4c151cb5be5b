"""BIDMC: the archive's text, the S4 code's arrays, and the splits."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data.bidmc import BIDMC, shuffled_thirds
from s4audio.errors import UserError

PARTS = ("train", "validation", "testing")
TIME = 20


def windows(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows whose values and target are their number."""
    targets = np.arange(first, first + count, dtype=np.float32)
    signs = np.array([1, -1], dtype=np.float32)
    return np.broadcast_to(targets[:, None, None] * signs, (count, TIME, 2)), targets


def write_ts(path: Path, series: np.ndarray, targets: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        ":".join([*(",".join(map(str, signal)) for signal in row.T.tolist()), str(target)])
        for row, target in zip(series, targets, strict=True)
    ]
    path.write_text("\n".join(["@problemName x", "@data", *lines]))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """70 training and 30 test windows of the heart rate."""
    root = tmp_path / "archive"
    write_ts(root / "HR" / "BIDMC32HR_TRAIN.ts", *windows(70, 0))
    write_ts(root / "HR" / "BIDMC32HR_TEST.ts", *windows(30, 70))
    return root


def numbers(data: BIDMC, part: str) -> list[int]:
    return data.split(part).targets.astype(int).tolist()


@pytest.mark.parametrize("count", [3, 10, 100, 7949])
def test_reshuffled_split_against_scikit_learn(count: int):
    train_test_split = pytest.importorskip("sklearn.model_selection").train_test_split
    train, rest = train_test_split(np.arange(count), test_size=0.3, random_state=0)
    split = shuffled_thirds(count)
    assert split["train"].tolist() == train.tolist()
    if len(rest) > 1:
        validation, test = train_test_split(rest, test_size=0.5, random_state=1)
        assert split["validation"].tolist() == validation.tolist()
        assert split["testing"].tolist() == test.tolist()


def test_reshuffled_windows_keep_their_targets(archive: Path):
    data = BIDMC(archive)
    found = [number for part in PARTS for number in numbers(data, part)]
    assert sorted(found) == list(range(100))
    assert [len(data.split(part)) for part in PARTS] == [70, 15, 15]
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (32, TIME, 2)
    assert batch.inputs.dtype == batch.targets.dtype == torch.float32
    assert torch.equal(batch.inputs[:, 0, 0], batch.targets)
    assert torch.equal(batch.inputs[:, -1, 1], -batch.targets)
    assert batch.lengths.tolist() == [TIME] * 32


def test_original_split(archive: Path):
    data = BIDMC(archive, reshuffle=False)
    assert numbers(data, "train") == list(range(60))
    assert numbers(data, "validation") == list(range(60, 70))
    assert numbers(data, "testing") == list(range(70, 100))
    assert data.target_statistics() == pytest.approx((29.5, np.arange(60).std()))


@pytest.mark.parametrize("folder", [".", "BIDMC32HR"])
def test_files_may_lie_elsewhere(archive: Path, folder: str):
    for file in (archive / "HR").iterdir():
        (archive / folder).mkdir(exist_ok=True)
        file.rename(archive / folder / file.name)
    assert len(BIDMC(archive).split("train")) == 70


def test_text_is_read_once_and_again_when_it_changes(archive: Path, cache: Path):
    BIDMC(archive).prepare_data()
    assert len(list((cache / "bidmc").iterdir())) == 1
    write_ts(archive / "HR" / "BIDMC32HR_TEST.ts", *windows(20, 70))
    assert len(BIDMC(archive, reshuffle=False).split("testing")) == 20


def test_an_interrupted_reading_leaves_nothing(
    archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            BIDMC(archive).prepare_data()
    assert not list((cache / "bidmc").iterdir())
    assert len(BIDMC(archive).split("train")) == 70


def test_arrays_of_the_s4_code(tmp_path: Path):
    folder = tmp_path / "RR" / "reshuffle"
    folder.mkdir(parents=True)
    for first, prefix in enumerate(("train", "valid", "test")):
        series, targets = windows(4, 10 * first)
        np.save(folder / f"{prefix}x.npy", series.astype(np.float64))
        np.save(folder / f"{prefix}y.npy", targets)
    data = BIDMC(tmp_path, target="RR", batch_size=4)
    assert numbers(data, "validation") == [10, 11, 12, 13]
    (batch,) = data.test_dataloader()
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs[:, 0, 0].tolist() == [20, 21, 22, 23]
    assert (data.labels, data.unit, data.sample_rate) == (["RR"], "breaths a minute", 125)


def test_arrays_of_another_shape_are_refused(tmp_path: Path):
    folder = tmp_path / "HR" / "original"
    folder.mkdir(parents=True)
    for prefix in ("train", "valid", "test"):
        np.save(folder / f"{prefix}x.npy", np.zeros((4, 2, TIME)))
        np.save(folder / f"{prefix}y.npy", np.zeros(4))
    with pytest.raises(UserError, match=r"trainx.npy has the shape \(4, 2, 20\)"):
        BIDMC(tmp_path, reshuffle=False).prepare_data()
    (folder / "validx.npy").unlink()
    np.save(folder / "trainx.npy", np.zeros((4, TIME, 2)))
    with pytest.raises(UserError, match=r"validx.npy and validy.npy: .*No such file"):
        BIDMC(tmp_path, reshuffle=False).prepare_data()


def test_what_is_missing_is_said(tmp_path: Path):
    with pytest.raises(UserError, match="target is 'hr'; there are HR, RR, SpO2"):
        BIDMC(tmp_path, target="hr")
    with pytest.raises(UserError, match=r"neither BIDMC32HR_TRAIN.ts and .* correct data.root"):
        BIDMC(tmp_path).prepare_data()


def test_description_rebuilds_it(archive: Path):
    data = BIDMC(archive, reshuffle=False, batch_size=3)
    description = json.loads(json.dumps(data.describe()))
    assert BIDMC(**description["arguments"]).describe() == description

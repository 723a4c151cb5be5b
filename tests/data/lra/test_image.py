"""Image: grey CIFAR-10."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from s4audio.data.lra import GreyCifar10
from s4audio.data.lra.image import to_grey
from s4audio.errors import UserError


def write(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    """Pictures (n, 32, 32, 3) in the binary format, a sixth in each file."""
    folder.mkdir(parents=True)
    records = np.concatenate(
        [labels[:, None], pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)], axis=1
    )
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    for name, some in zip(names, np.array_split(records.astype(np.uint8), 6), strict=True):
        (folder / name).write_bytes(some.tobytes())


@pytest.fixture
def pictures(tmp_path: Path) -> np.ndarray:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (60, 32, 32, 3), np.uint8)
    write(tmp_path / "cifar-10-batches-bin", pixels, np.arange(60) % 10)
    return pixels


def test_grey_as_pillow_makes_it(pictures: np.ndarray):
    theirs = np.stack([np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures])
    ours = to_grey(pictures.transpose(0, 3, 1, 2).reshape(60, 3, -1))
    assert (ours == theirs.reshape(60, -1)).all()


def test_splits_and_batches(tmp_path: Path, pictures: np.ndarray):
    data = GreyCifar10(tmp_path, batch_size=5)
    parts = {name: data.split(name).names for name in ("train", "validation", "testing")}
    assert [len(names) for names in parts.values()] == [45, 5, 10]
    assert parts["testing"] == [f"test_batch.bin:{row}" for row in range(10)]
    assert len({name for names in parts.values() for name in names}) == 60
    batch = next(iter(data.test_dataloader()))
    grey = np.asarray(Image.fromarray(pictures[50]).convert("L"))
    assert torch.equal(batch.inputs[0], torch.from_numpy(grey.copy()).reshape(-1, 1) / 255)
    assert batch.targets.tolist() == [0, 1, 2, 3, 4]
    assert data.vocabulary is None


def test_statistics_fit_real_pictures(real_data: Path, tmp_path: Path):
    with np.load(real_data / "CIFAR10-jpeg-subset" / "cifar10_subset.npz") as subset:
        write(tmp_path / "all", subset["x_train"], subset["y_train"].reshape(-1))
    data = GreyCifar10(tmp_path / "all")
    rows = data.split("train")
    pixels = rows.__getitems__(range(len(rows)))
    mean, std = data.statistics()
    assert abs(float(pixels.inputs.mean()) - mean) < 0.02
    assert abs(float(pixels.inputs.std()) - std) < 0.02


def test_damaged_folders(tmp_path: Path, pictures: np.ndarray):
    with pytest.raises(UserError, match="download=True"):
        GreyCifar10(tmp_path / "nowhere").prepare_data()
    path = tmp_path / "cifar-10-batches-bin" / "test_batch.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(UserError, match="records of 3073 bytes"):
        GreyCifar10(tmp_path).prepare_data()
    path.write_bytes(b"\x0a" + content[1:])
    with pytest.raises(UserError, match="a label above 9"):
        GreyCifar10(tmp_path).prepare_data()
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        GreyCifar10(tmp_path).prepare_data()

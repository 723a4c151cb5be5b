"""Sequential CIFAR-10."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from s4audio.data.pixels import SequentialCifar10
from s4audio.data.pixels import cifar as module
from s4audio.errors import UserError

MEAN, STD = np.array([0.4914, 0.4822, 0.4465]), np.array([0.247, 0.243, 0.261])


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("version", ["py", "bin"])
def test_both_versions_give_standardised_colours(version: str, write_cifar, planes: np.ndarray):
    data = SequentialCifar10(write_cifar(version), batch_size=4)
    batch = next(iter(data.test_dataloader()))
    assert batch.inputs.shape == (4, 1024, 3)
    pixels = planes[50:54].reshape(4, 3, 1024).transpose(0, 2, 1) / 255
    np.testing.assert_allclose(batch.inputs.numpy(), (pixels - MEAN) / STD, atol=1e-5)
    assert batch.targets.tolist() == [0, 1, 2, 3]
    assert [len(data.split(n)) for n in ("train", "validation", "testing")] == [45, 5, 10]
    assert data.labels[3] == "cat"
    assert data.d_input == 3


def test_the_folder_itself(write_cifar):
    root = write_cifar("py") / "cifar-10-batches-py"
    assert len(SequentialCifar10(root).split("testing")) == 10


def test_an_archive_of_arrays(tmp_path: Path):
    pictures = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
    arrays = {"x_train": pictures, "y_train": np.arange(12)[:, None] % 10}
    np.savez(tmp_path / "a.npz", **arrays, x_test=pictures[:2], y_test=np.arange(2))
    batch = SequentialCifar10(tmp_path / "a.npz").split("testing").__getitems__([1])
    expected = (pictures[1].reshape(1024, 3) / 255 - MEAN) / STD
    np.testing.assert_allclose(batch.inputs.numpy()[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": None}, "not an archive with x_train, y_train, x_test, y_test"),
        ({"x_test": np.zeros((2, 28, 28), np.uint8)}, "holds uint8 .2, 28, 28., not uint8"),
        ({"x_test": np.zeros((2, 32, 32, 3))}, "holds float64"),
        ({"y_test": np.array([0, 12])}, "a label outside 0 to 9"),
        ({"y_test": np.array([0])}, "2 pictures and 1 labels"),
    ],
)
def test_archives_of_something_else(change: dict, message: str, tmp_path: Path):
    pictures = np.zeros((2, 32, 32, 3), np.uint8)
    arrays = dict.fromkeys(("x_train", "x_test"), pictures)
    arrays |= {name: np.arange(2) for name in ("y_train", "y_test")}
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message) as caught:
        SequentialCifar10(tmp_path / "a.npz").prepare_data()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b"hello", b"PK\x03\x04 and then nothing"])
def test_damaged_archives(damage: bytes, tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(damage)
    with pytest.raises(UserError, match=r"a\.npz: not an archive"):
        SequentialCifar10(tmp_path / "a.npz").prepare_data()


def test_a_single_array_is_no_archive(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"a\.npz: not an archive"):
        SequentialCifar10(tmp_path / "a.npz").prepare_data()


@pytest.mark.parametrize("version", ["py", "bin"])
def test_truncated_and_missing_files(version: str, write_cifar):
    root = write_cifar(version)
    folder = root / f"cifar-10-batches-{version}"
    path = next(folder.glob("data_batch_3*"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"data_batch_3.*: not a file of CIFAR-10"):
        SequentialCifar10(root).prepare_data()
    path.unlink()
    with pytest.raises(UserError, match=r"data_batch_3.*: not a file of CIFAR-10"):
        SequentialCifar10(root).prepare_data()


def test_nothing_in_a_pickle_is_called(write_cifar, tmp_path: Path):
    root = write_cifar("py")
    bomb = pickle.dumps({b"data": Bomb(tmp_path / "exploded"), b"labels": []})
    (root / "cifar-10-batches-py" / "data_batch_1").write_bytes(bomb)
    with pytest.raises(UserError, match=r"data_batch_1: not a file of CIFAR-10 .it would call"):
        SequentialCifar10(root).prepare_data()
    assert not (tmp_path / "exploded").exists()


def test_download_only_when_asked(write_cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="no cifar-10-batches-py or cifar-10-batches-bin here"):
        SequentialCifar10(tmp_path / "new").prepare_data()
    folder = write_cifar("bin") / "cifar-10-batches-bin"
    asked = []
    monkeypatch.setattr(
        module, "fetch_archive", lambda *arguments: asked.append(arguments) or folder
    )
    SequentialCifar10(tmp_path / "new", download=True).prepare_data()
    assert asked == [(module.URL, module.SHA256, tmp_path / "new", "cifar-10-batches-bin")]


def test_the_real_pictures(real_data: Path):
    data = SequentialCifar10(real_data / "CIFAR10-jpeg-subset" / "cifar10_subset.npz")
    assert [len(data.split(n)) for n in ("train", "validation", "testing")] == [2700, 300, 600]
    inputs = data.split("train").__getitems__(range(2700)).inputs
    assert inputs.mean((0, 1)).abs().max() < 0.1
    assert (inputs.std((0, 1)) - 1).abs().max() < 0.05

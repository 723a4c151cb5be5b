"""Sequential and permuted MNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data.pixels import SequentialMnist
from s4audio.data.pixels import mnist as module
from s4audio.data.pixels.orders import pixel_order
from s4audio.errors import UserError


def test_a_batch_is_the_pixels_row_by_row(mnist: Path):
    batch = next(iter(SequentialMnist(mnist, batch_size=3).test_dataloader()))
    assert batch.inputs.shape == (3, 784, 1)
    assert batch.inputs.dtype == torch.float32
    expected = np.add.outer(np.arange(28), np.arange(28)).reshape(-1)
    expected[0] = 2
    assert torch.equal(batch.inputs[2, :, 0], torch.from_numpy(expected).float() / 255)
    assert batch.lengths.tolist() == [784] * 3
    assert batch.targets.tolist() == batch.indices.tolist() == [0, 1, 2]


def test_splits(mnist: Path):
    data = SequentialMnist(mnist)
    names = {name: data.split(name).names for name in ("train", "validation", "testing")}
    assert [len(split) for split in names.values()] == [36, 4, 10]
    assert sorted(names["train"] + names["validation"]) == sorted(f"train:{n}" for n in range(40))
    assert names["testing"] == [f"test:{n}" for n in range(10)]
    again = SequentialMnist(mnist, seed=5)
    assert again.split("validation").names == names["validation"]
    assert len(SequentialMnist(mnist, validation=0.5).split("validation")) == 20
    for row, name in enumerate(names["train"]):
        number = int(name.split(":")[1])
        assert data.split("train").targets[row] == number % 10
        assert data.split("train")[row].inputs[0, 0, 0] * 255 == pytest.approx(number)


@pytest.mark.parametrize("permutation", ["bit-reversal", "random"])
def test_permutations_move_the_pixels_of_every_split(mnist: Path, permutation: str):
    plain, permuted = SequentialMnist(mnist), SequentialMnist(mnist, permutation=permutation)
    order = pixel_order(permutation, 784)
    for name in ("train", "validation", "testing"):
        there, here = (data.split(name).__getitems__([0, 1]) for data in (plain, permuted))
        assert torch.equal(here.inputs, there.inputs[:, order])
        assert not torch.equal(here.inputs, there.inputs)
        assert here.targets.equal(there.targets)


def test_epochs_have_their_own_order(mnist: Path):
    loader = SequentialMnist(mnist, batch_size=6, seed=3).train_dataloader()
    first, second = ([row for b in loader for row in b.indices.tolist()] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(36))


def test_uncompressed_files_and_the_folder_itself(mnist: Path):
    raw = mnist / "MNIST" / "raw"
    expected = SequentialMnist(mnist).split("testing").__getitems__([4]).inputs
    for path in list(raw.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert torch.equal(SequentialMnist(raw).split("testing").__getitems__([4]).inputs, expected)


def test_an_archive_of_arrays(tmp_path: Path):
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.integers(0, 256, (20, 28, 28), np.uint8),
        "y_train": np.arange(20) % 10,
        "x_test": random.integers(0, 256, (5, 28, 28), np.uint8),
        "y_test": np.arange(5),
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    batch = SequentialMnist(tmp_path / "mnist.npz").split("testing").__getitems__([3])
    assert np.array_equal(batch.inputs.numpy()[0, :, 0] * 255, arrays["x_test"][3].reshape(-1))


def test_download_fetches_four_checked_files(
    mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fetched = []

    def download(url: str, path: Path, sha256: str) -> None:
        fetched.append((url, sha256))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((mnist / "MNIST" / "raw" / path.name).read_bytes())

    monkeypatch.setattr(module, "download", download)
    data = SequentialMnist(tmp_path / "new", download=True)
    data.prepare_data()
    assert len(data.split("testing")) == 10
    assert sorted(url for url, _ in fetched) == sorted(
        f"{module.URL}{part}-{kind}-ubyte.gz"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    )
    assert len({sha256 for _, sha256 in fetched}) == 4
    SequentialMnist(tmp_path / "new", download=True).prepare_data()
    assert len(fetched) == 4


def test_nothing_there(tmp_path: Path):
    with pytest.raises(
        UserError, match=r"nowhere: no MNIST/raw with the four files.*download=True"
    ):
        SequentialMnist(tmp_path / "nowhere").prepare_data()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("truncated", "images-idx3-ubyte.gz: damaged"),
        ("text", "images-idx3-ubyte.gz: damaged"),
        ("short", "images-idx3-ubyte.gz: 31300 bytes do not make 40 x 28 x 28"),
        ("labels", "images-idx3-ubyte.gz: not an IDX file of uint8 with 3 axes"),
        ("empty", "images-idx3-ubyte.gz: not an IDX file"),
    ],
)
def test_damaged_files(mnist: Path, damage: str, message: str):
    path = mnist / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    labels = path.with_name("train-labels-idx1-ubyte.gz").read_bytes()
    path.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "text": b"hello",
            "short": gzip.compress(gzip.decompress(content)[:-60]),
            "labels": labels,
            "empty": gzip.compress(b""),
        }[damage]
    )
    with pytest.raises(UserError, match=message) as caught:
        SequentialMnist(mnist).prepare_data()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([11] * 40, "a label outside 0 to 9"), ([1] * 39, "40 pictures and 39 labels")],
)
def test_labels_that_do_not_fit(mnist: Path, labels: list[int], message: str):
    path = mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    header = bytes([0, 0, 8, 1]) + np.array([len(labels)], ">u4").tobytes()
    path.write_bytes(gzip.compress(header + bytes(labels)))
    with pytest.raises(UserError, match=message):
        SequentialMnist(mnist).prepare_data()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0.0}, "validation must be between 0 and 1"),
        ({"permutation": "zigzag"}, "unknown permutation 'zigzag'"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_bad_arguments(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        SequentialMnist(**options)


def test_a_share_that_leaves_a_split_empty(mnist: Path):
    with pytest.raises(UserError, match="a split has no pictures"):
        SequentialMnist(mnist, validation=0.001).prepare_data()


def test_the_real_digits(real_data: Path):
    data = SequentialMnist(real_data)
    assert [len(data.split(n)) for n in ("train", "validation", "testing")] == [54000, 6000, 10000]
    inputs = data.split("train").__getitems__(range(10_000)).inputs
    mean, std = data.statistics()
    assert inputs.mean().item() == pytest.approx(mean, abs=0.002)
    assert inputs.std().item() == pytest.approx(std, abs=0.002)

"""Small files of pictures in the formats of MNIST and CIFAR-10."""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Write = Callable[..., Path]


def idx(values: np.ndarray) -> bytes:
    """An IDX file of uint8."""
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """40 digits to train and 10 to test; each pixel is its row plus its column."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    picture = np.add.outer(np.arange(28), np.arange(28)).astype(np.uint8)
    for part, count in (("train", 40), ("t10k", 10)):
        images = np.tile(picture, (count, 1, 1))
        images[:, 0, 0] = np.arange(count)  # tells the digits apart
        labels = (np.arange(count) % 10).astype(np.uint8)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path / "data"


@pytest.fixture
def planes() -> np.ndarray:
    """Sixty pictures in the layout of CIFAR-10: red, green and blue planes, row by row."""
    return np.random.default_rng(0).integers(0, 256, (60, 3072), np.uint8)


@pytest.fixture
def write_cifar(tmp_path: Path, planes: np.ndarray) -> Write:
    """Write the sixty pictures, ten a file, in one of the versions."""

    def write(version: str) -> Path:
        root = tmp_path / version
        folder = root / f"cifar-10-batches-{version}"
        folder.mkdir(parents=True)
        names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
        for name, part in zip(names, np.split(planes, 6), strict=True):
            labels = list(range(10))
            if version == "py":
                content = {b"data": part, b"labels": labels, b"batch_label": b"one of six"}
                (folder / name).write_bytes(pickle.dumps(content, protocol=2))
            else:
                records = np.hstack([np.array(labels, np.uint8)[:, None], part])
                (folder / f"{name}.bin").write_bytes(records.tobytes())
        return root

    return write

"""Pictures as rows of tokens."""

from pathlib import Path

import numpy as np
import pytest

from s4audio.data.density import Cifar10Density


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {"y_train": np.arange(20) % 10, "y_test": np.arange(4)}
    for part in ("train", "test"):
        size = (len(arrays[f"y_{part}"]), 32, 32, 3)
        arrays[f"x_{part}"] = random.integers(0, 256, size, np.uint8)
    np.savez(tmp_path / "pictures.npz", **arrays)
    return arrays


def test_each_value_is_predicted_from_those_before(pictures: dict, tmp_path: Path) -> None:
    data = Cifar10Density(tmp_path / "pictures.npz", batch_size=4)
    (batch,) = data.test_dataloader()
    assert batch.targets.numpy().tolist() == pictures["x_test"].reshape(4, 3072).tolist()
    assert batch.inputs[:, 1:].equal(batch.targets[:, :-1])
    assert batch.inputs[:, 0].tolist() == [0] * 4
    # Raster order, red, green and blue of a pixel next to each other.
    assert batch.targets[1, 3 * (32 * 5 + 7) + 2] == pictures["x_test"][1, 5, 7, 2]


def test_splits(pictures: dict, tmp_path: Path) -> None:
    data = Cifar10Density(tmp_path / "pictures.npz", validation=0.2, batch_size=4)
    train, validation = data.split("train").pictures, data.split("validation").pictures
    assert (len(train), len(validation), len(data.split("testing"))) == (16, 4, 4)
    both = {row.tobytes() for row in (*train, *validation)}
    assert both == {row.tobytes() for row in pictures["x_train"].reshape(20, -1)}
    assert len(data.labels) == 256
    epochs = [next(iter(data.train_dataloader())).indices.tolist() for _ in range(2)]
    assert epochs[0] == epochs[1]


def test_mistakes(pictures: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="validation must be between 0 and 1"):
        Cifar10Density(tmp_path, validation=1)
    with pytest.raises(ValueError, match="too few pictures to validate"):
        Cifar10Density(tmp_path / "pictures.npz", validation=0.01).prepare_data()

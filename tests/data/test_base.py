"""What every data set shares."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from s4audio.data import DataModule, audio_from_description, from_description
from s4audio.data.loader import BatchedDataset
from s4audio.data.opening import DATA_MODULES
from s4audio.errors import UserError


class Numbers(BatchedDataset[Tensor]):
    """A batch is a tensor of rows."""

    def __len__(self) -> int:
        return 10

    def __getitems__(self, indices: Sequence[int]) -> Tensor:
        return torch.tensor(indices) % 10


@dataclass(frozen=True)
class Option:
    path: Path
    pair: tuple[int, int]


class Counting(DataModule):
    def __init__(
        self, option: Option | None = None, batch_size: int = 4, workers: int = 0, seed: int = 1
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=workers, seed=seed)
        self.option = option
        self.workers = workers

    def prepare_data(self) -> None: ...

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader(Numbers(), training=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader(Numbers(), training=False)

    test_dataloader = val_dataloader


def test_a_batch_may_be_of_any_type():
    rows = [batch.tolist() for batch in Counting().val_dataloader()]
    assert rows == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [b.tolist() for b in Counting().predict_dataloader()] == rows
    assert Numbers()[3].tolist() == [3]


def test_training_is_shuffled_by_the_seed_in_full_batches():
    def order(seed: int) -> list[int]:
        return torch.cat(list(Counting(seed=seed).train_dataloader())).tolist()

    assert len(order(1)) == len(set(order(1))) == 8
    assert order(1) == order(1) != order(2)


def test_describe_gives_plain_json():
    description = Counting(Option(Path("here"), (1, 2)), batch_size=3).describe()
    assert description == {
        "class": "Counting",
        "arguments": {
            "option": {"path": "here", "pair": [1, 2]},
            "batch_size": 3,
            "workers": 0,
            "seed": 1,
        },
    }
    assert json.loads(json.dumps(description)) == description


@pytest.mark.parametrize(
    ("options", "name"), [({"batch_size": 0}, "batch_size"), ({"workers": -1}, "num_workers")]
)
def test_numbers_out_of_range(options: dict, name: str):
    with pytest.raises(ValueError, match=name):
        Counting(**options)


@pytest.mark.parametrize("name", DATA_MODULES)
def test_every_data_set_is_where_the_table_says(name: str):
    assert issubclass(getattr(import_module(DATA_MODULES[name]), name), DataModule)


@pytest.mark.parametrize(
    "name",
    [
        *("GreyCifar10", "Imdb", "ListOps", "Pathfinder", "Retrieval"),
        *("SequentialCifar10", "SequentialMnist", "SpeechCommands", "SyntheticSpeech"),
    ],
)
def test_a_data_set_can_be_rebuilt_from_its_description(name: str):
    description = from_description({"class": name, "arguments": {"seed": 7}}).describe()
    assert description["arguments"]["seed"] == 7
    assert from_description(json.loads(json.dumps(description))).describe() == description


def test_what_is_not_audio_is_refused_where_rates_matter(tmp_path: Path):
    with pytest.raises(UserError, match="SequentialMnist, the data of this checkpoint, is not aud"):
        audio_from_description({"class": "SequentialMnist", "arguments": {}})
    audio_from_description({"class": "SpeechCommands", "arguments": {"root": str(tmp_path)}})

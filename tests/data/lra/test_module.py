"""What the data sets of sequences share."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data.lra import ListOps, generate_listops
from s4audio.data.lra.listops import Grammar
from s4audio.data.lra.store import Example, open_sequences, stored_sequences
from s4audio.errors import UserError


@pytest.fixture
def files(tmp_path: Path) -> Path:
    grammar = Grammar(max_depth=4, min_length=5, max_length=40)
    generate_listops(tmp_path / "files", (40, 10, 10), processes=1, grammar=grammar)
    return tmp_path / "files"


def test_epochs_have_their_own_order_and_every_row(files: Path):
    data = ListOps(files, batch_size=8, seed=3)
    loader = data.train_dataloader()
    first, second = ([row for b in loader for row in b.indices.tolist()] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(40))
    again = ListOps(files, batch_size=8, seed=3).train_dataloader()
    assert [row for b in again for row in b.indices.tolist()] == first


def test_workers_give_the_same_batches(files: Path):
    split = ListOps(files).split("train")
    copy = pickle.loads(pickle.dumps(split))
    assert torch.equal(copy[3].inputs, split[3].inputs)


def test_an_empty_split_is_refused(files: Path):
    (files / "basic_val.tsv").write_text("Source\tTarget\n")
    with pytest.raises(UserError, match="validation split of this ListOps is empty"):
        ListOps(files).val_dataloader()


def test_a_store_is_built_once_and_again_when_a_file_changes(files: Path, cache: Path):
    ListOps(files).prepare_data()
    ListOps(files).prepare_data()
    assert len(list((cache / "sequences").iterdir())) == 1
    (files / "basic_val.tsv").write_text("Source\tTarget\n[MAX 1 2 ]\t2\n")
    assert len(ListOps(files).split("validation")) == 1
    assert len(list((cache / "sequences").iterdir())) == 2


def test_a_build_that_fails_leaves_nothing(files: Path, cache: Path):
    (files / "basic_test.tsv").write_text("Source\tTarget\nx\t1\n")
    with pytest.raises(UserError, match="no ListOps expression"):
        ListOps(files).prepare_data()
    assert list((cache / "sequences").iterdir()) == []


def test_large_vocabularies(tmp_path: Path):
    symbols = tuple(map(chr, range(300)))
    row = Example((np.array([299, 1], np.uint16),), 0, "train", "row")
    store = stored_sequences("wide", [], {}, lambda: (symbols, [row]))
    assert store[0][0].tolist() == [299, 1]
    (store.folder / "values.bin").write_bytes(b"\0\0")
    with pytest.raises(UserError, match=r"damaged cache \(wrong size\)"):
        open_sequences(store.folder)
    (store.folder / "index.npz").unlink()
    with pytest.raises(UserError, match="damaged cache"):
        open_sequences(store.folder)

"""ListOps: files and batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data.lra import ListOps, generate_listops, listops_data
from s4audio.data.lra.listops import SYMBOLS, Grammar, encode, evaluate
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier

SMALL = Grammar(max_depth=5, min_length=5, max_length=60)


def rows(path: Path) -> list[tuple[str, int]]:
    header, *lines = path.read_text().splitlines()
    assert header == "Source\tTarget"
    return [(source, int(target)) for source, target in (line.split("\t") for line in lines)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    generate_listops(tmp_path / "files", (60, 20, 10), processes=1, grammar=SMALL)
    return tmp_path / "files"


def test_generated_files(files: Path):
    names = ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv")
    assert sorted(path.name for path in files.iterdir()) == sorted(names)
    read = [rows(files / name) for name in names]
    assert [len(part) for part in read] == [60, 20, 10]
    sources = [source for part in read for source, _ in part]
    assert len(set(sources)) == 90
    assert all(evaluate(encode(source)) == target for part in read for source, target in part)


def test_a_run_is_continued(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listops_data, "_ROWS_OF_PIECE", 30)
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    generate_listops(whole, (60, 20, 10), processes=1, grammar=SMALL)
    make, made = listops_data._make_piece, []

    def interrupted(*given: object) -> None:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(given[-1])
        make(*given)

    monkeypatch.setattr(listops_data, "_make_piece", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate_listops(halted, (60, 20, 10), processes=1, grammar=SMALL)
    assert sorted(path.name for path in (halted / "pieces").iterdir()) == ["0.tsv", "1.tsv"]
    made.clear()
    generate_listops(halted, (60, 20, 10), processes=1, grammar=SMALL)
    assert 0 not in made
    assert contents(halted) == contents(whole)
    # What is complete is left alone.
    made.clear()
    generate_listops(halted, (60, 20, 10), processes=1, grammar=SMALL)
    assert made == []


@pytest.mark.slow  # each process imports everything anew
def test_the_number_of_processes_changes_nothing(tmp_path: Path):
    for processes in (1, 2):
        generate_listops(
            tmp_path / str(processes), (1100, 50, 50), processes=processes, grammar=SMALL
        )
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_grammar_with_few_expressions(tmp_path: Path):
    # Four operations on two digits: 400 expressions.
    few = Grammar(max_depth=2, max_args=2, min_length=2, max_length=5)
    generate_listops(tmp_path / "all", (300, 50, 50), processes=1, grammar=few)
    assert len({source for source, _ in rows(tmp_path / "all" / "basic_train.tsv")}) == 300
    with pytest.raises(UserError, match="401 different expressions"):
        generate_listops(tmp_path / "more", (301, 50, 50), processes=1, grammar=few)


def test_batches(files: Path):
    data = ListOps(files, batch_size=8)
    batch = next(iter(data.val_dataloader()))
    assert batch.inputs.dtype == torch.int64
    assert batch.inputs.shape == (8, int(batch.lengths.max()), 1)
    for row, (source, target) in enumerate(rows(files / "basic_val.tsv")[:8]):
        tokens = batch.inputs[row, :, 0].numpy()
        length = int(batch.lengths[row])
        assert (tokens[: length - 1] == encode(source)).all()
        assert SYMBOLS[tokens[length - 1]] == "<eos>"
        assert (tokens[length:] == 0).all()
        assert batch.targets[row] == target
    assert [len(data.split(name)) for name in ("train", "validation", "testing")] == [60, 20, 10]
    assert data.split("testing").names[:2] == ["basic_test.tsv:2", "basic_test.tsv:3"]
    assert sorted(i for b in data.train_dataloader() for i in b.indices.tolist())[:2] == [0, 1]


def test_a_model_takes_the_batches(files: Path):
    data = ListOps(files, batch_size=4)
    config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, vocabulary=data.vocabulary)
    model = SequenceClassifier(config, data.labels)
    batch = next(iter(data.train_dataloader()))
    assert model(batch.inputs, batch.lengths).shape == (4, 10)


def test_long_rows_are_cut_and_keep_their_end(files: Path):
    data = ListOps(files, max_length=10)
    batch = next(iter(data.train_dataloader()))
    assert batch.lengths.max() == 10
    assert (batch.inputs[batch.lengths == 10, 9, 0] == SYMBOLS.index("<eos>")).all()


def test_rows_are_generated_in_the_cache(cache: Path):
    data = ListOps(rows=(30, 10, 10), processes=1, batch_size=4)
    data.prepare_data()
    (folder,) = (cache / "lra").iterdir()
    lengths = data.split("train")._store.offsets
    assert 501 < np.diff(lengths).min() <= np.diff(lengths).max() <= 2000
    again = type(data)(**data.describe()["arguments"])
    again.prepare_data()
    assert again.split("testing").targets.tolist() == data.split("testing").targets.tolist()
    assert [path.name for path in (cache / "lra").iterdir()] == [folder.name]


def test_release_rows(real_data: Path, tmp_path: Path):
    text = (real_data / "listops_reference_rows.tsv").read_text()
    for name in ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv"):
        (tmp_path / name).write_text(text)
    assert ListOps(tmp_path).split("train").targets.tolist() == [4, 7, 1, 5, 3, 3, 1, 4, 8, 4, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "first line"),
        ("Source\tTarget\n( ( ( [MAX 1 ) 2 ) ] )\n", "line 2: no value"),
        ("Source\tTarget\n[MAX 1 ]\t12\n", "line 2: no value"),
        ("Source\tTarget\n[MAX x ]\t1\n", "no ListOps expression"),
    ],
)
def test_damaged_files(files: Path, content: str, message: str):
    (files / "basic_val.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        ListOps(files).prepare_data()


def test_files_without_rows(files: Path):
    for path in files.iterdir():
        path.write_text("Source\tTarget\n")
    for _ in range(2):
        with pytest.raises(UserError, match=r"listops: no rows in its files .*give files with"):
            ListOps(files).prepare_data()


def test_missing_files(files: Path):
    (files / "basic_val.tsv").unlink()
    with pytest.raises(UserError, match=r"basic_val\.tsv missing"):
        ListOps(files).prepare_data()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": (1, 0, 1)},
        {"generator_seed": -1},
        {"max_length": 1},
        {"processes": 0},
        {"batch_size": 0},
        {"num_workers": -1},
    ],
)
def test_numbers_out_of_range(wrong: dict[str, int]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ListOps(**wrong)

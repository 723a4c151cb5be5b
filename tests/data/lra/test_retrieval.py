"""Retrieval: pairs of documents."""

from pathlib import Path

import pytest

from s4audio.data.lra import Retrieval
from s4audio.data.lra.retrieval import FILES
from s4audio.errors import UserError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for part, name in FILES.items():
        lines = [f'{n % 2}.0\tP{n}\tQ{n}\t{part} "one {n}\tother{n}' for n in range(5)]
        (tmp_path / name).write_text("\n".join([*lines, ""]))
    return tmp_path


def test_pairs_lie_side_by_side(release: Path):
    data = Retrieval(release, batch_size=3)
    batch = next(iter(data.test_dataloader()))
    symbols = data._open().symbols
    texts = [
        "".join(symbols[token] for token in row[:length, 0])
        for row, length in zip(batch.inputs, batch.lengths, strict=True)
    ]
    # Training documents have no "s".
    assert texts[:2] == ['te<unk>t "one 0<eos>', "other0<eos>"]
    assert texts[2:4] == ['te<unk>t "one 1<eos>', "other1<eos>"]
    assert batch.inputs.shape == (6, 12, 1)
    assert batch.targets.tolist() == [0, 1, 0]
    assert batch.indices.tolist() == [0, 1, 2]
    assert [len(data.split(name)) for name in ("train", "validation", "testing")] == [5, 5, 5]
    assert data.split("validation").names[0] == "new_aan_pairs.eval.tsv:1"


def test_long_documents_are_cut(release: Path):
    batch = next(iter(Retrieval(release, max_length=4).val_dataloader()))
    assert batch.lengths.tolist() == [4] * 10
    assert (batch.inputs[:, 3, 0] == 2).all()


@pytest.mark.parametrize(
    "line", ["1.0\ta\tb\tc", "2.0\ta\tb\tc\td", "1.0\ta\tb\tc\td\te", "", "label\ta\tb\tc\td"]
)
def test_damaged_lines(release: Path, line: str):
    path = release / FILES["eval"]
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(UserError, match="line 6: not five fields"):
        Retrieval(release).prepare_data()


def test_damaged_files(release: Path):
    (release / FILES["eval"]).write_bytes(b"1.0\ta\tb\t\xff\td\n")
    with pytest.raises(UserError, match="not UTF-8"):
        Retrieval(release).prepare_data()
    (release / FILES["eval"]).unlink()
    with pytest.raises(UserError, match=r"new_aan_pairs\.eval\.tsv missing"):
        Retrieval(release).prepare_data()

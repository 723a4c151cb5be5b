"""Text: characters, reviews, protocols."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from s4audio.data.lra import Imdb, archive, text
from s4audio.data.lra.characters import Characters
from s4audio.errors import UserError


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Twenty training and four test reviews of each label."""
    for part, count in (("train", 20), ("test", 4)):
        for label in ("neg", "pos"):
            folder = tmp_path / "aclImdb" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}_5.txt").write_text(f"{label} review {number}", "utf-8")
    return tmp_path


def decoded(data: Imdb, name: str, row: int) -> str:
    batch = data.split(name)[row]
    symbols = data._open().symbols
    return "".join(symbols[token] for token in batch.inputs[0, :, 0])


def test_characters_that_occur_often_enough():
    vocabulary = Characters.counted(["abc", "aab", "\U0001f600"], 2)
    assert vocabulary.symbols == ("<pad>", "<unk>", "<eos>", "a", "b")
    assert vocabulary.encode("abc\U0001f600", 100).tolist() == [3, 4, 1, 1, 2]
    assert vocabulary.encode("", 100).tolist() == [2]


def test_reviews_become_characters_and_an_end(reviews: Path):
    data = Imdb(reviews, min_count=1, batch_size=3)
    names = data.split("testing").names
    assert names[:2] == ["test/neg/0_5.txt", "test/neg/1_5.txt"]
    assert decoded(data, "testing", 0) == "neg review 0<eos>"
    assert data.split("testing").targets.tolist() == [0] * 4 + [1] * 4
    assert data.vocabulary == 3 + len(set("neg review pos 0123456789"))
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == (3, int(batch.lengths.max()), 1)


def test_rare_characters_are_unknown_and_long_reviews_cut(reviews: Path):
    data = Imdb(reviews, max_length=6, min_count=30)
    # What is cut off does not count: among first five characters, "e" occurs 20 times.
    assert decoded(data, "testing", 0) == "<unk><unk><unk> r<eos>"


def test_the_vocabulary_does_not_see_the_test_set(reviews: Path):
    (reviews / "aclImdb" / "test" / "neg" / "0_5.txt").write_text("ZZZ" * 20)
    data = Imdb(reviews, min_count=1)
    assert decoded(data, "testing", 0) == "<unk>" * 60 + "<eos>"


def test_protocols(reviews: Path):
    ours, papers = Imdb(reviews), Imdb(reviews, protocol="papers")
    sizes = {p.protocol: [len(p.split(n)) for n in ("train", "validation")] for p in (ours, papers)}
    assert sizes == {"validation": [36, 4], "papers": [40, 8]}
    assert papers.split("validation").names == papers.split("testing").names
    parts = [set(ours.split(name).names) for name in ("train", "validation", "testing")]
    assert len(set.union(*parts)) == 48
    assert all(name.startswith("train/") for name in parts[1])
    assert set(ours.split("validation").targets.tolist()) == {0, 1}


def test_real_reviews(real_data: Path, tmp_path: Path):
    with tarfile.open(real_data / "IMDB" / "aclImdb_subset.tar.gz") as file:
        file.extractall(tmp_path, filter="data")
    data = Imdb(tmp_path)
    assert [len(data.split(n)) for n in ("train", "validation", "testing")] == [2700, 300, 1000]
    # 135 with all 25,000 training reviews.
    assert 80 < data.vocabulary < 135
    share = np.bincount(data.split("train").targets)[1] / 2700
    assert 0.45 < share < 0.55
    assert data.split("train")._store.offsets[-1] > 1e6


def test_the_archive_is_fetched_and_unpacked(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        file.add(reviews / "aclImdb", "aclImdb")

    def download(url: str, path: Path, sha256: str) -> None:
        assert (url, sha256) == (text.URL, text.SHA256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.getvalue())

    monkeypatch.setattr(archive, "download", download)
    root = tmp_path / "elsewhere"
    assert len(Imdb(root, download=True).split("testing")) == 8
    assert [path.name for path in root.iterdir()] == ["aclImdb"]
    content.truncate(100)
    with pytest.raises(UserError, match="could not be unpacked"):
        Imdb(tmp_path / "broken", download=True).prepare_data()


def test_damaged_folders(reviews: Path, tmp_path: Path):
    with pytest.raises(UserError, match="download=True"):
        Imdb(tmp_path / "nowhere").prepare_data()
    (reviews / "aclImdb" / "test" / "pos" / "0_5.txt").write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        Imdb(reviews).prepare_data()
    for path in (reviews / "aclImdb" / "test" / "pos").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no reviews"):
        Imdb(reviews).prepare_data()


@pytest.mark.parametrize("wrong", [{"max_length": 1}, {"min_count": 0}, {"protocol": "paper"}])
def test_arguments_out_of_range(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Imdb(**wrong)

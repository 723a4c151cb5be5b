"""Text files as tokens."""

from pathlib import Path

import numpy as np
import pytest

from s4audio.data.language import FILES, CharacterText, WikiText
from s4audio.errors import UserError

TEXTS = {
    "train": " = Cats = \n \n the cat saw the <unk> \n the end \n",
    "validation": " the dog \n",
    "testing": " end cat \n \n",
}


@pytest.fixture
def wiki(tmp_path: Path) -> Path:
    for split, text in TEXTS.items():
        (tmp_path / FILES[split]).write_text(text)
    return tmp_path


def test_characters(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abc é\n" * 100, encoding="utf-8")
    data = CharacterText(path, length=16, context=4, batch_size=2)
    assert data.labels == ["\n", " ", "a", "b", "c", "é"]
    sizes = [len(data.tokens(split)) for split in ("train", "validation", "testing")]
    assert sizes == [540, 30, 30]
    joined = np.concatenate([data.tokens(split) for split in FILES])
    assert "".join(data.labels[token] for token in joined) == path.read_text(encoding="utf-8")
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.shape == batch.targets.shape == (2, 16)
    scored = sum(int((batch.targets >= 0).sum()) for batch in data.test_dataloader())
    assert scored == 29
    assert data.describe()["arguments"]["context"] == 4


def test_real_text(real_data: Path) -> None:
    data = CharacterText(real_data / "TinyShakespeare" / "input.txt")
    assert len(data.labels) == 65
    assert sum(len(data.tokens(split)) for split in FILES) == 1_115_394


def test_words(wiki: Path) -> None:
    data = WikiText(wiki, length=4)
    data.prepare_data()
    # By falling frequency, and within one frequency in the order of the text.
    assert data.labels == ["<eos>", "the", "=", "Cats", "cat", "saw", "<unk>", "end"]
    assert data.tokens("train").tolist() == [2, 3, 2, 0, 0, 1, 4, 5, 1, 6, 0, 1, 7, 0]
    assert data.tokens("validation").tolist() == [1, 6, 0]
    assert data.tokens("testing").tolist() == [7, 4, 0, 0]
    assert [batch.targets.tolist() for batch in data.test_dataloader()] == [[[4, 0, 0, -1]]]


def test_words_come_from_the_cache_until_a_file_changes(wiki: Path, cache: Path) -> None:
    WikiText(wiki, length=4).prepare_data()
    (made,) = (cache / "words").iterdir()
    (made / "testing.npy").unlink()
    with pytest.raises(UserError, match="damaged cache"):
        WikiText(wiki, length=4).prepare_data()
    (wiki / FILES["testing"]).write_text(" the end of it \n")
    assert WikiText(wiki, length=4).tokens("testing").tolist() == [1, 7, 6, 6, 0]
    assert len(list((cache / "words").iterdir())) == 2


def test_real_words(real_data: Path, tmp_path: Path) -> None:
    parts = {"train": "test", "validation": "valid", "testing": "valid"}
    for split, name in parts.items():
        (tmp_path / FILES[split]).symlink_to(real_data / "WikiText-2-partial" / f"{name}.txt")
    data = WikiText(tmp_path)
    # As many as everybody counts.
    assert len(data.tokens("train")) == 245_569
    assert len(data.tokens("validation")) == 217_646
    assert data.labels[0] == "<unk>"


def test_mistakes_of_words(wiki: Path, tmp_path: Path) -> None:
    (wiki / FILES["train"]).write_text(" the cat \n")
    with pytest.raises(UserError, match=r"the word 'dog' is not in .*train.tokens"):
        WikiText(wiki, length=2).prepare_data()
    (wiki / FILES["testing"]).unlink()
    with pytest.raises(UserError, match=r"no wiki.test.tokens here"):
        WikiText(wiki)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, {}, "no such text file"),
        (b"", {}, "is empty"),
        (b"ab\xff", {}, r"not UTF-8 .*at byte 2"),
        (b"ab" * 50, {"fractions": (0.9, 0.05, 0.06)}, "add up to 1"),
        (b"ab" * 50, {"context": 512}, "context=512 and length=512"),
    ],
)
def test_mistakes_of_characters(
    content: bytes | None, options: dict, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CharacterText(path, **options)


def test_too_little_text(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ab" * 50)
    data = CharacterText(tmp_path / "text.txt", length=60, context=0)
    with pytest.raises(
        UserError, match=r"train split .* has 90 tokens, and windows of 60 need 121"
    ):
        data.train_dataloader()

"""A table of recordings."""

import json
from pathlib import Path

import pytest

from s4audio.data import AudioManifest, from_description
from s4audio.data.manifest import read_manifest
from s4audio.errors import UserError

SPLITS = ("train", "validation", "testing")


@pytest.fixture
def table(tmp_path: Path, write_wav) -> Path:
    """A table with nothing but a header, beside six recordings a.wav ... f.wav."""
    for name in "abcdef":
        write_wav(tmp_path / "wavs" / f"{name}.wav", samples=100)
    return tmp_path / "table.csv"


def fill(table: Path, *lines: str) -> Path:
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def test_split_column_with_the_usual_spellings(table: Path):
    fill(
        table,
        "split,path,label,remark",
        "train,wavs/a.wav,yes,loud",
        "Training,wavs/b.wav,no,",
        "val,wavs/c.wav,yes,",
        "dev,wavs/d.wav,no,",
        f"test,{table.parent / 'wavs' / 'e.wav'},yes,",
        '"testing","wavs/f.wav","no",""',
    )
    data = AudioManifest(table)
    assert data.labels == ["no", "yes"]
    assert [len(data.split(name)) for name in SPLITS] == [2, 2, 2]
    assert data.split("train").names == ["wavs/a.wav", "wavs/b.wav"]
    assert data.split("train").targets.tolist() == [1, 0]


def test_speakers_stay_together(tmp_path: Path, write_wav):
    rows = ["path,label,speaker"]
    for number in range(60):
        write_wav(tmp_path / f"{number}.wav", samples=10)
        rows.append(f"{number}.wav,word,speaker{number % 20}")
    sources = read_manifest(fill(tmp_path / "table.csv", *rows), 0.3, 0.3)
    parts = [{source.part for source in sources[speaker::20]} for speaker in range(20)]
    assert all(len(part) == 1 for part in parts)
    assert set.union(*parts) == set(SPLITS)


def test_without_split_and_speaker_the_path_decides(table: Path):
    fill(table, "path,label", *[f"wavs/{name}.wav,x" for name in "abcdef"])
    first = [source.part for source in read_manifest(table, 0.3, 0.3)]
    fill(table, "path,label", *[f"wavs/{name}.wav,x" for name in "fedcba"])
    assert [source.part for source in read_manifest(table, 0.3, 0.3)] == first[::-1]


def test_byte_order_mark_and_umlauts(table: Path, write_wav):
    write_wav(table.parent / "grün.wav")
    table.write_text("path,label\ngrün.wav,grün\n", encoding="utf-8-sig")
    assert AudioManifest(table).labels == ["grün"]


def test_description_round_trip(table: Path):
    fill(table, "path,label", "wavs/a.wav,x")
    description = json.loads(json.dumps(AudioManifest(table, seconds=1.0).describe()))
    assert from_description(description).describe() == description


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "column path and label missing; .* found nothing"),
        (["path,label"], "no rows below its header"),
        (["path,word", "wavs/a.wav,x"], "column label missing; .*found path,word"),
        (["file;label", "a;b"], "column path and label missing"),
        (["path,label", "wavs/a.wav,x", "wavs/z.wav,x"], r"line 3: no such audio file .*z\.wav"),
        (["path,label", "wavs,x"], "line 2: no such audio file"),
        (["path,label", "wavs/a.wav,"], "line 2: the label is empty"),
        (["path,label", "wavs/a.wav"], "line 2: the label is empty"),
        (["path,label", ",x"], "line 2: the path is empty"),
        (
            ["path,label", "wavs/a.wav,x", "wavs/b.wav,x", "wavs/a.wav,y"],
            "line 4: wavs/a.wav is already listed in line 2",
        ),
        (
            ["path,label", "wavs/a.wav,x", "wavs/../wavs/a.wav,y"],
            "line 3: .* is already listed in line 2",
        ),
        (["path,label,split", "wavs/a.wav,x,eval"], "line 2: unknown split 'eval'; use train,"),
        (["path,label,split", "wavs/a.wav,x,"], "line 2: unknown split ''"),
        (["path,label,speaker", "wavs/a.wav,x,"], "line 2: the speaker is empty"),
    ],
)
def test_wrong_tables(table: Path, lines: list[str], message: str):
    fill(table, *lines)
    with pytest.raises(UserError, match=message) as error:
        AudioManifest(table)
    assert str(error.value).startswith(str(table))
    assert "\n" not in str(error.value)


def test_no_table(tmp_path: Path):
    with pytest.raises(UserError, match=r"none\.csv: no such table"):
        AudioManifest(tmp_path / "none.csv")


def test_not_text(table: Path):
    table.write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(UserError, match="not a CSV table in UTF-8"):
        AudioManifest(table)


def test_unknown_labels(table: Path):
    fill(table, "path,label", "wavs/a.wav,x", "wavs/b.wav,y")
    with pytest.raises(UserError, match="unknown labels x, y; known are z"):
        AudioManifest(table, labels=["z"])

"""`s4audio evaluate --stream` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from s4audio.cli import main


@pytest.fixture(scope="session")
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


def test_assembled_from_the_training_data(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["evaluate", checkpoint, "--stream", "--hours", "0.01", "--snrs", "20", "0"]
    assert main([*words, "--seed", "1", "--output", str(tmp_path / "a")]) == 0
    assert "20 dB" in capsys.readouterr().out
    document = json.loads((tmp_path / "a" / "report.json").read_text())
    assert [recording["name"] for recording in document["recordings"]] == ["20 dB", "0 dB"]
    assert document["all"]["hours"] == pytest.approx(0.02)
    assert [word["word"] for word in document["words"]] == ["high", "low"]
    assert main([*words, "--seed", "1", "--output", str(tmp_path / "b")]) == 0
    for name in ("report.json", "spoken.csv", "events.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert main([*words, "--seed", "2", "--output", str(tmp_path / "c")]) == 0
    assert (tmp_path / "a" / "spoken.csv").read_bytes() != (
        tmp_path / "c" / "spoken.csv"
    ).read_bytes()


def test_own_recordings(checkpoint: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(16_000), 8000)
    # In no order of time, as a table may be.
    rows = ("path,word,start,end", "talk.wav,low,1.2,1.6", "talk.wav,low,0.5,1")
    (tmp_path / "talk.csv").write_text("\n".join(rows) + "\n")
    words = ["evaluate", checkpoint, "--stream", "--recordings", str(tmp_path / "talk.csv")]
    assert main([*words, "--output", str(tmp_path / "report")]) == 0
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert document["recordings"][0]["name"] == "talk.wav"
    assert document["recordings"][0]["spoken"] == 2
    spoken = (tmp_path / "report" / "spoken.csv").read_text().splitlines()[1:]
    assert [line.split(",")[2] for line in spoken] == ["0.500", "1.200"]


def test_recordings_of_one_name_in_two_folders(checkpoint: str, tmp_path: Path) -> None:
    rows = ["path,word,start,end"]
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "talk.wav", np.zeros(16_000), 8000)
        rows.append(f"{folder}/talk.wav,low,0.5,1")
    (tmp_path / "talk.csv").write_text("\n".join(rows) + "\n")
    words = ["evaluate", checkpoint, "--stream", "--recordings", str(tmp_path / "talk.csv")]
    assert main([*words, "--output", str(tmp_path / "report")]) == 0
    spoken = (tmp_path / "report" / "spoken.csv").read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in spoken]
    assert names == ["monday/talk.wav", "tuesday/talk.wav"]


def test_negatives(checkpoint: str, tmp_path: Path) -> None:
    for name in ("7_a_0.wav", "8_b_0.wav"):
        (tmp_path / "digits").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "digits" / name, 0.1 * np.sin(np.arange(4000) * 0.2), 8000)
    words = ["evaluate", checkpoint, "--stream", "--hours", "0.005", "--snrs", "20"]
    words += ["--negatives", str(tmp_path / "digits"), "--negative-hours", "0.01"]
    assert main([*words, "--output", str(tmp_path / "report")]) == 0
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert document["all"]["hours"] == pytest.approx(0.01)
    spoken = (tmp_path / "report" / "spoken.csv").read_text().splitlines()[1:]
    late = {line.split(",")[1] for line in spoken if float(line.split(",")[2]) > 18}
    assert late == {"7", "8"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--rates", "8000"], "rates"),
        (["--hours", "0"], "0 s"),
        (["--hours", "0.0005"], "no keyword is spoken"),
        (["--snrs", "loud"], "loud"),
        (["--recordings", "nowhere.csv"], "nowhere.csv"),
        (["--recordings", "a.csv", "--data", "b"], "--data"),
        (["--data", "nowhere"], "nowhere"),
        (["--negatives", "nowhere"], "--negative-hours"),
        (["--negatives", "nowhere", "--negative-hours", "1"], "nowhere"),
        (["--synthetic-sentences", "-1", "--negative-hours", "1"], "-1"),
        (["--recordings", "a.csv", "--negative-hours", "1"], "--negative-hours"),
        (["--recordings", "a.csv", "--hours", "2"], "goes without --hours: "),
        (["--recordings", "a.csv", "--snrs", "0", "--seed", "1"], "without --snrs and --seed: "),
        (["--recordings", "a.csv", "--negatives", "b"], "goes without --negatives: "),
        (["--recordings", "a.csv", "--hours", "1", "--seed=0"], "without --hours and --seed: "),
        (["--snrs", "20", "10", "20"], "list each ratio once"),
        (["--recordings", "a.csv", "--synthetic-sentences", "9"], "--synthetic-sentences: "),
    ],
)
def test_mistakes_take_one_line(
    checkpoint: str, words: list[str], named: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["evaluate", checkpoint, "--stream", *words]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert len(error.strip().splitlines()) == 1


def test_help(capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", "--stream", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in (
        "--hours",
        "--negatives",
        "--negative-hours",
        "--synthetic-sentences",
        "--snrs",
        "--seed",
        "--recordings",
        "--tolerance",
        "--threshold",
    ):
        assert option in shown

from pathlib import Path
from typing import Any

import pytest

import s4audio
from s4audio.cli import main
from s4audio.commands.runs import beside


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which nothing may be left but what a test expects."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def pushed(hub: Any, trained: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a model on the hub."""
    monkeypatch.setenv("HF_TOKEN", hub.token)
    checkpoint = str(trained / "checkpoints" / "best.ckpt")
    assert main(["push", checkpoint, "someone/tones"]) == 0
    return "hf-hub:someone/tones"


def test_push_says_where_and_how_to_load(
    hub: Any, trained: Path, pushed: str, capsys: pytest.CaptureFixture
) -> None:
    model = s4audio.load(trained / "checkpoints" / "best.ckpt")
    assert s4audio.load(pushed).state_dict().keys() == model.state_dict().keys()
    capsys.readouterr()
    assert main(["push", pushed, "someone/copy", "--private"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{hub.url}/someone/copy", 's4audio.load("hf-hub:someone/copy")']
    assert hub.repositories["someone/copy"].private
    assert not hub.repositories["someone/tones"].private


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["ten-words", "someone/tones"], "someone/tones: the hub does not allow this"),
        (["ten-words", "tones"], "tones is not a repository of the hub: give OWNER/NAME"),
        (["ten-wrds", "someone/tones"], "did you mean 'ten-words'?"),
        (["hf-hub:someone/tones", "someone/copy"], "hf-hub:someone/tones: no such repository"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], reason: str, hub: Any, capsys: pytest.CaptureFixture
) -> None:
    assert main(["push", *words]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("s4audio: ")
    assert reason in line
    assert captured.out == ""
    assert not hub.repositories


def test_reports_lie_in_a_folder_of_the_owner(pushed: str, tones: Path, elsewhere: Path) -> None:
    words = ["evaluate", pushed, "--rates", "16000"]
    assert main(words) == 2  # a model on the hub does not know its data
    assert main([*words, "--data", str(tones), "--device", "cpu"]) == 0
    assert (elsewhere / "evaluation" / "someone" / "tones" / "report.json").is_file()
    assert [path.name for path in elsewhere.iterdir()] == ["evaluation"]


def test_where_reports_lie() -> None:
    assert beside(Path("hf-hub:someone/tones@refs/pr/1")) == Path(
        "evaluation/someone/tones@refs/pr/1"
    )
    assert beside(Path("ten-words")) == Path("evaluation/ten-words")


def test_listening_to_a_model_from_the_hub(pushed: str, recording: Path, elsewhere: Path) -> None:
    assert main(["listen", pushed, "--wav", str(recording)]) == 0
    assert not list(elsewhere.iterdir())


def test_training_starts_from_a_model_on_the_hub(
    pushed: str, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["fit", "--config", str(recipe), "--trainer.max_epochs", "1"]
    assert main([*words, "--model.init_args.initial", pushed]) == 0
    config = tmp_path / "runs" / "tiny" / "version_0" / "config.yaml"
    assert f"initial: {pushed}\n" in config.read_text()
    missing = ["--model.init_args.initial", "hf-hub:someone/missing"]
    capsys.readouterr()
    assert main([*words, *missing]) == 2
    assert "hf-hub:someone/missing: no such repository" in capsys.readouterr().err


def test_generate_names_what_it_takes(pushed: str, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert main(["generate", pushed]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give a checkpoint of a recipe in recipes/language" in line

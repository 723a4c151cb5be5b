"""`generate`: text to stdout, pictures to a file, mistakes in a line."""

from pathlib import Path

import pytest
import torch

from s4audio.commands.generate import run
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel

BACKBONE = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, d_state=4, length=50, norm="layer")


def checkpoint(path: Path, labels: list[str], **entry: object) -> str:
    torch.manual_seed(0)
    model = AutoregressiveModel(AutoregressiveConfig(BACKBONE), labels)
    state = {f"network.{name}": x for name, x in model.state_dict().items()}
    description = {"config": model.config.to_dict(), "labels": labels, **entry}
    torch.save({"state_dict": state, "s4audio": description}, path)
    return str(path)


@pytest.fixture
def language(tmp_path: Path) -> str:
    return checkpoint(tmp_path / "language.ckpt", [*"abc\n"])


def test_text(language: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = [language, "--prompt", "ab", "--tokens", "20", "--temperature", "0.8"]
    assert run("generate", arguments) == 0
    text, speed = capsys.readouterr()
    assert text.startswith("ab")
    assert len(text) == 2 + 20 + 1
    assert speed.startswith("20 tokens in ")
    run("generate", [*arguments, "--seed", "1"])
    assert capsys.readouterr().out != text
    run("generate", [*arguments, "--output", str(tmp_path / "text.txt")])
    assert (tmp_path / "text.txt").read_text() == text
    run("generate", [*arguments, "--output", str(tmp_path / "new" / "text.txt")])
    assert (tmp_path / "new" / "text.txt").read_text() == text


def test_several_texts(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("generate", [language, "--tokens", "20", "--count", "3", "--top_k", "2", "--top_p", "0.9"])
    assert len(capsys.readouterr().out) == 3 * 20 + 2 * 2 + 1


def test_pictures(tmp_path: Path) -> None:
    labels = [str(value) for value in range(256)]
    path = checkpoint(tmp_path / "density.ckpt", labels, picture=[4, 4, 3], start=0)
    grid = tmp_path / "grid.png"
    assert run("generate", [path, "--count", "2", "--output", str(grid)]) == 0
    assert grid.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="leave out --prompt and --tokens"):
        run("generate", [path, "--tokens", "5"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt", "abx"], "'x' is not in the model's vocabulary"),
        (["--prompt", ""], r"expected a prompt \(sequences, time\)"),
        (["--tokens", "0"], "tokens is 0; give 1 or more"),
        (["--temperature", "-1"], "temperature is -1"),
        (["--output", "."], "--output .: a folder, give a file"),
        (["--output", f"{__file__}/text.txt"], "give another folder with --output|is a file"),
    ],
)
def test_mistakes(options: list[str], message: str, language: str) -> None:
    with pytest.raises(UserError, match=message):
        run("generate", [language, *options])


def test_no_such_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at"):
        run("generate", [str(tmp_path / "missing.ckpt")])

"""Every mistake ends in one line on stderr and exit code 2."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch._utils import ExceptionWrapper

from s4audio.cli import main
from s4audio.commands.debug import one_line
from s4audio.errors import UserError
from s4audio.models import load

BEST = Path("checkpoints") / "best.ckpt"


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def complaint(words: list[str], capsys: pytest.CaptureFixture) -> str:
    capsys.readouterr()
    code = main(words)
    error = capsys.readouterr().err
    assert code == 2, error
    (line,) = error.splitlines()
    assert line.startswith("s4audio: ")
    return line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fti"], "did you mean fit?"),
        (["xyzzy"], "commands: fit"),
        (["fit"], "--config"),
        (["fit", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["models", "--colour"], "--colour"),
        (["evaluate"], "checkpoint"),
        (["evaluate", "nowhere.ckpt"], "nowhere.ckpt"),
        (["evaluate", "s5-huge", "--data", "."], "s5-huge"),
        (["evaluate", "x", "--rates", "fast"], "fast"),
        (["evaluate", "x", "--device", "abacus"], "abacus"),
        (["evaluate", "ten-words", "--device", "mps", "--data", "."], "--device cpu"),
        (["evaluate", "model.onnx"], "give the checkpoint that it was exported from"),
        (["evaluate", "ten-words", "--stream", "--tolerance", "-1"], "tolerance must be at least"),
        (["export", "ten-words", "--output", "x.onnx", "--rate", "1e6"], "at most 16000"),
        (["generate", "."], "a folder; give a checkpoint file"),
        (["generate", "ten-words"], "classifies and generates nothing: give a checkpoint of"),
        (["import-checkpoint", "nowhere.pt", "nowhere.json"], "nowhere.pt"),
    ],
)
def test_without_a_recipe(words: list[str], expected: str, capsys: pytest.CaptureFixture) -> None:
    assert expected in complaint(words, capsys)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--modle", "s4"], "did you mean model?"),
        (["other.yaml"], "--config other.yaml"),
        (["--trainer.epochs", "3"], "--trainer.epochs"),
        (["--trainer.max_time", "soon"], "DD:HH:MM:SS"),
        (["--trainer.default_root_dir", __file__], "give a folder with --trainer.default_root_dir"),
        (["--report.output", __file__], "give a folder with --report.output"),
        (["--model.init_args.network.vocabulary", "-1"], "vocabulary must be at least 1, got -1"),
        (["--model.init_args.network.d_modle", "9"], "did you mean network.d_model?"),
        (["--data", "SpeechCommand"], "did you mean SpeechCommands?"),
        (["--trainer.max_epochs", "many"], "trainer.max_epochs: Expected int, got many"),
        (["--model.init_args.network.kind", "s9"], "one of 's4', 's4d', 'dss', 'sgconv', got s9"),
        (["--model.init_args.network.width", "9"], "width"),
        (["--model.init_args.network.n_layers", "0"], "n_layers must be at least 1, got 0"),
        (["--model.init_args.optimizer.learning_rate", "-1"], "learning_rate is -1.0"),
        (["--model", "Nothing"], "Nothing"),
        (["--data", "Nothing"], "Nothing"),
        (["--data.init_args.root", "no/such/folder"], "no/such/folder"),
        (["--report.rates", "[0]"], "report.rates"),
        (["--trainer.accelerator", "abacus"], "abacus"),
        (["--ckpt_path", "nowhere.ckpt"], "nowhere.ckpt"),
        (["--ckpt_path", "last"], "start without --ckpt_path"),
        (["--checkpoint.monitor", "val/beauty"], "val/beauty"),
        (["--data.init_args.testing", "0"], "the testing split of this AudioFolder is empty"),
        (["--trainer.max_epochs", "-1"], "cosine needs an end"),
    ],
)
def test_fit_options(
    options: list[str], expected: str, recipe: Path, capsys: pytest.CaptureFixture
) -> None:
    assert expected in complaint(["fit", "--config", str(recipe), *options], capsys)


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_scoring_without_weights(command: str, recipe: Path, capsys: pytest.CaptureFixture) -> None:
    assert "--ckpt_path" in complaint([command, "--config", str(recipe)], capsys)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"model:\n  [unclosed", "line 2"),
        (b"model:\n\tnetwork: {}", "line 2"),
        (b"- a\n- b", "it holds a list instead of the keys model, data and trainer"),
        (b"hello", "it holds text"),
        (b"", "it holds nothing"),
        (b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_files_that_are_no_recipes(
    content: bytes, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    for words in (["--config", str(path)], [f"--config={path}"], ["-c", str(path)]):
        line = complaint(["fit", *words], capsys)
        assert str(path) in line
        assert expected in line


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("batch_size", "batchsize", "data: Option 'batchsize' is not accepted; did you mean"),
        ("d_model", "d_modle", "did you mean d_model?"),
        ("warmup_steps", "warmup", "did you mean warmup_steps?"),
        ("trainer:", "trianer:", "did you mean trainer."),
        ("AudioFolder", "AudioFoldr", "did you mean AudioFolder?"),
    ],
)
def test_misspelt_keys(
    right: str, wrong: str, expected: str, recipe: Path, capsys: pytest.CaptureFixture
) -> None:
    recipe.write_text(recipe.read_text().replace(right, wrong))
    line = complaint(["fit", "--config", str(recipe)], capsys)
    assert expected in line
    assert "init_args" not in line  # the rest of the recipe is not repeated


def test_one_class_only(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(tones / "high", tmp_path / "one" / "high")
    words = ["fit", "--config", str(recipe), "--data.init_args.root", str(tmp_path / "one")]
    assert "one class only (high)" in complaint(words, capsys)


def test_file_name_that_is_not_utf8(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.wav")
    try:
        Path(path).write_bytes(b"RIFF")
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    line = complaint(["listen", "ten-words", "--wav", path], capsys)
    assert "bad\\udcff.wav" in line
    assert "not UTF-8; rename the file" in line


@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "pickle", "foreign", "list"])
def test_checkpoints_that_are_none(
    damage: str, trained: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path, exploded = tmp_path / "bad.ckpt", tmp_path / "exploded"
    whole = (trained / BEST).read_bytes()
    if damage == "foreign":
        torch.save({"state_dict": {"weight": torch.zeros(2)}}, path)
    elif damage == "list":
        torch.save([1, 2, 3], path)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"hello",
                "truncated": whole[: len(whole) // 2],
                "pickle": pickle.dumps(Bomb(exploded)),
            }[damage]
        )
    for words in (
        ["evaluate", str(path)],
        ["test", "--config", str(recipe), "--ckpt_path", str(path)],
        ["fit", "--config", str(recipe), "--ckpt_path", str(path)],
    ):
        assert "bad.ckpt" in complaint(words, capsys)
    assert not exploded.exists()


def test_another_architecture(trained: Path, recipe: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["test", "--config", str(recipe), "--ckpt_path", str(trained / BEST)]
    words += ["--model.init_args.network.d_model", "16"]
    assert "d_model 8 there, 16 here" in complaint(words, capsys)


def test_data_with_unknown_labels(
    trained: Path, recipe: Path, tmp_path: Path, tones: Path, capsys: pytest.CaptureFixture
) -> None:
    for label, source in (("high", "high"), ("middle", "low")):
        (tmp_path / "other" / label).mkdir(parents=True)
        for clip in (tones / source).iterdir():
            (tmp_path / "other" / label / clip.name).write_bytes(clip.read_bytes())
    other = str(tmp_path / "other")
    assert "middle" in complaint(["evaluate", str(trained / BEST), "--data", other], capsys)
    words = ["test", "--config", str(recipe), "--ckpt_path", str(trained / BEST)]
    words += ["--data.init_args.root", other]
    assert "labels middle of the data are unknown" in complaint(words, capsys)


def test_data_of_the_training_that_are_gone(
    trained: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    checkpoint = torch.load(trained / BEST, weights_only=True)
    checkpoint["s4audio"]["data"]["arguments"]["root"] = "gone"
    path = str(tmp_path / "moved.ckpt")
    torch.save(checkpoint, path)
    for options in ([], ["--stream"]):
        line = complaint(["evaluate", path, *options], capsys)
        assert "gone, the data that" in line
        assert "--data DIR" in line
    output = str(tmp_path / "report")
    assert main(["evaluate", path, "--data", str(tones), "--output", output]) == 0


def test_saved_model_does_not_know_its_data(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    load(trained / BEST).save_pretrained(tmp_path / "model")
    assert "--data" in complaint(["evaluate", str(tmp_path / "model")], capsys)


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S4AUDIO_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["import-checkpoint", "nowhere.pt", "nowhere.json"])


def test_an_error_of_a_process_that_prepares_batches_is_one_line() -> None:
    def fail() -> None:
        raise UserError("no recordings: add one")

    try:
        fail()
    except UserError:
        error = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(UserError) as raised:
        error.reraise()
    assert one_line(raised.value) == "no recordings: add one"


def test_a_value_of_none_of_several_types_is_named_once(capsys: pytest.CaptureFixture) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "quickstart" / "s4.yaml"
    message = complaint(["fit", "--config", str(recipe), "--data.words", "lights"], capsys)
    assert message.strip() == (
        "s4audio: words: Expected a list such as [1, 2]; Expected one of 'common', got lights"
    )

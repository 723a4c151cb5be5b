"""Clips of neural voices, with a tiny graph in the place of the synthesiser."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

from s4audio.cli import main
from s4audio.data import neural_voices
from s4audio.data.neural_voices import NeuralVoices, blend, write_clips
from s4audio.data.speech_commands_files import TEN_WORDS
from s4audio.errors import UserError

pytest.importorskip("kokoro_onnx")

FRAME = 1500  # samples a token at speed 1, of 24,000 a second


def tiny_engine(folder: Path, samples_a_token: float = FRAME) -> Path:
    """A graph with the interface of Kokoro: a tone whose pitch is in the style."""
    tensor = helper.make_tensor_value_info
    constants = {"zero": 0.0, "one": 1.0, "unit": samples_a_token, "level": 0.3}
    nodes = [
        helper.make_node("Size", ["tokens"], ["size"]),
        helper.make_node("Cast", ["size"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("Squeeze", ["speed"], ["tempo"]),
        helper.make_node("Div", ["count", "tempo"], ["long"]),
        helper.make_node("Mul", ["long", "unit"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["time"]),
        helper.make_node("ReduceMean", ["style"], ["pitch"], keepdims=0),
        helper.make_node("Mul", ["time", "pitch"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["tone"]),
        helper.make_node("Mul", ["tone", "level"], ["audio"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            tensor("tokens", TensorProto.INT64, [1, "n"]),
            tensor("style", TensorProto.FLOAT, [1, 256]),
            tensor("speed", TensorProto.FLOAT, [1]),
        ],
        [tensor("audio", TensorProto.FLOAT, ["samples"])],
        [from_array(np.float32(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "kokoro-v1.0.int8.onnx")
    styles = {
        name: np.full((510, 1, 256), pitch, np.float32)
        for name, pitch in (("af_a", 0.05), ("bm_b", 0.1), ("jf_c", 0.2))
    }
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **styles)
    return folder


@pytest.fixture(scope="module")
def kokoro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_engine(tmp_path_factory.mktemp("kokoro"))


@pytest.fixture(scope="module")
def engine(kokoro: Path) -> NeuralVoices:
    return NeuralVoices(kokoro)


def test_the_command_writes_a_folder_a_word_and_goes_on_where_it_stopped(kokoro, tmp_path, capsys):
    words = tmp_path / "more.txt"
    words.write_text("go\n\n turn it \n", encoding="utf-8")
    output = tmp_path / "spoken"
    options = ["--words", "yes", "--words_from", str(words), "--speakers", "3"]
    arguments = ["synthesize", str(output), *options, "--kokoro", str(kokoro)]
    assert main(arguments) == 0
    assert "9 clips" in capsys.readouterr().out
    clips = sorted(path.relative_to(output).as_posix() for path in output.rglob("*.*"))
    assert len(clips) == 9
    assert clips[0] == "go/voice0_00000_nohash_0.wav"
    assert {name.split("/")[0] for name in clips} == {"go", "turn_it", "yes"}
    waveform, rate = soundfile.read(output / clips[0], dtype="int16")
    assert (rate, waveform.shape) == (16_000, (16_000,))

    kept = output / clips[0]
    kept.write_bytes(b"as it is")
    (output / clips[1]).unlink()
    assert main(arguments) == 0
    assert kept.read_bytes() == b"as it is"
    assert (output / clips[1]).is_file()


def test_each_speaker_says_some_of_the_words(engine, tmp_path):
    words = ["yes", "no", "up", "down"]
    assert write_clips(engine, tmp_path, words, 6, 2, 0, 2) == 12
    said = [path.stem for path in tmp_path.rglob("*.wav")]
    assert {said.count(name) for name in said} == {2}
    assert len({path.parent.name for path in tmp_path.rglob("*.wav")}) > 2


def test_the_seed_decides_speakers_and_takes(engine, tmp_path):
    for name, seed, jobs in (("a", 0, 1), ("b", 0, 3), ("c", 1, 1)):
        write_clips(engine, tmp_path / name, ["left", "right"], 3, None, seed, jobs)
    a, b, c = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.wav"))] for name in "abc"
    )
    assert a == b
    assert not set(a) & set(c)
    assert len(set(a)) == len(a)


def test_an_error_stops_the_other_speakers_at_their_next_word(kokoro, tmp_path, monkeypatch):
    engine = NeuralVoices(kokoro)
    said = []

    def say(speaker, word, rng):
        said.append(word)
        if len(said) > 20:
            raise UserError("the voice is gone")
        return np.zeros(16_000, np.int16)

    monkeypatch.setattr(engine, "say", say)
    words = [f"word {number}" for number in range(500)]
    with pytest.raises(UserError, match="the voice is gone"):
        write_clips(engine, tmp_path, words, 8, None, 0, 2)
    assert len(said) < 100
    assert len(list(tmp_path.rglob("*.wav"))) == 20
    assert not list(tmp_path.rglob("*.partial"))


def test_a_long_word_is_said_faster_and_a_longer_one_refused(engine, tmp_path):
    speaker, rng = engine.speaker(np.random.default_rng(0)), np.random.default_rng(1)
    assert engine.say(speaker, "extraordinarily", rng).shape == (16_000,)
    with pytest.raises(UserError, match=r"'extraordinarily extra.* longer than one second"):
        engine.say(speaker, "extraordinarily " * 3, rng)


@pytest.mark.parametrize("sample", [0.0, np.nan, np.inf])
def test_a_voice_that_fails_is_silent(kokoro, monkeypatch, sample):
    engine = NeuralVoices(kokoro)
    broken = np.full(12_000, sample, np.float32)
    monkeypatch.setattr(engine._engine, "create", lambda *_, **__: (broken, 24_000))
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="'yes' is silent when Kokoro reads it"):
        engine.say(engine.speaker(rng), "yes", rng)


def test_a_higher_voice_is_played_faster_and_lasts_as_long(engine):
    rng = np.random.default_rng(0)
    speaker = engine.speaker(rng)
    style = np.full((510, 1, 256), 0.05, np.float32)
    plain = np.ones_like(speaker.response)

    def tone(pitch: float) -> tuple[float, int]:
        other = neural_voices.Speaker(style, "en-us", 1.0, pitch, plain)
        clip = engine.say(other, "yes", np.random.default_rng(3)).astype(float)
        spectrum = np.abs(np.fft.rfft(clip))
        loud = np.flatnonzero(np.abs(clip) > 0.3 * np.abs(clip).max())
        return float(spectrum[10:].argmax() + 10), int(np.ptp(loud))

    (low, long), (high, same) = tone(1.0), tone(1.2)
    assert low == pytest.approx(0.05 / (2 * np.pi) * 24_000, rel=0.03)
    assert high / low == pytest.approx(1.2, rel=0.03)
    assert same == pytest.approx(long, rel=0.05)


def test_a_blend_takes_the_delivery_from_english_voices_only():
    styles = {name: np.full((4, 1, 256), value) for name, value in (("af_x", 1.0), ("zf_y", 9.0))}
    blends = [blend(styles, np.random.default_rng(seed)) for seed in range(200)]
    assert {style.shape for style in blends} == {(4, 1, 256)}
    delivery = np.array([style[0, 0, 200] for style in blends])
    timbre = np.array([style[0, 0, 20] for style in blends])
    assert (delivery == 1).all()
    assert 1 <= timbre.min() < 2 < 8 < timbre.max() <= 9  # drawn towards the mean, 5, if at all
    assert len(np.unique(timbre.round(3))) > 150
    alone = blend({"zf_y": np.ones((4, 1, 256))}, np.random.default_rng(0))
    np.testing.assert_allclose(alone, 1)


def test_without_a_voice_of_english_any_will_do():
    styles = {"jf_c": np.zeros((4, 1, 256)), "zf_y": np.ones((4, 1, 256))}
    assert np.isfinite(blend(styles, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "nothing to say: give --words or --words_from"),
        (["--words", "yes", "Yes"], "no two that differ in punctuation or case only"),
        (["--words", "yes", "--speakers", "0"], "speakers is 0; give 1 or more"),
        (["--words", "yes", "--words_per_speaker", "0"], "words_per_speaker is 0; give 1 or"),
        (["--words", "yes", "--jobs", "-1"], "jobs is -1; give 1 or more"),
        (["--words", "yes", "--seed", "-1"], "seed is -1; give 0 or more"),
        (["--words_from", "nowhere.txt"], "nowhere.txt: cannot be read as UTF-8 text (No such f"),
        (["--words", "..."], "give at least one, none empty"),
    ],
)
def test_mistakes_are_one_line(options, expected, kokoro, tmp_path, capsys):
    output = tmp_path / "spoken"
    assert main(["synthesize", str(output), *options, "--kokoro", str(kokoro)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not output.exists()


# NumPy leaves a damaged archive to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_missing_and_damaged_files_are_named(kokoro, tmp_path, capsys):
    arguments = ["synthesize", str(tmp_path / "spoken"), "--words", "yes", "--kokoro"]
    assert main([*arguments, str(tmp_path)]) == 2
    assert "--download fetches it (120 MB in all)" in capsys.readouterr().err
    for name in ("kokoro-v1.0.int8.onnx", "voices-v1.0.bin"):
        folder = tmp_path / name[:6]
        folder.mkdir()
        for path in kokoro.iterdir():
            content = path.read_bytes()
            (folder / path.name).write_bytes(content[:100] if path.name == name else content)
        assert main([*arguments, str(folder)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(r"are no model and voices of Kokoro \(.+\)$", line)


def test_without_the_package_the_extra_is_named(kokoro, monkeypatch):
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    with pytest.raises(UserError, match=r"pip install 's4audio\[voices\]'"):
        NeuralVoices(kokoro)


def test_a_download_asks_for_both_files_with_their_checksums(kokoro, tmp_path, monkeypatch):
    asked = []

    def fetch(url: str, path: Path, sha256: str) -> None:
        asked.append((url.rpartition("/")[2], len(sha256)))
        path.write_bytes((kokoro / path.name).read_bytes())

    monkeypatch.setattr(neural_voices, "download_file", fetch)
    NeuralVoices(tmp_path, download=True)
    assert asked == [("kokoro-v1.0.int8.onnx", 64), ("voices-v1.0.bin", 64)]


def test_every_other_word_of_the_recipe_is_no_keyword():
    recipes = Path(__file__).resolve().parents[2] / "recipes"
    text = (recipes / "keyword_spotting" / "other_words.txt").read_text(encoding="utf-8")
    words = text.split("\n")
    said = {part for word in words for part in word.casefold().split()}
    assert len(words) > 400
    assert not said & {*TEN_WORDS, "know", "knot", "write", "wright"}
    assert all(a != b for a, b in pairwise(sorted(word.casefold() for word in words)))

"""What makes a recipe tiny: made files in place of the data set, and a network of a few weights.

A data set or task that recipes use for the first time gets an entry in `DATA` or `MODELS`.
"""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from s4audio.data.lra.listops import Grammar
from s4audio.data.lra.listops_data import generate_listops
from s4audio.data.lra.pathfinder_data import generate_pathfinder
from s4audio.data.speech_commands_files import ALL_WORDS, TEN_WORDS

Options = dict[str, Any]


def audio_folder(folder: Path) -> Options:
    """Noise bursts, a folder for each of two words in each split."""
    random = np.random.default_rng(0)
    for split in ("train", "validation", "testing"):
        for word in ("lights", "music"):
            (folder / split / word).mkdir(parents=True)
            for number in range(6):
                clip = random.uniform(-0.3, 0.3, 8_000)
                soundfile.write(folder / split / word / f"{number}.wav", clip, 16_000)
    return {"root": folder}


def speech_commands(folder: Path) -> Options:
    """Noise bursts in the data set's layout: 8 clips of each of ten words, 3 of others."""
    tree = folder / "SpeechCommands" / "speech_commands_v0.02"
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    random = np.random.default_rng(0)
    for word in ALL_WORDS:
        (tree / word).mkdir(parents=True)
        for number in range(8 if word in TEN_WORDS else 3):
            name = f"{word}/{number:08x}_nohash_0.wav"
            burst = np.zeros(16_000)
            burst[4_000:8_000] = random.uniform(-0.3, 0.3, 4_000)
            soundfile.write(tree / name, burst, 16_000)
            if number < 2:
                lists["validation" if number == 0 else "testing"].append(name)
    (tree / "_background_noise_").mkdir()
    soundfile.write(
        tree / "_background_noise_" / "hum.wav", random.uniform(-0.1, 0.1, 32_000), 16_000
    )
    for split, names in lists.items():
        (tree / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    return {"root": folder}


def keyword_streams(folder: Path) -> Options:
    """Three batches of short segments of such bursts."""
    short = {"segment": 2.0, "context": 1.0, "epoch_minutes": 0.4, "validation_minutes": 0.1}
    return {**speech_commands(folder), **short, "synthetic_clips_per_word": 0}


def listops(folder: Path) -> Options:
    """Short expressions."""
    grammar = Grammar(max_depth=4, min_length=5, max_length=40)
    generate_listops(folder, (12, 4, 4), processes=1, grammar=grammar)
    return {"root": folder}


def imdb(folder: Path) -> Options:
    """Two kinds of reviews, one word each."""
    for part in ("train", "test"):
        for label, word in (("pos", "good"), ("neg", "bad")):
            place = folder / "aclImdb" / part / label
            place.mkdir(parents=True)
            for number in range(10):
                (place / f"{number}.txt").write_text(f"{word} film {number}")
    return {"root": folder, "download": False, "min_count": 1}


def retrieval(folder: Path) -> Options:
    """Pairs of a few words."""
    for part in ("train", "eval", "test"):
        lines = [f"{n % 2}.0\tP{n}\tQ{n}\tpaper {n}\tother paper {n}\n" for n in range(8)]
        (folder / f"new_aan_pairs.{part}.tsv").write_text("".join(lines))
    return {"root": folder}


def grey_cifar(folder: Path) -> Options:
    """Random pictures in the binary version, 10 a file."""
    return {"root": cifar_files(folder), "download": False}


def colour_cifar(folder: Path) -> Options:
    """Random pictures in the binary version; recipes for an .npz file get one."""
    return {"root": cifar_files(folder), "download": False}


def cifar_files(folder: Path) -> Path:
    """The six files of the binary version, ten pictures each."""
    place = folder / "cifar-10-batches-bin"
    place.mkdir()
    random = np.random.default_rng(0)
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        pixels = random.integers(0, 256, (10, 3072), np.uint8)
        records = np.hstack([np.arange(10, dtype=np.uint8)[:, None], pixels])
        (place / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def mnist(folder: Path) -> Options:
    """Random digits in the IDX format: 20 to train, 8 to test."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 8)):
        sizes = np.array([count, 28, 28], ">u4").tobytes()
        pixels = random.integers(0, 256, (count, 28, 28), np.uint8).tobytes()
        labels = (np.arange(count) % 10).astype(np.uint8).tobytes()
        images = bytes([0, 0, 8, 3]) + sizes + pixels
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        content = bytes([0, 0, 8, 1]) + sizes[:4] + labels
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))
    return {"root": folder, "download": False}


def pathfinder(folder: Path) -> Options:
    """Pictures of 32 x 32, for Path-X too: the length of a sequence is not what is tested."""
    generate_pathfinder(folder, resolution=32, images=20, processes=1)
    return {"root": folder, "resolution": 32}


def forecasting(folder: Path) -> Options:
    """Three months of random numbers, every six hours, in columns of the recipes' names."""
    values = np.random.default_rng(0).normal(size=(360, 2))
    dates = np.datetime64("2020-01-01T00", "h") + 6 * np.arange(360)
    lines = [f"{date},{value},{other}" for date, (value, other) in zip(dates, values, strict=True)]
    (folder / "table.csv").write_text("\n".join(["date,OT,value", *lines]))
    return {"path": folder / "table.csv", "context": 30, "horizon": 4, "months": [1, 1, 1]}


def bidmc(folder: Path) -> Options:
    """Noise in the arrays of the S4 code, ten windows a split."""
    random = np.random.default_rng(0)
    for target in ("HR", "RR", "SpO2"):
        place = folder / target / "reshuffle"
        place.mkdir(parents=True)
        for part in ("train", "valid", "test"):
            np.save(place / f"{part}x.npy", random.normal(size=(10, 50, 2)).astype(np.float32))
            np.save(place / f"{part}y.npy", random.normal(80, 10, 10))
    return {"root": folder}


def character_text(folder: Path) -> Options:
    """Random characters."""
    letters = np.random.default_rng(0).choice(list("abc \n"), 3000)
    (folder / "text.txt").write_text("".join(letters))
    return {"path": folder / "text.txt", "length": 32, "context": 16}


def wikitext(folder: Path) -> Options:
    """Lines of 20 words in the data set's files."""
    random = np.random.default_rng(0)
    for part, lines in (("train", 60), ("valid", 10), ("test", 10)):
        rows = random.integers(0, 20, (lines, 12))
        text = "".join(" " + " ".join(f"word{n}" for n in row) + " \n" for row in rows)
        (folder / f"wiki.{part}.tokens").write_text(text)
    return {"root": folder, "length": 16}


# For each data class: makes its files in an empty folder and returns arguments that read them.
DATA: dict[str, Callable[[Path], Options]] = {
    "AudioFolder": audio_folder,
    "BIDMC": bidmc,
    "CharacterText": character_text,
    "Cifar10Density": colour_cifar,
    "Forecasting": forecasting,
    "GreyCifar10": grey_cifar,
    "Imdb": imdb,
    "KeywordStreams": keyword_streams,
    "ListOps": listops,
    "Pathfinder": pathfinder,
    "Retrieval": retrieval,
    "SequentialCifar10": colour_cifar,
    "SequentialMnist": mnist,
    "SpeechCommands": speech_commands,
    "SyntheticSpeech": lambda folder: {"words": ["yes", "no", "stop"], "clips_per_word": 2},
    "WikiText": wikitext,
}


def tiny_network(arguments: Mapping[str, Any]) -> Options:
    """A classifier of eight channels; options that depend on the width follow."""
    network = {"d_model": 8, "n_layers": 1, "d_state": 4}
    if "n_ssm" in arguments["network"]:
        network["n_ssm"] = 1
    return {"network": network}


def tiny_classification(arguments: Mapping[str, Any]) -> Options:
    """Random weights, because those of another network have its sizes."""
    return {**tiny_network(arguments), "initial": "null"}


def tiny_autoregressive(arguments: Mapping[str, Any]) -> Options:
    """A model of the next token with eight channels, and one cluster of twenty words."""
    network: Options = {"backbone": {"d_model": 8, "n_layers": 2, "d_state": 4}}
    if "n_ssm" in arguments["network"]["backbone"]:
        network["backbone"]["n_ssm"] = 1
    if "feed_forward" in arguments["network"]:
        network["feed_forward"] = 8
    if "cutoffs" in arguments["network"]:
        network["cutoffs"] = [8]
    return {"network": network}


# For each task: arguments that make its network tiny, from the arguments in the recipe.
MODELS: dict[str, Callable[[Mapping[str, Any]], Options]] = {
    "ClassificationTask": tiny_classification,
    "DensityTask": tiny_autoregressive,
    "ForecastingTask": tiny_network,
    "LanguageTask": tiny_autoregressive,
    "LongFormTask": tiny_classification,
    "LogMelTask": lambda arguments: {"network": {"bands": 8, "channels": 4, "n_blocks": 1}},
    "RegressionTask": tiny_network,
    "RetrievalTask": tiny_network,
}


def flat(options: Mapping[str, Any], prefix: str) -> list[str]:
    """Nested options as words of a command line: `--prefix.name=value`."""
    words = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            words += flat(value, f"{prefix}.{name}")
        else:
            words.append(f"--{prefix}.{name}={value}")
    return words

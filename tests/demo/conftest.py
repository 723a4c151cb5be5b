"""Models, a sound with words in it, and what Python hears in it: the measure of the web page."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from s4audio.demo.server import PAGE
from s4audio.models import create_model, load
from s4audio.streaming import Stream
from s4audio.streaming.detector import Detector, Event

SHIPPED = "twelve-classes"
SAMPLE_RATE = 16_000
WORDS = ("stop", "left", "right", "go")
LATENCY_SECONDS = 8
OPTIONS = {"threshold": 0.5, "smoothing": 0.3, "refractory": 0.5}

METADATA_EDITS = {
    "sample_rate": ("16000.5", "-16000", ""),
    "chunk": ("160.5", "80", "320", "1e20"),
    "window": ("2.5", "0"),
    "labels": ('["a", "b"]', '["a", "b", "c", "d"]', "[1, 2, 3]", "[]", '"abc"', "no list"),
}
"""What `s4audio export` never writes for a model of three classes and chunks of 160 samples."""

GRAPH_EDITS = (
    (b"audio", b"sound"),
    (b"logits", b"scores"),
    (b"state.", b"stats."),
    (b"next_state.", b"then_state."),
)
"""A name in the graph, and another as long."""


class Example(NamedTuple):
    """Files, and the events of `s4audio listen shipped.onnx --wav words.wav` with these options."""

    folder: Path
    events: list[Event]
    options: dict[str, float]


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Folder of onnxruntime-web."""
    folder = PAGE / "node_modules" / "onnxruntime-web"
    if not folder.is_dir():
        pytest.skip(f"no onnxruntime-web: run npm ci in {PAGE} (.ci/browser.sh does)")
    return folder


@pytest.fixture(scope="session")
def example(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Models of every kind with Python's logits; of the shipped one the events too."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("example")
    sounds = {
        "words": spoken_words(),
        "noise": np.random.default_rng(0).normal(0, 0.2, 20_000).astype(np.float32),
    }
    for name, sound in sounds.items():
        sound.tofile(folder / f"{name}.f32")
    soundfile.write(folder / "words.wav", sounds["words"], SAMPLE_RATE, subtype="FLOAT")
    # A busy machine opens the microphone seconds before the page hears it.
    late = np.concatenate([np.zeros(LATENCY_SECONDS * SAMPLE_RATE, np.float32), sounds["words"]])
    soundfile.write(folder / "microphone.wav", late, SAMPLE_RATE, subtype="PCM_16")

    export_models(folder)
    models = []
    for path in sorted(folder.glob("*.onnx"), key=lambda path: path.stem != "shipped"):
        sound = "words" if path.stem == "shipped" else "noise"
        logits = Stream(path).push(sounds[sound])
        models.append({"name": path.name, "sound": f"{sound}.f32", "logits": logits.tolist()})
    write_foreign_models(folder)
    edited = write_edited_models(folder)

    stream = Stream(folder / "shipped.onnx")
    events = heard(stream, sounds["words"])
    assert len(events) >= 3, "the shipped model no longer hears the words: choose others"
    description = {
        "labels": stream.labels,
        "sampleRate": stream.sample_rate,
        "chunk": stream.chunk,
        "windowSeconds": stream.window_seconds,
    }
    expected = {
        "models": models,
        "description": description,
        "options": OPTIONS,
        "events": [asdict(event) for event in events],
        "edited": edited,
    }
    (folder / "example.json").write_text(json.dumps(expected))
    return Example(folder, events, OPTIONS)


def spoken_words() -> np.ndarray:
    """Four words with silence before and after each, float32 at 16 kHz."""
    pytest.importorskip("espeakng_loader")
    from s4audio.data import audio
    from s4audio.data.espeak import Espeak

    parts = [np.zeros(SAMPLE_RATE, np.float32)]
    with Espeak() as engine:
        for word in WORDS:
            speech = engine.synthesize(word, "en-us", rate=140, pitch=50, pitch_range=50, volume=50)
            parts.append(audio.resample(speech, engine.sample_rate, SAMPLE_RATE))
            parts.append(np.zeros(SAMPLE_RATE, np.float32))
    return np.concatenate(parts).astype(np.float32)


def export_models(folder: Path) -> None:
    """The shipped model, and a small one with random weights of each kind."""
    from s4audio.export import export_onnx

    export_onnx(load(SHIPPED), folder / "shipped.onnx")
    options = {
        "s4": {"d_state": 8, "n_layers": 2},
        "s4d": {"d_state": 8, "n_layers": 2, "stem_stride": 16, "stem_kernel": 32},
        "sgconv": {"kernel_dim": 16, "n_layers": 1},
    }
    for kind, own in options.items():
        torch.manual_seed(0)
        model = create_model(kind, classes=3, d_model=8, length=3200, normalization="level", **own)
        quantize = "int8" if kind == "s4d" else None
        export_onnx(model, folder / f"{kind}.onnx", quantize=quantize)


def write_foreign_models(folder: Path) -> None:
    """A valid file of another program, and one with our metadata and no graph."""
    import onnx
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "foreign", [x], [y])
    onnx.save(helper.make_model(graph), folder / "foreign.onnx")
    empty = onnx.load(folder / "shipped.onnx")
    empty.ClearField("graph")
    onnx.save(empty, folder / "no_graph.onnx")


def write_edited_models(folder: Path) -> list[str]:
    """The model `s4.onnx` with a change of its metadata or its graph each; names of the files."""
    import onnx

    model = onnx.load(folder / "s4.onnx")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    files = {}
    for key, values in METADATA_EDITS.items():
        for number, value in enumerate(values):
            onnx.helper.set_model_props(model, metadata | {key: value})
            files[f"{key}-{number}.onnx"] = model.SerializeToString()
    for old, new in GRAPH_EDITS:
        data = (folder / "s4.onnx").read_bytes()
        files[f"{new.decode().strip('.')}.onnx"] = data.replace(old, new)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return list(files)


def heard(stream: Stream, sound: np.ndarray) -> list[Event]:
    """Events as `s4audio listen` finds them: the sound, then `smoothing` seconds of silence."""
    detector = Detector(stream.labels, stream.chunk / stream.sample_rate, **OPTIONS)
    silence = round(OPTIONS["smoothing"] * stream.sample_rate) + stream.chunk - 1
    padded = np.concatenate([sound, np.zeros(silence, np.float32)])
    return detector.push(stream.push(padded))

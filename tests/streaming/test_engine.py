"""ONNX files that `s4audio export` did not write, or that were changed since: one line each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4audio import SequenceClassifier, UserError, load
from s4audio.export import export_onnx
from s4audio.streaming import Stream
from s4audio.streaming.engine import OnnxEngine

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PEAK = "state.level.peak"
"""The first state of the file, (batch, 1)."""


@pytest.fixture(scope="module")
def path(
    make_model: Callable[..., SequenceClassifier], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Five classes, chunks of 160 samples."""
    model = make_model("s4d", n_layers=1, stem_stride=16)
    return export_onnx(model, tmp_path_factory.mktemp("onnx") / "m.onnx").path


def refusal(path: Path, model: Any) -> str:
    """What is wrong with a model, in brackets in the one line that says so."""
    onnx.save(model, path)
    with pytest.raises(UserError) as error:
        Stream(path)
    before, reason = str(error.value).split(" (", 1)
    assert before == f"{path} is an ONNX file, but not one of s4audio export"
    assert reason.endswith("): export a checkpoint with s4audio export")
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        *(("labels", x, "'labels' must be a JSON list") for x in ("5", "null", '"yes"', "{}", "[")),
        ("labels", "[1, 2, 3, 4, 5]", "JSON list of strings, is '[1, 2, 3, 4, 5]'"),
        ("labels", "[" * 100_000, ""),
        ("labels", "[]", "(2, 2, 5), its metadata say (2, 2, 0)"),
        ("labels", '["a", "b"]', "(2, 2, 5), its metadata say (2, 2, 2)"),
        ("in_place", "5", "'in_place' must be a JSON list of strings, is '5'"),
        *(("chunk", x, f"whole number of at least 1, is '{x}'") for x in ("", "0", "-160", "1.5")),
        ("chunk", "100", "cannot be reshaped"),
        ("chunk", "80", "(2, 1, 5), its metadata say (2, 2, 5)"),
        ("chunk", "320", "(2, 4, 5), its metadata say (2, 2, 5)"),
        ("chunk", "9" * 30, ""),
        *(("window", x, "'window' must be a whole number") for x in ("0", "-1", "ten")),
        *(("sample_rate", x, "'sample_rate' must be a whole number") for x in ("0", "-16000")),
    ],
)
def test_other_metadata(
    path: Path, tmp_path: Path, key: str, value: str, reason: str, capfd: pytest.CaptureFixture
) -> None:
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, metadata | {key: value})
    assert reason in refusal(tmp_path / "m.onnx", model)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("key", ["labels", "sample_rate", "chunk", "window"])
def test_missing_metadata(path: Path, tmp_path: Path, key: str) -> None:
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    del metadata[key]
    onnx.helper.set_model_props(model, metadata)
    assert f"its metadata lack '{key}'" in refusal(tmp_path / "m.onnx", model)


def rename(graph: Any, name: str) -> None:
    for node in graph.node:
        node.input[:] = ["other" if x == name else x for x in node.input]
        node.output[:] = ["other" if x == name else x for x in node.output]
    for value in (*graph.input, *graph.output):
        value.name = "other" if value.name == name else value.name


@pytest.mark.parametrize("name", ["audio", "logits", f"next_{PEAK}", PEAK])
def test_renamed_inputs_and_outputs(
    path: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture
) -> None:
    model = onnx.load(path)
    rename(model.graph, name)
    assert refusal(tmp_path / "m.onnx", model)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("axis", [0, 1])
def test_axes_of_a_state(path: Path, tmp_path: Path, axis: int) -> None:
    model = onnx.load(path)
    (state,) = [x for x in model.graph.input if x.name == PEAK]
    if axis == 0:
        state.type.tensor_type.shape.dim[0].dim_value = 1
    else:
        state.type.tensor_type.shape.dim[1].dim_param = "n"
    expected = ("invalid dimensions", f"the shape of {PEAK} must be known, is ['batch', 'n']")
    assert expected[axis] in refusal(tmp_path / "m.onnx", model)


@pytest.mark.parametrize("names", [("x", "y"), ("audio", "logits")])
def test_a_foreign_graph_with_our_metadata(
    path: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    model = onnx.load(path)
    value, same = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", "time"])
        for name in names
    )
    node = onnx.helper.make_node("Neg", [names[0]], [names[1]])
    model.graph.CopyFrom(onnx.helper.make_graph([node], "foreign", [value], [same]))
    assert refusal(tmp_path / "m.onnx", model)


def test_a_file_begins_with_its_initial_state(path: Path) -> None:
    state = OnnxEngine(path, threads=1).state()
    assert all(len(value) == 1 and not value.any() for value in state.values())


def test_the_suffix_in_capitals(path: Path, tmp_path: Path) -> None:
    capitals = tmp_path / "MODEL.ONNX"
    capitals.write_bytes(path.read_bytes())
    assert Stream(capitals).push(np.zeros(320, np.float32)).shape == (2, 5)
    with pytest.raises(UserError, match="an ONNX file runs on streams only"):
        load(capitals)


def test_labels_that_are_no_ascii(path: Path, tmp_path: Path) -> None:
    model, labels = onnx.load(path), ["ja", "nein", "är", "да", "はい"]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, metadata | {"labels": json.dumps(labels)})
    onnx.save(model, tmp_path / "m.onnx")
    assert Stream(tmp_path / "m.onnx").labels == tuple(labels)

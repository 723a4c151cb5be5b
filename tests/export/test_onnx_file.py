"""Exported files: what is in them, whether they agree with the model, and what cannot be made."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

import s4audio
from s4audio import SequenceClassifier, UserError, create_model
from s4audio.export import ExportReport, ParityError, export_onnx, onnx_file
from s4audio.export.parity import Parity, measure_speed
from s4audio.streaming import Stream

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NETWORKS: dict[str, tuple[str, dict[str, int]]] = {
    "s4": ("s4", {}),
    "s4d": ("s4d", {}),
    "dss": ("dss", {}),
    "sgconv": ("sgconv", {}),
    "filter bank": ("s4d", {"bands": 6}),
    "spectral": ("s4d", {"bands": 7, "band_channels": 3}),
}
REAL = {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL}


def small(kind: str, **options: Any) -> SequenceClassifier:
    torch.manual_seed(1)
    own = {"kernel_dim": 16} if kind == "sgconv" else {"d_state": 8}
    own |= {"version": "exp"} if kind == "dss" else {}
    sizes = {"classes": 3, "d_model": 8, "n_layers": 2, "length": 1600, "stem_stride": 8}
    model = create_model(kind, **(sizes | own | {"normalization": "level"} | options))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


def noise(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 0.3, shape).astype(np.float32)


@pytest.fixture(scope="session", params=NETWORKS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ExportReport:
    kind, options = NETWORKS[request.param]
    path = tmp_path_factory.mktemp("onnx") / f"{kind}.onnx"
    return export_onnx(small(kind, **options), path)


def graphs(graph: Any) -> list[Any]:
    """A graph and the bodies within it."""
    inner = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return [graph, *(g for body in inner for g in graphs(body))]


def test_the_report(exported: ExportReport) -> None:
    assert len(exported.parity) == 6
    assert all(row.relative < 1e-5 for row in exported.parity)
    assert {row.sound for row in exported.parity if row.clip is not None} == {"noise", "syllables"}
    (version,) = exported.versions
    assert version.bytes == exported.path.stat().st_size
    assert version.accuracy is None
    assert 0 < version.speed < 1


def test_the_interface(exported: ExportReport) -> None:
    model = onnx.load(exported.path)
    names = exported.classifier.initial_state()
    assert [x.name for x in model.graph.input] == ["audio", *(f"state.{n}" for n in names)]
    assert [x.name for x in model.graph.output] == ["logits", *(f"next_state.{n}" for n in names)]
    shapes = {
        x.name: [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim]
        for x in (*model.graph.input, *model.graph.output)
    }
    assert shapes["audio"] == ["batch", "time"]
    assert shapes["logits"] == ["batch", "frames", 3]
    for name, value in names.items():
        assert shapes[f"state.{name}"] == ["batch", *value.shape[1:]]
        assert shapes[f"next_state.{name}"] == ["batch", *value.shape[1:]]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata == {
        "sample_rate": "16000",
        "chunk": "128",
        "window": "13",
        "labels": json.dumps(["0", "1", "2"]),
        "s4audio_version": s4audio.__version__,
    }


def test_it_is_real_and_self_contained_and_names_no_folder(exported: ExportReport) -> None:
    model = onnx.load(exported.path, load_external_data=False)
    assert b"/" not in b"".join(
        text.encode()
        for graph in graphs(model.graph)
        for node in graph.node
        for text in (node.doc_string, *(entry.value for entry in node.metadata_props))
    )
    for graph in graphs(model.graph):
        for tensor in graph.initializer:
            assert tensor.data_type in REAL
            assert tensor.data_location == onnx.TensorProto.DEFAULT
        kinds = {node.op_type for node in graph.node}
        assert not kinds & {"DFT", "STFT", "Loop", "If"}
        assert {node.domain for node in graph.node} <= {"", "ai.onnx"}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("chunks", [1, 4, 30])
def test_any_batch_and_number_of_chunks(exported: ExportReport, batch: int, chunks: int) -> None:
    waveform = noise(batch, chunks * 128)
    ours = Stream(exported.path, batch=batch).push(waveform)
    judge = Stream(exported.classifier, batch=batch).push(waveform)
    assert ours.shape == (batch, chunks, 3)
    assert np.abs(ours - judge).max() < 2e-5 * np.abs(judge).max()


def test_a_restored_state_continues_with_the_same_bits(exported: ExportReport) -> None:
    stream = Stream(exported.path)
    stream.push(noise(1000))
    state = stream.state
    expected = stream.push(noise(3001))
    stream.reset()
    for _ in range(2):
        stream.state = state
        np.testing.assert_array_equal(stream.push(noise(3001)), expected)
        stream.push(noise(500))  # writes into the buffers of the state
    other = Stream(exported.classifier)
    other.state = state  # of the ONNX file, continued in PyTorch
    np.testing.assert_allclose(other.push(noise(3001)), expected, rtol=0, atol=1e-5)


def test_any_sizes_give_the_same_bits(exported: ExportReport) -> None:
    waveform = noise(6000)
    stream = Stream(exported.path)
    pieces = np.split(waveform, [1, 100, 228, 229, 3000])
    in_pieces = np.concatenate([stream.push(piece) for piece in pieces])
    np.testing.assert_array_equal(in_pieces, Stream(exported.path).push(waveform))


def test_not_a_number_leaves_the_stream_as_it_was(exported: ExportReport) -> None:
    stream = Stream(exported.path)
    stream.push(noise(300))
    before = stream.state
    with pytest.raises(UserError, match="not finite"):
        stream.push(np.full(300, np.nan, np.float32))
    for name, value in stream.state.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("rate", [2.0, 0.7])
@pytest.mark.parametrize("network", ["s4d", "spectral"])
def test_other_rates(tmp_path: Path, network: str, rate: float) -> None:
    kind, options = NETWORKS[network]
    report = export_onnx(small(kind, **options), tmp_path / "m.onnx", rate)
    assert Stream(report.path).sample_rate == round(16_000 / rate)
    assert max(row.relative for row in report.parity) < 1e-5
    with pytest.raises(UserError, match=r"is fixed: export the model again with --rate 2"):
        Stream(report.path, rate=2.0)


def test_int8_changes_little_and_spares_the_recurrence(tmp_path: Path) -> None:
    report = export_onnx(small("s4", d_model=32), tmp_path / "m.onnx", quantize="int8")
    assert [version.weights for version in report.versions] == ["float32", "int8"]
    assert report.versions[1].bytes < report.versions[0].bytes
    integers = {
        tuple(tensor.dims)
        for graph in graphs(onnx.load(report.path).graph)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    }
    assert integers == {(32, 64), (32, 3)}
    waveform = noise(4000)
    judge = Stream(report.classifier).push(waveform)
    assert np.abs(Stream(report.path).push(waveform) - judge).max() < 0.05 * np.abs(judge).max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "bidirectional"),
        ({"normalization": "clip"}, "normalization: standardize or level"),
    ],
)
def test_a_model_that_cannot_stream(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        export_onnx(small("s4d", **options), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"before")
    monkeypatch.setattr(onnx_file, "LARGEST_DIFFERENCE", 0.0)
    with pytest.raises(ParityError, match="nothing was written"):
        export_onnx(small("s4d"), target)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"before")

    def write(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(UserError, match=r"cannot write .*m.onnx: No space left on device"):
        export_onnx(small("s4d"), target)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_comparison_without_a_number_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Parity("noise", 1.0, x, None, x) for x in (1e-6, float("nan"), 1e-6)]
    monkeypatch.setattr(onnx_file, "check", lambda *_: rows)
    with pytest.raises(ParityError, match="nan of the largest logit"):
        export_onnx(small("s4d"), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_the_speed_of_a_chunk_that_is_longer_than_the_sound(exported: ExportReport) -> None:
    assert measure_speed(exported.path, seconds=0.001) > 0


@pytest.mark.parametrize("name", ["m.pt", "absent/m.onnx"])
def test_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"give a \.onnx file in a folder that exists"):
        export_onnx(small("s4d"), tmp_path / name)


def test_foreign_and_damaged_files(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    same = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [same])
    opset = onnx.helper.make_opsetid("", 20)
    foreign = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(foreign, tmp_path / "foreign.onnx")
    (tmp_path / "damaged.onnx").write_bytes(b"not a graph")
    with pytest.raises(UserError, match=r"not one of s4audio export.*'labels'"):
        Stream(tmp_path / "foreign.onnx")
    with pytest.raises(UserError, match="damaged or not an ONNX file"):
        Stream(tmp_path / "damaged.onnx")


def test_large_rings_are_written_in_place(tmp_path: Path) -> None:
    model = small("sgconv", stem_stride=1, length=1024, normalization="none")
    path = tmp_path / "long.onnx"
    report = export_onnx(model, path, chunk=40)
    metadata = {p.key: p.value for p in onnx.load(path).metadata_props}
    names = json.loads(metadata["in_place"])
    assert set(names) == {f"block{i}.{name}" for i in (0, 1) for name in ("past", "ahead")}
    stream, expected = Stream(path), Stream(report.classifier)
    for size in (7, 40, 333, 1200, 1):
        samples = noise(size)
        np.testing.assert_allclose(stream.push(samples), expected.push(samples), atol=1e-5)
    saved = stream.state
    first = stream.push(noise(500))
    for _ in range(2):
        stream.state = saved
        np.testing.assert_array_equal(stream.push(noise(500)), first)


def test_int8_spares_the_convolutions_over_bands(tmp_path: Path) -> None:
    model = small("s4d", d_model=32, bands=9, band_channels=8)
    report = export_onnx(model, tmp_path / "m.onnx", quantize="int8")
    integers = {
        tuple(tensor.dims)
        for graph in graphs(onnx.load(report.path).graph)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    }
    assert integers == {(24, 32), (32, 64), (32, 3)}
    waveform = noise(4000)
    judge = Stream(report.classifier).push(waveform)
    assert np.abs(Stream(report.path).push(waveform) - judge).max() < 0.05 * np.abs(judge).max()

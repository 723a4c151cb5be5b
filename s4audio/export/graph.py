"""One self-contained ONNX file from a streaming classifier.

PyTorch exports one chunk of the classifier, where every shape but the number of streams is fixed;
that graph becomes the body of one Scan, so the file takes any number of chunks:

    audio (batch, time), state.*  ->  logits (batch, frames, classes), next_state.*

The body is real-valued matrix products and pointwise operations. All states start as zeros.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import s4audio
from s4audio.errors import UserError
from s4audio.streaming import StreamingClassifier
from s4audio.streaming.engine import NEXT_STATE, STATE

OPSET = 23
"""The first with GELU and the multiplication of complex numbers as one operation each."""

ModelProto = Any
GraphProto = Any


def build_step(classifier: StreamingClassifier) -> ModelProto:
    """One chunk as an ONNX model.

    Args:
        classifier: in float32.

    Returns:
        an onnx.ModelProto with inputs state.* and audio (batch, chunk), and outputs next_state.*
        and logits (batch, classes): the order of a Scan's body.

    Raises:
        UserError: if onnx or onnxscript is not installed.
    """
    _require_onnx()
    state = classifier.initial_state(2)  # two streams: a batch of one would become a constant
    audio = torch.zeros(2, classifier.chunk)
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            _Chunk(classifier, list(state)),
            (*state.values(), audio),
            input_names=[*(STATE + name for name in state), "audio"],
            output_names=[*(NEXT_STATE + name for name in state), "logits"],
            dynamic_shapes=(tuple({0: batch} for _ in range(len(state) + 1)),),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return _stripped(program.model_proto)


def repeat(step: ModelProto, classifier: StreamingClassifier) -> ModelProto:
    """The model that runs one chunk after another, with its metadata.

    Args:
        step: from `build_step`, possibly quantised.
        classifier: it was built from.

    Returns:
        an onnx.ModelProto as the module describes.
    """
    import onnx
    from onnx import TensorProto, helper

    body, chunk = step.graph, classifier.chunk
    states, outputs = list(body.input)[:-1], list(body.output)[:-1]
    scan = helper.make_node(
        "Scan",
        [*(x.name for x in states), "chunks"],
        [*(x.name for x in outputs), "logits"],
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
        body=_renamed(body),
    )
    shape = helper.make_tensor("chunk_shape", TensorProto.INT64, [3], [0, -1, chunk])
    cut = helper.make_node("Reshape", ["audio", "chunk_shape"], ["chunks"])
    audio = helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["batch", "time"])
    logits = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, ["batch", "frames", len(classifier.labels)]
    )
    graph = helper.make_graph(
        [cut, scan], "s4audio", [audio, *states], [logits, *outputs], initializer=[shape]
    )
    model = helper.make_model(
        graph, opset_imports=list(step.opset_import), ir_version=step.ir_version
    )
    model.producer_name, model.producer_version = "s4audio", s4audio.__version__
    helper.set_model_props(model, metadata(classifier))
    onnx.checker.check_model(model)
    return model


def metadata(classifier: StreamingClassifier) -> dict[str, str]:
    """What a runtime has to know about a file."""
    entries = {
        "sample_rate": str(classifier.sample_rate),
        "chunk": str(classifier.chunk),
        "window": str(classifier.window),
        "labels": json.dumps(list(classifier.labels)),
        "s4audio_version": s4audio.__version__,
    }
    if classifier.in_place:
        entries["in_place"] = json.dumps(list(classifier.in_place))
    return entries


class _Chunk(nn.Module):
    """One chunk with the states as positional tensors, as the exporter wants them."""

    def __init__(self, classifier: StreamingClassifier, names: list[str]) -> None:
        super().__init__()
        self.classifier, self.names = classifier, names

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        *states, audio = tensors
        state = dict(zip(self.names, states, strict=True))
        logits, next_state = self.classifier.advance(audio, state)
        return (*(next_state[name] for name in self.names), logits)


def _renamed(body: GraphProto) -> GraphProto:
    """The body with names of its own: a Scan's inputs and outputs may not be shadowed."""
    import onnx

    inner = onnx.GraphProto()
    inner.CopyFrom(body)
    outer = {x.name for x in (*body.input, *body.output)}
    names = {name: f"chunk.{name}" for name in outer}
    for node in inner.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*inner.input, *inner.output):
        value.name = names[value.name]
    return inner


def _stripped(model: ModelProto) -> ModelProto:
    """Without the exporter's notes, which hold paths of the machine and half of the size."""
    del model.metadata_props[:]
    graph = model.graph
    del graph.metadata_props[:]
    del graph.value_info[:]
    for item in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings, which are about operators and options that do not occur."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError("export needs onnx and onnxscript: pip install 's4audio[onnx]'") from error

"""What runs a stream's chunks: PyTorch or ONNX Runtime."""

import json
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from s4audio.errors import UserError, first_line
from s4audio.streaming.classifier import StreamingClassifier

Array = npt.NDArray[Any]

STATE, NEXT_STATE = "state.", "next_state."
"""Prefixes of the states among the inputs and outputs of an ONNX file."""


class Engine(ABC):
    """Runs whole chunks and keeps the state between them.

    Attributes:
        labels: names of the classes.
        sample_rate: of the audio, in Hz.
        chunk: samples of a chunk.
        window: chunks that are pooled.
        dtype: of audio, state and logits.
    """

    labels: tuple[str, ...]
    sample_rate: int
    chunk: int
    window: int
    dtype: np.dtype[Any]

    @abstractmethod
    def initial_state(self, batch: int) -> dict[str, Array]:
        """State before the first sample, by name."""

    @abstractmethod
    def state(self) -> dict[str, Array]:
        """A copy of the present state."""

    @abstractmethod
    def restore(self, state: dict[str, Array]) -> None:
        """Continue from a copy of `state`."""

    @abstractmethod
    def run(self, audio: Array) -> Array:
        """Logits (streams, chunks, classes) of audio (streams, chunks * chunk)."""


class TorchEngine(Engine):
    """A streaming classifier in PyTorch."""

    def __init__(self, classifier: StreamingClassifier) -> None:
        self._classifier = classifier
        self.labels, self.sample_rate = classifier.labels, classifier.sample_rate
        self.chunk, self.window = classifier.chunk, classifier.window
        self.dtype = np.dtype(str(classifier.dtype).removeprefix("torch."))
        self._state = classifier.initial_state()

    def initial_state(self, batch: int) -> dict[str, Array]:
        """See `Engine`."""
        return {n: x.numpy() for n, x in self._classifier.initial_state(batch).items()}

    def state(self) -> dict[str, Array]:
        """See `Engine`."""
        return {name: x.numpy().copy() for name, x in self._state.items()}

    def restore(self, state: dict[str, Array]) -> None:
        """See `Engine`."""
        self._state = {name: torch.tensor(x) for name, x in state.items()}

    def run(self, audio: Array) -> Array:
        """See `Engine`."""
        with torch.inference_mode():
            logits, self._state = self._classifier(torch.from_numpy(audio), self._state)
        scores: Array = logits.numpy()
        return scores


class OnnxEngine(Engine):
    """A file of `s4audio export` in ONNX Runtime.

    The state lives in two sets of buffers that take turns as input and output, so that a run
    allocates nothing but its logits. States that allow it have one buffer for both.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._session = _open(path, threads)
        self.dtype = np.dtype(np.float32)
        try:
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.labels = _names(metadata, "labels")
            self.sample_rate = _count(metadata, "sample_rate")
            self.chunk, self.window = _count(metadata, "chunk"), _count(metadata, "window")
            self._in_place = _names({"in_place": "[]"} | metadata, "in_place")
            self._shapes = _state_shapes(self._session.get_inputs())
            self._rehearse()
        except Exception as error:  # what onnxruntime says of a foreign graph has no common base
            raise UserError(
                f"{path} is an ONNX file, but not one of s4audio export ({first_line(error)}): "
                "export a checkpoint with s4audio export"
            ) from error
        self.restore(self.initial_state(1))

    def initial_state(self, batch: int) -> dict[str, Array]:
        """See `Engine`."""
        return {n: np.zeros((batch, *shape), self.dtype) for n, shape in self._shapes.items()}

    def state(self) -> dict[str, Array]:
        """See `Engine`."""
        return {name: buffer.numpy().copy() for name, buffer in self._present.items()}

    def restore(self, state: dict[str, Array]) -> None:
        """See `Engine`."""
        from onnxruntime import OrtValue

        # An OrtValue is only a view of its array, and the runs write into it.
        self._present = {n: OrtValue.ortvalue_from_numpy(x.copy()) for n, x in state.items()}
        self._next = {
            name: present
            if name in self._in_place
            else OrtValue.ortvalue_from_numpy(np.zeros_like(state[name]))
            for name, present in self._present.items()
        }
        self._binding = self._bound(self._present, self._next)
        self._next_binding = self._bound(self._next, self._present)

    def run(self, audio: Array) -> Array:
        """See `Engine`."""
        self._binding.bind_cpu_input("audio", audio)
        self._binding.bind_output("logits")
        self._session.run_with_iobinding(self._binding)
        logits: Array = self._binding.get_outputs()[-1].numpy()
        self._present, self._next = self._next, self._present
        self._binding, self._next_binding = self._next_binding, self._binding
        return logits

    def _rehearse(self) -> None:
        """Refuse a graph that is not what the metadata say, by chunks of silence.

        Two streams of two chunks, because one would fit axes that are fixed.
        """
        self.restore(self.initial_state(2))
        logits = self.run(np.zeros((2, 2 * self.chunk), self.dtype))
        expected = (2, 2, len(self.labels))
        if logits.shape != expected:
            raise ValueError(
                f"two streams of two chunks give logits of shape {logits.shape}, its metadata say "
                f"{expected}"
            )

    def _bound(self, present: dict[str, Any], following: dict[str, Any]) -> Any:
        binding = self._session.io_binding()
        for name in self._shapes:
            binding.bind_ortvalue_input(STATE + name, present[name])
            binding.bind_ortvalue_output(NEXT_STATE + name, following[name])
        return binding


def _open(path: Path, threads: int) -> Any:
    """An ONNX Runtime session."""
    if not path.is_file():
        raise UserError(f"no file at {path}")
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("ONNX files need onnxruntime: pip install 's4audio[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong is raised, and said in one line
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its errors
        raise UserError(f"{path} is damaged or not an ONNX file: {first_line(error)}") from error


def _names(metadata: Mapping[str, str], key: str) -> tuple[str, ...]:
    """An entry that is a JSON list of strings."""
    text = _entry(metadata, key)
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError(
            f"its metadata {key!r} must be a JSON list of strings, is {reprlib.repr(text)}"
        )
    return tuple(names)


def _count(metadata: Mapping[str, str], key: str) -> int:
    """An entry that is a whole number of at least 1."""
    text = _entry(metadata, key)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"its metadata {key!r} must be a whole number of at least 1, is {reprlib.repr(text)}"
        )
    return int(text)


def _entry(metadata: Mapping[str, str], key: str) -> str:
    if key not in metadata:
        raise ValueError(f"its metadata lack {key!r}")
    return metadata[key]


def _state_shapes(inputs: list[Any]) -> dict[str, list[int]]:
    """Shapes of the states of one stream, by name."""
    shapes = {}
    for x in inputs:
        if x.name.startswith(STATE):
            if not all(isinstance(size, int) for size in x.shape[1:]):
                raise ValueError(f"the shape of {x.name} must be known, is {x.shape}")
            shapes[x.name.removeprefix(STATE)] = x.shape[1:]
    return shapes

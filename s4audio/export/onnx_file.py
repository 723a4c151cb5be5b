"""Export: build the graph, check it against the model, quantise it, move it into place."""

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from s4audio.data.clips import Clips
from s4audio.errors import OwnFaultError, UserError
from s4audio.export.accuracy import clip_accuracy
from s4audio.export.graph import build_step, repeat
from s4audio.export.parity import Parity, Waveform, check, measure_speed
from s4audio.export.quantization import quantize as quantize_step
from s4audio.models import SequenceClassifier
from s4audio.streaming import StreamingClassifier

LARGEST_DIFFERENCE = 1e-4
"""Of a logit, relative to the largest; above it a file is not written."""


class ParityError(OwnFaultError):
    """The exported graph does not give the model's answers."""


@dataclass(frozen=True)
class Version:
    """One form of the file.

    Attributes:
        weights: ``float32`` or ``int8``.
        difference: largest difference of a logit from the model, relative to the largest logit.
        bytes: its size.
        speed: seconds of one core for a second of sound.
        accuracy: on the clips, or None without clips.
    """

    weights: str
    difference: float
    bytes: int
    speed: float
    accuracy: float | None


@dataclass(frozen=True)
class ExportReport:
    """What was written and how it compares.

    Attributes:
        path: of the file.
        classifier: the stream it was made from.
        parity: of the float32 form with the model.
        versions: the float32 form and, if asked for, the int8 form; the last was written.
    """

    path: Path
    classifier: StreamingClassifier
    parity: list[Parity]
    versions: list[Version]


def export_onnx(
    model: SequenceClassifier,
    path: str | os.PathLike[str],
    rate: float = 1.0,
    quantize: Literal["int8"] | None = None,
    *,
    chunk: int | None = None,
    window: float | None = None,
    recording: Waveform | None = None,
    clips: Clips | None = None,
) -> ExportReport:
    """Write a streaming classifier as one ONNX file, if it gives the model's answers.

    Args:
        model: causal.
        path: where to; its folder must exist.
        rate: training sample rate / sample rate of the audio, fixed in the file.
        quantize: ``int8`` for eight-bit weights of the linear layers.
        chunk: samples of a chunk; None for about 10 ms.
        window: seconds of the pooling window; None for the training length.
        recording: real sound for the check, at the file's sample rate; None for a synthetic one.
        clips: labelled clips to score both forms on, at the file's sample rate.

    Returns:
        differences, sizes, speeds and accuracies.

    Raises:
        UserError: if the model cannot stream, an option is out of range, there are no clips, or
            the file cannot be written; what was there before is left as it was.
        ParityError: if the largest difference of the float32 form is above `LARGEST_DIFFERENCE`, or
            that of the int8 form is not finite; nothing is written.
    """
    target = Path(path)
    if target.suffix != ".onnx" or not target.parent.is_dir():
        raise UserError(f"cannot write {target}: give a .onnx file in a folder that exists")
    if clips is not None and len(clips) == 0:
        raise UserError("there are no clips to score: check the folder and its split lists")
    model = model.eval()
    classifier = StreamingClassifier(model, rate, chunk, window)
    step = build_step(classifier)
    with _beside(target) as draft:
        _write(repeat(step, classifier), draft, target)
        parity = check(draft, model, classifier, rate, recording)
        versions = [_version("float32", draft, parity, clips)]
        if quantize is not None:
            _write(repeat(quantize_step(step), classifier), draft, target)
            rounded = check(draft, model, classifier, rate, recording)
            versions.append(_version(quantize, draft, rounded, clips))
        draft.replace(target)
    return ExportReport(target, classifier, parity, versions)


def _judge(weights: str, parity: list[Parity]) -> float:
    """The largest relative difference of a form that may be written."""
    worst = max(parity, key=lambda row: math.inf if math.isnan(row.relative) else row.relative)
    if weights == "float32":
        fits, fault = worst.relative <= LARGEST_DIFFERENCE, f"more than {LARGEST_DIFFERENCE:.0e}"
    else:
        # Rounded weights change the answers; whether by too much is for the user to say.
        fits, fault = math.isfinite(worst.relative), "which is no number"
    if not fits:
        raise ParityError(
            f"the {weights} graph differs from the model by {worst.relative:.1e} of the largest "
            f"logit ({worst.sound}, {worst.seconds:.1f} s), {fault}: nothing was written"
        )
    return worst.relative


def _version(weights: str, draft: Path, parity: list[Parity], clips: Clips | None) -> Version:
    difference = _judge(weights, parity)
    accuracy = None if clips is None else clip_accuracy(draft, clips)
    return Version(weights, difference, draft.stat().st_size, measure_speed(draft), accuracy)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file in the target's folder, so that moving it into place is one step; gone at the end."""
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}-", suffix=".onnx", dir=target.parent
        )
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _write(graph: Any, draft: Path, target: Path) -> None:
    try:
        draft.write_bytes(graph.SerializeToString())
        draft.chmod(0o644)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error

"""`s4audio export`: a streaming model as one ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data.clips import Clips
    from s4audio.export import ExportReport
    from s4audio.export.parity import Waveform


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `export` and export.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.

    Raises:
        ParityError: The file would not give the model's answers.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Write a causal model as one ONNX file that runs on a stream of audio.",
        exit_on_error=False,
    )
    parser.add_function_arguments(export, as_group=False, as_positional=True, skip={"output"})
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the .onnx file to write"
    )
    options = parser.parse_args(arguments)
    export(**options.as_dict())
    return 0


def export(
    checkpoint: str,
    output: Path,
    rate: float = 1.0,
    quantize: Literal["int8"] | None = None,
    chunk: int | None = None,
    window: float | None = None,
    audio: Path | None = None,
    data: Path | None = None,
) -> None:
    """Write a causal model as one ONNX file; print how it compares with the model.

    Args:
        checkpoint: A .ckpt of `s4audio fit`, a folder of `save_pretrained`, a shipped name, or
            hf-hub:OWNER/NAME.
        output: The .onnx file to write.
        rate: Training sample rate / sample rate of the audio: 2 for 8 kHz audio and a model trained
            at 16 kHz.
        quantize: "int8" for eight-bit weights of the linear layers.
        chunk: Samples between two answers. None: about 10 ms.
        window: Seconds the answers are pooled over. None: the length of the training clips.
        audio: A recording for the comparison. None: synthetic sound.
        data: A Speech Commands tree, a folder per class or a CSV manifest: the accuracy before and
            after quantisation is measured on its test split.

    Raises:
        UserError: The checkpoint cannot be read, cannot stream, or the file cannot be written.
    """
    import s4audio
    from s4audio.export import export_onnx
    from s4audio.streaming.classifier import audio_sample_rate

    model = s4audio.load(checkpoint)
    if not 0 < rate <= model.sample_rate:
        raise UserError(
            f"rate must be above 0 and at most {model.sample_rate}, the model's sample rate, got "
            f"{rate:g}"
        )
    sample_rate = audio_sample_rate(model.sample_rate, rate)
    report = export_onnx(
        model,
        output,
        rate,
        quantize,
        chunk=chunk,
        window=window,
        recording=None if audio is None else _recording(audio, sample_rate),
        clips=None if data is None else _clips(data, model.labels, sample_rate),
    )
    _print(report)


def _recording(path: Path, sample_rate: int) -> "Waveform":
    from s4audio.data import audio

    waveform, own_rate = audio.read(path)
    return audio.resample(waveform, own_rate, sample_rate)


def _clips(folder: Path, labels: tuple[str, ...], sample_rate: int) -> "Clips":
    from s4audio.data import open_audio

    module = open_audio(folder, labels=labels, sample_rate=sample_rate)
    module.prepare_data()
    module.setup("test")
    return module.split("testing")


def _print(report: "ExportReport") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title="Largest difference of a logit, ONNX Runtime against PyTorch")
    for name in ("sound", "seconds", "stream", "clip", "of the largest logit"):
        table.add_column(name, justify="left" if name == "sound" else "right")
    for row in report.parity:
        clip = "" if row.clip is None else f"{row.clip:.1e}"
        seconds = f"{row.seconds:.2f}"
        table.add_row(row.sound, seconds, f"{row.stream:.1e}", clip, f"{row.relative:.1e}")
    console.print(table)
    table = Table(title="Sizes and speeds, one core")
    for name in ("weights", "difference", "megabytes", "seconds a second of sound", "accuracy"):
        table.add_column(name, justify="left" if name == "weights" else "right")
    for version in report.versions:
        accuracy = "" if version.accuracy is None else f"{100 * version.accuracy:.2f} %"
        size, speed = f"{version.bytes / 1e6:.2f}", f"{version.speed:.3f}"
        table.add_row(version.weights, f"{version.difference:.1e}", size, speed, accuracy)
    console.print(table)
    stream = report.classifier
    line = (
        f"{report.path}: {stream.sample_rate} Hz, an answer every {stream.chunk} samples, pooled "
        f"over {stream.window_seconds:.2f} s"
    )
    console.print(Text(line), soft_wrap=True)  # a path may have brackets, which would be markup

"""`s4audio evaluate --stream`: keywords in long recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import AudioDataModule, Clips
    from s4audio.evaluation.detection import Timeline
    from s4audio.streaming.stream import Stream

# Testing has a fifth of that: eight clips of each other word.
_OTHER_CLIPS_PER_WORD = 40


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `evaluate --stream` and evaluate.

    Args:
        command: Name of the command.
        arguments: The words after it, without `--stream`.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command} --stream",
        description="Score a model on long recordings: misses, false accepts an hour, latency.",
        exit_on_error=False,
    )
    parser.add_function_arguments(
        evaluate_stream, as_group=False, as_positional=True, skip={"snrs"}
    )
    parser.add_argument(
        "--snrs",
        type=float,
        nargs="+",
        default=[20.0, 10.0, 5.0, 0.0],
        metavar="DB",
        help="signal-to-noise ratios in decibels (default: 20 10 5 0)",
    )
    options = parser.parse_args(arguments)
    evaluate_stream(
        checkpoint=options.checkpoint,
        snrs=options.snrs,
        data=options.data,
        recordings=options.recordings,
        output=options.output,
        hours=options.hours,
        seed=options.seed,
        smoothing=options.smoothing,
        refractory=options.refractory,
        tolerance=options.tolerance,
        threshold=options.threshold,
    )
    return 0


def evaluate_stream(
    checkpoint: str,
    snrs: list[float],
    data: Path | None = None,
    recordings: Path | None = None,
    output: Path | None = None,
    hours: float = 1.0,
    seed: int = 0,
    smoothing: float = 0.3,
    refractory: float = 1.0,
    tolerance: float = 0.75,
    threshold: float | None = None,
) -> None:
    """Score a model on long recordings; print the tables and write them beside the plots.

    Args:
        checkpoint: A .ckpt of `s4audio fit`, an .onnx file of `s4audio export`, a folder of
            `save_pretrained`, or a shipped name.
        snrs: Signal-to-noise ratios in decibels.
        data: Clips to assemble recordings from: a Speech Commands tree, a folder per class or a CSV
            manifest. None: the data the checkpoint was trained on.
        recordings: Your own recordings instead: a CSV table with the columns path, word, start and
            end (in seconds).
        output: Folder of tables and plots. None: `stream` beside the checkpoint.
        hours: Length of the assembled recording, which is heard at every ratio.
        seed: Of the assembled recording.
        smoothing: Time over which scores are averaged, in seconds.
        refractory: Least time between two events, in seconds.
        tolerance: Seconds after the end of a word in which an event still hits it.
        threshold: At which words, latencies and mistakes are looked at; None: the best one with at
            most 0.5 false accepts an hour.

    Raises:
        UserError: The model cannot stream, its data is not known and none is given, or a file is
            at fault.
    """
    from rich.console import Console
    from rich.text import Text

    from s4audio.evaluation.detection_report import print_stream_report, write_stream_report
    from s4audio.evaluation.stream_evaluation import evaluate_timelines
    from s4audio.streaming.stream import Stream

    if recordings is not None and data is not None:
        raise UserError("--recordings goes without --data: choose files or clips to assemble")
    stream = Stream(checkpoint, batch=1 if recordings is not None else len(snrs))
    if recordings is not None:
        timelines = _hear_own(stream, recordings, smoothing)
    else:
        module = _open(Path(checkpoint), data, stream)
        timelines = _hear_assembled(stream, module, hours, snrs, seed, smoothing)
    evaluation = evaluate_timelines(timelines, smoothing, refractory, tolerance, threshold)
    print_stream_report(evaluation)
    folder = output or _beside(Path(checkpoint))
    write_stream_report(evaluation, folder)
    Console().print(Text(f"The report is in {folder}"), soft_wrap=True)


def _hear_own(stream: "Stream", table: Path, smoothing: float) -> "list[Timeline]":
    from s4audio.data.annotations import read_annotations
    from s4audio.evaluation.timeline import hear_files

    return hear_files(stream, read_annotations(table), smoothing)


def _hear_assembled(
    stream: "Stream",
    module: "AudioDataModule",
    hours: float,
    snrs: list[float],
    seed: int,
    smoothing: float,
) -> "list[Timeline]":
    from s4audio.data.recordings import AssembledRecording, background_of
    from s4audio.evaluation.timeline import hear_assembled
    from s4audio.streaming.detector import is_event

    others = _other_words(module)
    recording = AssembledRecording(
        clips=[module.split("testing"), *([] if others is None else [others])],
        keywords=[label for label in stream.labels if is_event(label)],
        seconds=3600 * hours,
        snrs=snrs,
        seed=seed,
        background=background_of(module),
    )
    return hear_assembled(stream, recording, smoothing)


def _open(checkpoint: Path, data: Path | None, stream: "Stream") -> "AudioDataModule":
    from s4audio.data import from_description, open_audio
    from s4audio.models.pretrained import read_checkpoint

    if data is not None:
        module = open_audio(data, labels=stream.labels, sample_rate=stream.sample_rate)
    elif checkpoint.suffix == ".ckpt":
        module = from_description(read_checkpoint(checkpoint)["s4audio"]["data"])
    else:
        raise UserError(f"{checkpoint} does not say what it was trained on; give --data DIR")
    module.prepare_data()
    return module


def _other_words(module: "AudioDataModule") -> "Clips | None":
    """Clips of words that the data set has beside its labels; None if there are none."""
    from s4audio.data import SpeechCommands, SyntheticSpeech
    from s4audio.data.speech_commands import ALL_WORDS

    words = [word for word in ALL_WORDS if word not in module.labels]
    others: AudioDataModule
    if not words:
        return None
    if isinstance(module, SpeechCommands):
        others = SpeechCommands(module.root, words=words, sample_rate=module.sample_rate)
    elif isinstance(module, SyntheticSpeech):
        others = SyntheticSpeech(
            module.root, words, _OTHER_CLIPS_PER_WORD, sample_rate=module.sample_rate
        )
    else:
        return None
    others.prepare_data()
    return others.split("testing")


def _beside(checkpoint: Path) -> Path:
    """Folder of the report: in the run, beside the file, or here for a shipped name."""
    from s4audio.commands.runs import folder_of

    if checkpoint.is_dir():
        return checkpoint / "stream"
    if checkpoint.is_file():
        return (folder_of(checkpoint) or checkpoint.resolve().parent) / "stream"
    return Path("evaluation") / checkpoint.name / "stream"

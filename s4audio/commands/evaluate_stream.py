"""`s4audio evaluate --stream`: keywords in long recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from s4audio.commands.runs import beside, check_writable
from s4audio.commands.stream_data import assembled, negative_kinds, open_clips
from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.evaluation.detection import Timeline
    from s4audio.evaluation.stream_evaluation import StreamEvaluation
    from s4audio.streaming.stream import Stream

# Options of the recording that is assembled: your own recordings are as they are.
_ASSEMBLED = (
    "data",
    "hours",
    "snrs",
    "seed",
    "negatives",
    "negative_hours",
    "synthetic_sentences",
)


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `evaluate --stream` and evaluate.

    Args:
        command: Name of the command.
        arguments: The words after it, without `--stream`.

    Returns:
        Exit code.
    """
    parser = _parser(command)
    options = parser.parse_args(arguments)
    _check_choice(options, parser.parse_args(arguments, defaults=False))
    evaluate_stream(
        checkpoint=options.checkpoint,
        snrs=options.snrs,
        negatives=options.negatives,
        data=options.data,
        recordings=options.recordings,
        output=options.output,
        hours=options.hours,
        negative_hours=options.negative_hours,
        synthetic_sentences=options.synthetic_sentences,
        seed=options.seed,
        smoothing=options.smoothing,
        refractory=options.refractory,
        tolerance=options.tolerance,
        threshold=options.threshold,
    )
    return 0


def _parser(command: str) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"s4audio {command} --stream",
        description="Score a model on long recordings: misses, false accepts an hour, latency.",
        exit_on_error=False,
    )
    own: set[str | int] = {"snrs", "negatives", "negative_hours", "synthetic_sentences"}
    parser.add_function_arguments(evaluate_stream, as_group=False, as_positional=True, skip=own)
    parser.add_argument(
        "--snrs",
        type=float,
        nargs="+",
        default=[20.0, 10.0, 5.0, 0.0],
        metavar="DB",
        help="signal-to-noise ratios of the assembled recording in decibels (default: 20 10 5 0)",
    )
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of recordings without keywords, for the part without keywords",
    )
    parser.add_argument(
        "--negative-hours",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="length of a part without keywords behind the other; false accepts are counted in it",
    )
    parser.add_argument(
        "--synthetic-sentences",
        type=int,
        default=0,
        metavar="NUMBER",
        help="sentences, said by eSpeak NG, for the part without keywords",
    )
    return parser


def evaluate_stream(
    checkpoint: str,
    snrs: list[float],
    negatives: list[Path],
    data: Path | None = None,
    recordings: Path | None = None,
    output: Path | None = None,
    hours: float = 1.0,
    negative_hours: float = 0.0,
    synthetic_sentences: int = 0,
    seed: int = 0,
    smoothing: float = 0.3,
    refractory: float = 1.0,
    tolerance: float = 0.75,
    threshold: float | None = None,
) -> None:
    """Score a model on long recordings; print the tables and write them beside the plots.

    Args:
        checkpoint: A .ckpt of `s4audio fit`, an .onnx file of `s4audio export`, a folder of
            `save_pretrained`, a shipped name, or hf-hub:OWNER/NAME.
        snrs: Signal-to-noise ratios of the assembled recording in decibels.
        negatives: Folders of recordings without keywords.
        data: Clips to assemble recordings from: a Speech Commands tree, a folder per class or a CSV
            manifest. None: the data the checkpoint was trained on; where it is these, only their
            test split is heard.
        recordings: Your own recordings instead: a CSV table with the columns path, word, start and
            end (in seconds).
        output: Folder of tables and plots. None: `stream` beside the checkpoint.
        hours: Length of the assembled recording, which is heard at every ratio.
        negative_hours: Length of a part without keywords behind it; if there is one, false accepts
            are counted there and only there.
        synthetic_sentences: How many different sentences, said by eSpeak NG, are in that part.
        seed: Of the assembled recording.
        smoothing: Time over which scores are averaged, in seconds.
        refractory: Least time between two events, in seconds.
        tolerance: Seconds after the end of a word in which an event still hits it.
        threshold: At which words, latencies and mistakes are looked at; None: the best one with at
            most 0.5 false accepts an hour.

    Raises:
        UserError: The model cannot stream, its data is not known, or a file is at fault.
    """
    from s4audio.evaluation.stream_evaluation import check_options, evaluate_timelines
    from s4audio.evaluation.timeline import hear_assembled
    from s4audio.streaming.stream import Stream

    check_options(refractory, tolerance, threshold)
    folder = output or beside(Path(checkpoint)) / "stream"
    check_writable(folder, "--output")
    stream = Stream(checkpoint, batch=1 if recordings is not None else len(snrs))
    if recordings is not None:
        timelines = _hear_own(stream, recordings, smoothing)
    else:
        module = open_clips(Path(checkpoint), data, stream.labels, stream.sample_rate)
        kinds = negative_kinds(negatives, synthetic_sentences, stream.labels, stream.sample_rate)
        recording = assembled(module, kinds, stream.labels, (hours, negative_hours), snrs, seed)
        timelines = hear_assembled(stream, recording, smoothing)
    evaluation = evaluate_timelines(timelines, smoothing, refractory, tolerance, threshold)
    _report(evaluation, folder)


def _report(evaluation: "StreamEvaluation", folder: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    from s4audio.evaluation.detection_report import print_stream_report, write_stream_report
    from s4audio.evaluation.writing import print_then_write

    print_then_write(
        lambda: print_stream_report(evaluation), lambda: write_stream_report(evaluation, folder)
    )
    Console().print(Text(f"The report is in {folder}"), soft_wrap=True)


def _check_choice(options: Namespace, given: Namespace) -> None:
    """Refuse options that contradict each other; `given` lacks the defaults."""
    needless = [name for name in _ASSEMBLED if name in given]
    if options.recordings is not None and needless:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in needless)
        raise UserError(f"--recordings goes without {names}: choose files or clips to assemble")
    if (options.negatives or options.synthetic_sentences) and not options.negative_hours:
        raise UserError("--negatives and --synthetic-sentences need --negative-hours HOURS")


def _hear_own(stream: "Stream", table: Path, smoothing: float) -> "list[Timeline]":
    from s4audio.data.annotations import read_annotations
    from s4audio.evaluation.timeline import hear_files

    return hear_files(stream, read_annotations(table), smoothing)

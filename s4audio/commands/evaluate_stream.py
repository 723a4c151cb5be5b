"""`s4audio evaluate --stream`: keywords in long recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from s4audio.commands.own_data import own_data
from s4audio.commands.runs import check_writable, folder_of
from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import AudioDataModule, Clips, KeywordStreams, SpeechCommands
    from s4audio.data.recordings import AssembledRecording
    from s4audio.evaluation.detection import Timeline
    from s4audio.evaluation.stream_evaluation import StreamEvaluation
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
    options = _parser(command).parse_args(arguments)
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
            `save_pretrained`, or a shipped name.
        snrs: Signal-to-noise ratios of the assembled recording in decibels.
        negatives: Folders of recordings without keywords.
        data: Clips to assemble recordings from: a Speech Commands tree, a folder per class or a CSV
            manifest. None: the data the checkpoint was trained on.
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
        UserError: The model cannot stream, its data is not known and none is given, or a file is
            at fault.
    """
    from s4audio.evaluation.stream_evaluation import check_options, evaluate_timelines
    from s4audio.evaluation.timeline import hear_assembled
    from s4audio.streaming.stream import Stream

    _check_choice(data, recordings, negative_hours, bool(negatives or synthetic_sentences))
    check_options(refractory, tolerance, threshold)
    folder = output or _beside(Path(checkpoint))
    check_writable(folder, "--output")
    stream = Stream(checkpoint, batch=1 if recordings is not None else len(snrs))
    if recordings is not None:
        timelines = _hear_own(stream, recordings, smoothing)
    else:
        module = _open(Path(checkpoint), data, stream)
        kinds = _negatives(negatives, synthetic_sentences, stream)
        recording = _assembled(module, kinds, stream, (hours, negative_hours), snrs, seed)
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


def _check_choice(
    data: Path | None, recordings: Path | None, negative_hours: float, negatives: bool
) -> None:
    if recordings is not None and (data is not None or negative_hours):
        raise UserError(
            "--recordings goes without --data and --negative-hours: choose files or clips to "
            "assemble"
        )
    if negatives and not negative_hours:
        raise UserError("--negatives and --synthetic-sentences need --negative-hours HOURS")


def _hear_own(stream: "Stream", table: Path, smoothing: float) -> "list[Timeline]":
    from s4audio.data.annotations import read_annotations
    from s4audio.evaluation.timeline import hear_files

    return hear_files(stream, read_annotations(table), smoothing)


def _assembled(
    module: "AudioDataModule",
    negatives: "list[Clips]",
    stream: "Stream",
    hours: tuple[float, float],
    snrs: list[float],
    seed: int,
) -> "AssembledRecording":
    """A recording of the test split; hours with keywords and without."""
    from s4audio.data.recordings import AssembledRecording, background_of

    others = _other_words(module)
    return AssembledRecording(
        clips=[module.split("testing"), *([] if others is None else [others])],
        keywords=_keywords(stream),
        seconds=3600 * hours[0],
        snrs=snrs,
        seed=seed,
        background=background_of(module),
        negatives=negatives,
        negative_seconds=3600 * hours[1],
    )


def _keywords(stream: "Stream") -> list[str]:
    from s4audio.streaming.detector import is_event

    return [label for label in stream.labels if is_event(label)]


def _open(checkpoint: Path, data: Path | None, stream: "Stream") -> "AudioDataModule":
    from s4audio.data import open_audio

    if data is not None:
        module = open_audio(data, labels=stream.labels, sample_rate=stream.sample_rate)
    elif checkpoint.suffix == ".ckpt":
        module = own_data(checkpoint)
    else:
        raise UserError(f"{checkpoint} does not say what it was trained on; give --data DIR")
    module = _keywords_alone(module, _keywords(stream))
    module.prepare_data()
    return module


def _keywords_alone(module: "AudioDataModule", keywords: list[str]) -> "AudioDataModule":
    """Without the classes `_unknown_` and `_silence_` of Speech Commands.

    All other words of the data set are to be heard, each as often as the next, and not the few that
    were drawn for a class.
    """
    from s4audio.data import KeywordStreams, SpeechCommands

    if not isinstance(module, SpeechCommands | KeywordStreams) or module.labels == keywords:
        return module
    return _with_words(module, keywords)


def _with_words(module: "SpeechCommands | KeywordStreams", words: list[str]) -> "SpeechCommands":
    """The clips of some words in the same folder."""
    from s4audio.data import SpeechCommands

    return SpeechCommands(
        module.root,
        words=words,
        sample_rate=module.sample_rate,
        skip_bad_files=module.skip_bad_files,
    )


def _negatives(folders: list[Path], sentences: int, stream: "Stream") -> "list[Clips]":
    """One split for each kind of recordings without keywords."""
    from s4audio.data.negatives import clips_of, negative_clips
    from s4audio.data.sentences import sentence_clips

    if sentences < 0:
        raise UserError(f"--synthetic-sentences {sentences}: must not be negative")
    words = _keywords(stream)
    kinds = [negative_clips(folder, words, stream.sample_rate) for folder in folders]
    if sentences:
        kinds.append(clips_of(sentence_clips(sentences, words), stream.sample_rate))
    return kinds


def _other_words(module: "AudioDataModule") -> "Clips | None":
    """Clips of words that the data set has beside its labels; None if there are none."""
    from s4audio.data import SpeechCommands, SyntheticSpeech
    from s4audio.data.speech_commands_files import ALL_WORDS

    words = [word for word in ALL_WORDS if word not in module.labels]
    others: AudioDataModule
    if not words:
        return None
    if isinstance(module, SpeechCommands):
        others = _with_words(module, words)
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
    if checkpoint.is_dir():
        return checkpoint / "stream"
    if checkpoint.is_file():
        return (folder_of(checkpoint) or checkpoint.resolve().parent) / "stream"
    return Path("evaluation") / checkpoint.name / "stream"

"""`s4audio listen`: words in a recording or at the microphone, one JSON line an event."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.streaming.listener import Listener, Report
    from s4audio.streaming.source import AudioSource, Block


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `listen` and listen.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        usage="%(prog)s MODEL [options]",
        description="Detect words in a file or at the microphone; one JSON line an event.",
        exit_on_error=False,
    )
    parser.add_function_arguments(
        listen, as_group=False, as_positional=True, skip={"mic", "realtime"}
    )
    parser.add_argument(
        "--mic",
        nargs="?",
        const="",
        metavar="DEVICE",
        help="listen to this input device, its number or part of its name; the default one "
        "without DEVICE, and without --wav. Write it after MODEL, or MODEL is taken for DEVICE",
    )
    parser.add_argument(
        "--realtime", action="store_true", help="read the file at the pace it was recorded"
    )
    options = parser.parse_args(arguments)
    return listen(
        model=options.model,
        wav=options.wav,
        mic=options.mic,
        threshold=options.threshold,
        thresholds=options.thresholds,
        smoothing=options.smoothing,
        refractory=options.refractory,
        realtime=options.realtime,
    )


def listen(
    model: str,
    wav: str | None = None,
    mic: str | None = None,
    threshold: float = 0.8,
    thresholds: dict[str, float] | None = None,
    smoothing: float = 0.3,
    refractory: float = 1.0,
    realtime: bool = False,
) -> int:
    """Detect words and print each as a line of JSON.

    Args:
        model: An .onnx file of `s4audio export`, a .ckpt of `s4audio fit`, a folder of
            `save_pretrained`, a shipped name, or hf-hub:OWNER/NAME.
        wav: Audio file of any length and sample rate; "-" reads raw 16-bit mono samples at the
            model's sample rate from standard input.
        mic: Input device, its number or part of its name; "" is the default one.
        threshold: Score a word needs, above 0, at most 1.
        thresholds: Other thresholds for some words, as --thresholds.yes 0.7 --thresholds.no 0.9.
        smoothing: Time over which scores are averaged, in seconds.
        refractory: Least time between two events, in seconds.
        realtime: Read the file at the pace it was recorded.

    Returns:
        Exit code: 0, or 130 after Ctrl+C.

    Raises:
        UserError: The model, the audio, the device or an option is at fault.
    """
    if mic is not None and (wav is not None or realtime):
        raise UserError("--mic goes with neither --wav nor --realtime: choose file or microphone")
    if realtime and wav is None:
        raise UserError("--realtime is for files, a microphone has no other pace: give --wav FILE")
    from s4audio.streaming.detector import Detector
    from s4audio.streaming.listener import Listener
    from s4audio.streaming.stream import Stream

    stream = Stream(model)
    row_seconds = stream.chunk / stream.sample_rate
    detector = Detector(
        stream.labels, row_seconds, threshold, _words(thresholds), smoothing, refractory
    )
    with _open(wav, mic, stream.sample_rate) as source:
        listener = Listener(stream, detector, source.sample_rate)
        if wav is None:
            print(f"listening to {source.name}; Ctrl+C ends", file=sys.stderr)
        try:
            code = _print_events(listener, _paced(source) if realtime else source, smoothing)
            print(_summary(listener, source.lost_blocks), file=sys.stderr)
        except BrokenPipeError:
            _discard_output()
            code = 0
    return code


def _words(thresholds: dict[str, float] | None) -> dict[str, float]:
    for word in thresholds or {}:
        if not isinstance(word, str):
            raise UserError(
                f"thresholds: YAML takes a word for {word}; quote it or write --thresholds.WORD"
            )
    return thresholds or {}


def _open(wav: str | None, mic: str | None, sample_rate: int) -> "AudioSource":
    from s4audio.streaming.microphone import Microphone
    from s4audio.streaming.wav import AudioFile, RawInput

    if wav == "-":
        if sys.stdin is None:  # closed by who started the command
            raise UserError("--wav -: standard input is closed; pipe samples into it")
        return RawInput(sys.stdin.buffer, sample_rate)
    if wav is not None:
        return AudioFile(wav)
    if not mic:
        return Microphone()
    return Microphone(int(mic) if mic.isdecimal() else mic)


def _paced(source: "AudioSource") -> "Iterator[Block]":
    """Hand on each block when it would have been recorded."""
    due = time.monotonic()
    for block in source:
        due += len(block.samples) / source.sample_rate
        time.sleep(max(0.0, due - time.monotonic()))
        yield block._replace(arrived=due)


def _print_events(listener: "Listener", blocks: "Iterable[Block]", silence: float) -> int:
    """Print events until the blocks end (code 0) or Ctrl+C (code 130)."""
    from rich.console import Console

    from s4audio.commands.live import LiveDisplay

    with LiveDisplay(listener.labels, Console(stderr=True)) as display:
        try:
            for block in blocks:
                for report in listener.hear(block):
                    with display.cleared():
                        print(_line(report), flush=True)
                display.show(block.samples, listener.scores, _summary(listener, 0))
            for report in listener.finish(silence):
                with display.cleared():
                    print(_line(report), flush=True)
        except KeyboardInterrupt:
            return 130
    return 0


def _line(report: "Report") -> str:
    event = report.event
    return json.dumps(
        {
            "word": event.word,
            "score": round(event.score, 4),
            "start": round(event.start, 3),
            "end": round(event.end, 3),
            "latency": round(report.latency, 4),
        }
    )


def _summary(listener: "Listener", lost_blocks: int) -> str:
    events = "1 event" if listener.events == 1 else f"{listener.events} events"
    lost = f", audio lost {lost_blocks} times" if lost_blocks else ""
    factor = f"real-time factor {listener.real_time_factor:.3f}"
    return f"{listener.audio_seconds:.1f} s of audio, {events}, {factor}{lost}"


def _discard_output() -> None:
    """Whoever read our output has gone; the interpreter must not try to write to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

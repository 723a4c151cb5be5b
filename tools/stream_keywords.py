"""Detect keywords in a file of any length, or at the microphone.

    python tools/stream_keywords.py model.onnx recording.wav

`s4audio listen` does the same with meters and JSON; this script shows the few calls it takes.
"""

import argparse
import sys

from s4audio.streaming import Stream
from s4audio.streaming.detector import Detector
from s4audio.streaming.microphone import Microphone
from s4audio.streaming.resampler import StreamResampler
from s4audio.streaming.wav import AudioFile


def main() -> None:
    """Print each word with its time and score."""
    parser = argparse.ArgumentParser(description="Detect keywords.")
    parser.add_argument("model", help=".onnx file, checkpoint, folder or name of a shipped model")
    parser.add_argument("recording", nargs="?", help="audio file (default: the microphone)")
    options = parser.parse_args()

    stream = Stream(options.model)
    detector = Detector(stream.labels, stream.chunk / stream.sample_rate, threshold=0.8)
    with AudioFile(options.recording) if options.recording else Microphone() as source:
        resampler = StreamResampler(source.sample_rate, stream.sample_rate)
        for block in source:
            for event in detector.push(stream.push(resampler.push(block.samples))):
                print(f"{event.end:.2f} s: {event.word} ({event.score:.2f})", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        print(f"stream_keywords: {error}", file=sys.stderr)
        sys.exit(2)

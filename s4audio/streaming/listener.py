"""From blocks of audio to events: resampling, the model, the detector and their clocks."""

import time
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt

from s4audio.streaming.detector import Detector, Event
from s4audio.streaming.resampler import StreamResampler
from s4audio.streaming.source import Block
from s4audio.streaming.stream import Stream


class Report(NamedTuple):
    """An event and how late it came.

    Attributes:
        event: The event.
        latency: Seconds between the end of the event's evidence and the report: waiting until the
            block was full, the filter of the resampler, and computation. Of a file that is read
            faster than real time it is what a live stream in the same blocks would have.
    """

    event: Event
    latency: float


@final
class Listener:
    """Hears one recording.

    Args:
        stream: The model; it is reset.
        detector: Finds events in the stream's logits; it is reset.
        sample_rate: Sample rate of the blocks in Hz; resampled to the stream's.

    Attributes:
        audio_seconds: Length of what was heard.
        busy_seconds: Time spent on it.
        events: Number of events.
    """

    def __init__(self, stream: Stream, detector: Detector, sample_rate: int) -> None:
        stream.reset()
        detector.reset()
        self._stream = stream
        self._detector = detector
        self._sample_rate = sample_rate
        self._resampler = StreamResampler(sample_rate, stream.sample_rate)
        self.audio_seconds = 0.0
        self.busy_seconds = 0.0
        self.events = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._detector.labels

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Newest smoothed scores, shape (classes,)."""
        return self._detector.scores

    @property
    def real_time_factor(self) -> float:
        """Time of computation for a second of audio; below 1 keeps up with a microphone."""
        return self.busy_seconds / self.audio_seconds if self.audio_seconds else 0.0

    def hear(self, block: Block) -> list[Report]:
        """Hear one block.

        Args:
            block: Mono samples at the listener's sample rate, any length.

        Returns:
            What was recognised, in the order of time.

        Raises:
            UserError: The samples are not finite; nothing is changed then.
        """
        begun = time.monotonic()
        events = self._detect(self._resampler.push(block.samples))
        self.audio_seconds += len(block.samples) / self._sample_rate
        return self._reports(events, begun, block.arrived)

    def finish(self, silence: float) -> list[Report]:
        """End the recording.

        Args:
            silence: Seconds of silence to hear after it, >= 0. A word at the very end needs some:
                pooling and smoothing lag behind the sound.

        Returns:
            What was recognised.
        """
        begun = time.monotonic()
        samples = round(silence * self._stream.sample_rate) + self._stream.chunk - 1
        rest = np.concatenate([self._resampler.flush(), np.zeros(samples, np.float32)])
        return self._reports(self._detect(rest), begun, begun)

    def _detect(self, samples: npt.NDArray[np.float32]) -> list[Event]:
        return self._detector.push(self._stream.push(samples))

    def _reports(self, events: list[Event], begun: float, arrived: float) -> list[Report]:
        now = time.monotonic()
        self.busy_seconds += now - begun
        self.events += len(events)
        return [
            Report(event, max(0.0, self.audio_seconds - event.end) + now - arrived)
            for event in events
        ]

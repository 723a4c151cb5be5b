"""A stream for users: samples of any number in, logits out."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s4audio.errors import UserError
from s4audio.models import SequenceClassifier, load
from s4audio.streaming.classifier import StreamingClassifier
from s4audio.streaming.engine import Array, Engine, OnnxEngine, TorchEngine

LOUDEST = 1e6
"""Larger samples are a mistake, and their products could overflow."""

PENDING = "pending"
"""Name of the samples that wait for a full chunk, in a stream's state."""

COUNT = ".count"
"""How the names of the states end that say where rings are, the same for all streams of a batch."""


class Stream:
    """An endless stream of audio, or several side by side.

    Args:
        model: a causal classifier, a `StreamingClassifier`, the path of an ONNX file of
            `s4audio export`, or anything `s4audio.load` takes.
        rate: training sample rate / sample rate of the audio; an ONNX file and a
            `StreamingClassifier` have theirs fixed.
        batch: number of streams.
        threads: of ONNX Runtime within an operation.

    Raises:
        UserError: if the model cannot stream, or the file is not one of ours.

    Example:
        >>> from s4audio import create_model
        >>> stream = Stream(create_model("s4d", classes=3, d_model=8, n_layers=1))
        >>> stream.push(np.zeros(400, np.float32)).shape  # two chunks of 160, 80 samples wait
        (2, 3)
    """

    def __init__(
        self,
        model: SequenceClassifier | StreamingClassifier | str | Path,
        rate: float = 1.0,
        batch: int = 1,
        threads: int = 1,
    ) -> None:
        if batch < 1:
            raise UserError(f"a stream needs a batch of at least 1, got {batch}")
        self.batch = batch
        self._engine = _make_engine(model, rate, threads)
        self._pending: Array
        self.reset()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self._engine.labels

    @property
    def sample_rate(self) -> int:
        """Samples a second of the audio, in Hz."""
        return self._engine.sample_rate

    @property
    def chunk(self) -> int:
        """Samples between two rows of logits."""
        return self._engine.chunk

    @property
    def window_seconds(self) -> float:
        """Length of the pooling window in seconds."""
        return self._engine.window * self.chunk / self.sample_rate

    def push(self, samples: npt.ArrayLike) -> npt.NDArray[np.floating]:
        """Logits after each chunk that these samples complete.

        Args:
            samples: float waveforms in [-1, 1]: (time,) for one stream, or (batch, time); any
                length.

        Returns:
            (chunks, classes), or (batch, chunks, classes) for samples with a batch axis.

        Raises:
            UserError: for another shape or type, or samples that are not finite; the stream is
                then as it was.
        """
        block = self._checked(np.asarray(samples))
        audio = np.concatenate([self._pending, np.atleast_2d(block)], axis=1)
        whole = audio.shape[1] // self.chunk * self.chunk
        if whole:
            logits = self._engine.run(np.ascontiguousarray(audio[:, :whole]))
        else:
            logits = np.empty((self.batch, 0, len(self.labels)), self._engine.dtype)
        self._pending = audio[:, whole:].copy()  # a view would keep the whole push
        return logits[0] if block.ndim == 1 else logits

    def reset(self) -> None:
        """Forget everything."""
        self._engine.restore(self._engine.initial_state(self.batch))
        self._pending = np.empty((self.batch, 0), self._engine.dtype)

    @property
    def state(self) -> dict[str, Array]:
        """A copy of everything the stream remembers; assign it to continue from there."""
        return {**self._engine.state(), PENDING: self._pending.copy()}

    @state.setter
    def state(self, state: Mapping[str, Array]) -> None:
        waiting = np.shape(state.get(PENDING, ()))[1:]
        samples = min(waiting[0], self.chunk - 1) if len(waiting) == 1 else 0
        pending = np.empty((self.batch, samples), self._engine.dtype)
        present = {**self._engine.initial_state(self.batch), PENDING: pending}
        if set(state) != set(present):
            odd = ", ".join(sorted(set(state) ^ set(present)))
            raise UserError(f"this is not a state of this model: it differs in {odd}")
        for name, value in present.items():
            given = np.asarray(state[name])
            if given.shape != value.shape or given.dtype != value.dtype:
                raise UserError(
                    f"this is not a state of this stream: {name} is {given.dtype} {given.shape}, "
                    f"expected {value.dtype} {value.shape}"
                )
            if name.endswith(COUNT) and (given != given[0]).any():
                raise UserError(
                    "this is not a state of this stream: the streams of a batch must have heard "
                    f"equally many chunks, and their {name} differ"
                )
        self._engine.restore({n: np.asarray(x) for n, x in state.items() if n != PENDING})
        self._pending = np.array(state[PENDING])

    def _checked(self, samples: Array) -> Array:
        """The samples in the engine's type, or an error."""
        if not np.issubdtype(samples.dtype, np.floating):
            raise UserError(
                f"expected floating-point samples in [-1, 1], got {samples.dtype}: divide 16-bit "
                "samples by 32768"
            )
        fits = (samples.ndim == 1 and self.batch == 1) or (
            samples.ndim == 2 and len(samples) == self.batch
        )
        if not fits:
            expected = "(time,) or (1, time)" if self.batch == 1 else f"({self.batch}, time)"
            raise UserError(f"expected samples of shape {expected}, got {samples.shape}")
        # Not a number compares false too. NumPy would compare float16 with a bound of float16.
        if samples.size and not float(np.abs(samples).max()) <= LOUDEST:
            raise UserError(
                "samples are not finite, or far outside [-1, 1]: replace NaN and infinity with "
                "np.nan_to_num and scale the waveform"
            )
        return samples.astype(self._engine.dtype, copy=False)


def _make_engine(
    model: SequenceClassifier | StreamingClassifier | str | Path, rate: float, threads: int
) -> Engine:
    if isinstance(model, str | Path):
        if Path(model).suffix.lower() == ".onnx":
            if rate != 1:
                raise UserError(
                    f"the rate of {model} is fixed: export the model again with --rate {rate:g}"
                )
            return OnnxEngine(Path(model), threads)
        model = load(model)
    if isinstance(model, SequenceClassifier):
        model = StreamingClassifier(model, rate)
    elif rate != 1:
        raise UserError(
            f"the rate of a StreamingClassifier is fixed: make it anew with rate={rate:g}"
        )
    return TorchEngine(model)

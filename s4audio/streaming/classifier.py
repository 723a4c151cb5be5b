"""A trained classifier as a stream: chunk in, logits out, everything it remembers in the state."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from s4audio.errors import UserError
from s4audio.kernels.base import checked_rate
from s4audio.models import SequenceClassifier
from s4audio.models.block import Block
from s4audio.models.build import FrameEncoder
from s4audio.models.encoder import EmbeddingEncoder, LinearEncoder, StridedEncoder
from s4audio.models.filterbank import FilterbankEncoder
from s4audio.models.normalization import ClipNormalize, LevelFollower, Standardize
from s4audio.models.spectral import SpectralEncoder
from s4audio.streaming.inputs import (
    FilterbankStep,
    LevelStep,
    LinearEncoderStep,
    SpectralStep,
    StandardizeStep,
    strided_step,
)
from s4audio.streaming.parts import BlockStep, LinearStep, PoolingStep, make_norm_step
from s4audio.streaming.source import FASTEST
from s4audio.streaming.step import State, Step

CHUNK_SECONDS = 0.01
"""Length of a chunk unless another is asked for."""

CONVENIENT_FRAMES = 16
"""Chunks of more frames than this are a multiple of it, so that they divide into blocks."""

MOST_FRAMES = 1600
"""Of a chunk: its blocks are written out in the graph, and many of them take minutes to export."""

MOST_CHUNKS = 100_000
"""Of the pooling window: after every chunk the sum over all of them is formed anew."""


class StreamingClassifier(nn.Module):
    """The same weights as a recurrence: real-valued, pure, a chunk of audio at a time.

    After every chunk the logits are those of the classifier in evaluation mode on everything so
    far, pooled over the last `window` chunks (over all of them while they are fewer).

    Args:
        model: causal; it is not changed.
        rate: training sample rate / sample rate of the audio: 2.0 streams 8 kHz audio through a
            model trained at 16 kHz.
        chunk: samples of a chunk, a multiple of the encoder's stride; None for about 10 ms.
        window: length of the pooling window in seconds, rounded up to whole chunks; None for the
            training length.
        dtype: float32 or float64, of the matrices, the state and the logits.

    Attributes:
        labels: names of the classes, in the order of the logits.
        sample_rate: of the audio, in Hz.
        chunk: samples of a chunk.
        window: chunks that are pooled.

    Raises:
        UserError: if the model cannot stream, with the reason and the way out; or the chunk, the
            window or the rate is out of range.
    """

    def __init__(
        self,
        model: SequenceClassifier,
        rate: float = 1.0,
        chunk: int | None = None,
        window: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        check_can_stream(model)
        config = model.config
        self.labels = model.labels
        self.sample_rate = audio_sample_rate(model.sample_rate, rate)
        encoder = model.encoder
        stride = encoder.hop(rate) if isinstance(encoder, FrameEncoder) else 1
        frames = _frames(chunk, stride, self.sample_rate)
        self.chunk = frames * stride
        self.window = _window(window, config.length / rate, self.chunk, self.sample_rate)
        self.dtype = dtype
        frame_rate = rate * stride / config.stem_stride
        self.steps = nn.ModuleDict(_input_steps(model, self.chunk, stride, rate, dtype))
        for i, block in enumerate(model.backbone.blocks):
            assert isinstance(block, Block)
            self.steps[f"block{i}"] = BlockStep(block, frames, frame_rate, dtype)
        self.norm = make_norm_step(model.backbone.norm, dtype)
        self.pooling = PoolingStep(config.pooling, self.window, config.d_model, dtype)
        self.decoder = LinearStep(model.decoder.weight, model.decoder.bias, dtype)
        self.eval().requires_grad_(False)

    @property
    def window_seconds(self) -> float:
        """Length of the pooling window in seconds."""
        return self.window * self.chunk / self.sample_rate

    @property
    def in_place(self) -> tuple[str, ...]:
        """Names of states whose next value may share their memory; see `Step`."""
        return tuple(f"{part}.{name}" for part, step in self._parts() for name in step.in_place)

    def initial_state(self, batch: int = 1) -> State:
        """State before the first sample.

        Args:
            batch: number of streams.

        Returns:
            named tensors of zeros, the first axis of each is the stream.
        """
        return {
            f"{part}.{name}": value
            for part, step in self._parts()
            for name, value in step.initial_state(batch).items()
        }

    def forward(self, audio: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Any number of chunks.

        Args:
            audio: (streams, chunks * chunk), waveforms in [-1, 1].
            state: as `initial_state` or the last call returned it; not changed.

        Returns:
            logits (streams, chunks, classes) after each chunk, and the next state.

        Raises:
            ValueError: if the audio is not a whole number of chunks, at least one.
        """
        if audio.ndim != 2 or audio.shape[1] == 0 or audio.shape[1] % self.chunk:
            raise ValueError(
                f"expected audio (streams, a multiple of {self.chunk}), got {tuple(audio.shape)}"
            )
        logits = []
        next_state = dict(state)
        for chunk_BL in torch.split(audio, self.chunk, dim=1):
            scores, next_state = self.advance(chunk_BL, next_state)
            logits.append(scores)
        return torch.stack(logits, dim=1), next_state

    def advance(self, audio: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """One chunk: audio (streams, chunk) to logits (streams, classes), and the next state."""
        next_state: State = {}
        x = audio.to(self.dtype)
        for part, step in self._parts():
            if part == "pooling":
                x = self.norm(x)
            prefix = f"{part}."
            own = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
            x, own = step(x, own)
            next_state.update({prefix + name: value for name, value in own.items()})
        return self.decoder(x.T).T, next_state

    def _parts(self) -> list[tuple[str, Step]]:
        parts = [*self.steps.items(), ("pooling", self.pooling)]
        return [(name, step) for name, step in parts if isinstance(step, Step)]


def check_can_stream(model: SequenceClassifier) -> None:
    """Refuse what needs the future, is no audio, or has no numbers.

    Args:
        model: any classifier.

    Raises:
        UserError: with the reason and the way out.
    """
    if not all(x.isfinite().all() for x in model.state_dict().values()):
        raise UserError(
            "the weights of this model are not finite: its training diverged; take an earlier "
            "checkpoint"
        )
    config = model.config
    if config.bidirectional:
        raise UserError(
            "a bidirectional model cannot stream, because it needs the future: train with "
            f"bidirectional: false, as the preset {config.kind}-small does"
        )
    if isinstance(model.normalization, ClipNormalize):
        raise UserError(
            "normalization: clip cannot stream, because it needs the whole clip before its first "
            "sample: train with normalization: standardize or level"
        )
    if isinstance(model.encoder, EmbeddingEncoder) or config.d_input != 1:
        what = "tokens" if config.vocabulary is not None else f"{config.d_input} features a step"
        raise UserError(f"only waveforms can stream, and this model takes {what}")


def audio_sample_rate(sample_rate: int, rate: float) -> int:
    """Sample rate of the audio that a model hears at a rate.

    Args:
        sample_rate: of the training, in Hz.
        rate: training sample rate / sample rate of the audio.

    Returns:
        Hz, rounded.

    Raises:
        UserError: if the rate is not positive, or the audio is none that can be.

    Example:
        >>> audio_sample_rate(16_000, rate=2.0)
        8000
    """
    hertz = sample_rate / checked_rate(rate)
    if hertz > FASTEST:
        raise UserError(
            f"rate={rate} of a model of {sample_rate} Hz is audio of more than {FASTEST} Hz: "
            "choose a larger rate"
        )
    if round(hertz) < 1:
        raise UserError(
            f"rate={rate} of a model of {sample_rate} Hz is audio of less than 1 Hz: choose a "
            "smaller rate"
        )
    return round(hertz)


def _input_steps(
    model: SequenceClassifier, chunk: int, stride: int, rate: float, dtype: torch.dtype
) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    if isinstance(model.normalization, Standardize):
        steps["standardize"] = StandardizeStep(model.normalization, dtype)
    if isinstance(model.normalization, LevelFollower):
        steps["level"] = LevelStep(model.normalization, chunk, rate, dtype)
    if isinstance(model.encoder, SpectralEncoder):
        steps["encoder"] = SpectralStep(model.encoder, stride, rate, dtype)
    elif isinstance(model.encoder, FilterbankEncoder):
        steps["encoder"] = FilterbankStep(model.encoder, stride, rate, dtype)
    elif isinstance(model.encoder, StridedEncoder):
        steps["encoder"] = strided_step(model.encoder, stride, rate, dtype)
    else:
        assert isinstance(model.encoder, LinearEncoder)
        steps["encoder"] = LinearEncoderStep(model.encoder, dtype)
    return steps


def _frames(chunk: int | None, stride: int, sample_rate: int) -> int:
    """Frames of a chunk."""
    if chunk is None:
        frames = max(1, round(CHUNK_SECONDS * sample_rate / stride))
        whole = round(frames / CONVENIENT_FRAMES) * CONVENIENT_FRAMES
        return whole if frames > CONVENIENT_FRAMES else frames
    if chunk < 1 or chunk % stride:
        raise UserError(
            f"chunk={chunk} must be a positive multiple of the encoder's stride, {stride} samples "
            "at this rate"
        )
    if chunk // stride > MOST_FRAMES:
        raise UserError(
            f"chunk={chunk} is {chunk // stride} frames, more than {MOST_FRAMES}: give at most "
            f"{MOST_FRAMES * stride} samples, and leave out the answers you do not need"
        )
    return chunk // stride


def _window(window: float | None, length: float, chunk: int, sample_rate: int) -> int:
    """Chunks of the pooling window."""
    samples = length if window is None else window * sample_rate
    if not 0 < samples < math.inf:
        raise UserError(f"window must be a positive number of seconds, got {window}")
    chunks = max(1, math.ceil(samples / chunk - 1e-9))
    if chunks > MOST_CHUNKS:
        raise UserError(
            f"window={samples / sample_rate:g} is {chunks:g} chunks, more than {MOST_CHUNKS}: give "
            f"at most {MOST_CHUNKS * chunk / sample_rate:g} seconds, or longer chunks"
        )
    return chunks

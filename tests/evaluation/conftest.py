"""A model and clips small enough to work out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s4audio.data.collate import Clip

SAMPLE_RATE = 16_000
TONES = {"low": 300.0, "middle": 900.0, "high": 1800.0}


class ToneClassifier(nn.Module):
    """Tells tones apart by correlating them with sinusoids sampled with the step rate * dt.

    A filter bank in continuous time, as the state-space models are: it hears the right pitch at
    every sample rate if the step is rescaled and the wrong one if it is not.
    """

    def __init__(self, shortest: int = 1) -> None:
        super().__init__()
        self.labels = tuple(TONES)
        self.sample_rate = SAMPLE_RATE
        self.shortest = shortest
        self.calls: list[tuple[tuple[int, ...], list[int] | None, float]] = []
        self.dropout = nn.Dropout(0.9)

    def forward(self, x: Tensor, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        self.calls.append((tuple(x.shape), None if lengths is None else lengths.tolist(), rate))
        if x.shape[1] < self.shortest:
            raise ValueError(f"time {x.shape[1]} is shorter\nthan the stride {self.shortest}")
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[1])
        steps = torch.arange(x.shape[1])
        valid = (steps < lengths[:, None]).float()
        phases = [steps * (2 * math.pi * hertz * rate / SAMPLE_RATE) for hertz in TONES.values()]
        bank = torch.stack([torch.exp(-1j * phase) for phase in phases], dim=1)
        waveform = self.dropout(x[..., 0]) * valid
        return (waveform.to(bank.dtype) @ bank).abs() / lengths[:, None]


class ListedClips:
    """The surface of `s4audio.data.Clips` over waveforms in memory."""

    def __init__(
        self,
        waveforms: Sequence[np.ndarray],
        targets: Sequence[int],
        sample_rate: int = SAMPLE_RATE,
        labels: Sequence[str] = tuple(TONES),
    ) -> None:
        self.waveforms = [np.asarray(waveform, dtype=np.float32) for waveform in waveforms]
        self.targets = np.array(targets, dtype=np.int64)
        self.names = [f"{index}.wav" for index in range(len(waveforms))]
        self.labels = list(labels)
        self.sample_rate = sample_rate

    def __len__(self) -> int:
        return len(self.waveforms)

    def __getitem__(self, index: int) -> Clip:
        return Clip(self.waveforms[index], int(self.targets[index]), index)

    def sizes(self) -> np.ndarray:
        return np.array([len(waveform) for waveform in self.waveforms], dtype=np.int64)


def tone(hertz: float, seconds: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """A sinusoid of amplitude 0.5."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * math.pi * hertz * time)).astype(np.float32)


@pytest.fixture
def model() -> ToneClassifier:
    return ToneClassifier().eval()


@pytest.fixture
def clips() -> ListedClips:
    """Twelve tones of 50 to 105 ms, in no order of length."""
    targets = [0, 1, 2] * 4
    hertz = list(TONES.values())
    seconds = [0.05 + 0.005 * ((5 * index) % 12) for index in range(12)]
    return ListedClips([tone(hertz[t], s) for t, s in zip(targets, seconds, strict=True)], targets)


@pytest.fixture
def make_clips() -> type[ListedClips]:
    return ListedClips


@pytest.fixture
def make_model() -> type[ToneClassifier]:
    return ToneClassifier

"""Where audio comes from: the interface that files, standard input and microphones share."""

from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

BLOCK_SECONDS = 0.05
"""Length of a block: short beside the window of a classifier, long beside the cost of a call."""

FASTEST = 768_000
"""Highest sample rate in Hz: nothing that records speech is faster."""


class Block(NamedTuple):
    """A piece of a recording.

    Attributes:
        samples: float32 in [-1, 1], mono, shape (time,).
        arrived: Time at which its last sample was there, on the clock of `time.monotonic`.
    """

    samples: npt.NDArray[np.float32]
    arrived: float


class AudioSource(Protocol):
    """Audio in blocks; a context manager that closes what it opened."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of its blocks in Hz."""

    @property
    def lost_blocks(self) -> int:
        """How often audio was lost so far; always 0 for files."""

    def __iter__(self) -> Iterator[Block]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

"""Random numbers that belong to a clip, whatever batch it is in.

Every number is a hash of the clip's seed and of what it is drawn for. So a clip is changed in the
same way in a batch of any size, in any worker process and in a resumed run, and one effect more
leaves the draws of the others alone.
"""

import zlib

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from s4audio.data.cache import Int64Array

UInt64Array = npt.NDArray[np.uint64]


def clip_seeds(seed: int, epochs: Int64Array, indices: Int64Array) -> Tensor:
    """One seed for each clip.

    Args:
        seed: of the run.
        epochs: int64 (batch,), pass through the data in which each clip is drawn.
        indices: int64 (batch,), row of each clip in its split.

    Returns:
        int64 (batch,).
    """
    hashed = _mix(np.full(len(indices), seed, dtype=np.int64).view(np.uint64))
    for numbers in (epochs, indices):
        hashed = _mix(hashed + numbers.view(np.uint64))
    return torch.from_numpy(hashed.view(np.int64))


class Draws:
    """Random numbers for a batch of clips.

    Args:
        seeds: int64 (batch,), one for each clip.
    """

    def __init__(self, seeds: Tensor) -> None:
        self._seeds: UInt64Array = seeds.numpy().view(np.uint64)

    def select(self, rows: Tensor) -> "Draws":
        """The draws of some clips.

        Args:
            rows: int64 (some,).
        """
        return Draws(torch.from_numpy(self._seeds[rows.numpy()].view(np.int64)))

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """One number for each clip, float32 (batch,) in [low, high].

        Args:
            name: what it is drawn for; the same name gives the same numbers.
            low: smallest number.
            high: largest number.
        """
        # The top 24 bits: as many as a float32 holds, so that 1 itself never comes up.
        share = (self._hashed(name) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
        return torch.from_numpy(np.float32(low) + np.float32(high - low) * share)

    def normal(self, name: str, size: int) -> Tensor:
        """White noise with a normal distribution of variance 1, float32 (batch, size).

        Args:
            name: what it is drawn for.
            size: numbers for each clip; another size gives other numbers.
        """
        generator = Generator()
        numbers = torch.empty(len(self._seeds), size)
        for row, seed in zip(numbers, self._hashed(name).tolist(), strict=True):
            row.normal_(generator=generator.manual_seed(seed))
        return numbers

    def _hashed(self, name: str) -> UInt64Array:
        return _mix(self._seeds ^ np.uint64(zlib.crc32(name.encode()) << 32))


def _mix(numbers: UInt64Array) -> UInt64Array:
    """One step of SplitMix64: neighbours become unrelated.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: UInt64Array = numbers ^ (numbers >> np.uint64(31))
    return mixed

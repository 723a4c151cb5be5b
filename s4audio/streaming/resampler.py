"""Change the sample rate of audio that arrives in blocks."""

from typing import final

import numpy as np
import numpy.typing as npt
import soxr

from s4audio.errors import UserError

FloatArray = npt.NDArray[np.float32]


@final
class StreamResampler:
    """A band-limited filter (soxr, quality HQ) that carries its state from block to block.

    The blocks that come out, joined, are what the whole recording would give at once. The filter
    holds some audio back (about 40 ms of 48 kHz audio); `flush` releases it.

    Args:
        from_rate: Sample rate of what goes in, Hz, > 0.
        to_rate: Sample rate of what comes out, Hz, > 0.

    Raises:
        UserError: A rate is not positive.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        if from_rate <= 0 or to_rate <= 0:
            raise UserError(f"sample rates must be positive, got {from_rate} and {to_rate} Hz")
        self._filter = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: FloatArray) -> FloatArray:
        """Resample one block.

        Args:
            samples: float32, shape (time,), any length.

        Returns:
            float32, shape (other time,), possibly empty.

        Raises:
            UserError: Another type or shape, or samples that are not finite; nothing is changed
                then.
        """
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise UserError(
                f"expected float32 samples of shape (time,), got {samples.dtype} {samples.shape}"
            )
        if not np.isfinite(samples).all():
            raise UserError("samples contain NaN or infinity: replace them with np.nan_to_num")
        if self._filter is None:
            return samples
        resampled: FloatArray = self._filter.resample_chunk(samples)
        return resampled

    def flush(self) -> FloatArray:
        """End the stream.

        Returns:
            What was held back, float32, shape (time,); the next block begins a new stream.
        """
        nothing = np.zeros(0, np.float32)
        if self._filter is None:
            return nothing
        rest: FloatArray = self._filter.resample_chunk(nothing, last=True)
        self._filter.clear()
        return rest

"""Segments of endless streams as waveforms."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s4audio.data.audio import FloatArray
from s4audio.data.augment import AugmentConfig, Draws, augment, clip_seeds
from s4audio.data.cache import Int64Array
from s4audio.data.streams.layout import BURST, BURST_SECONDS, REVERSED, Events, StreamPlan, lay_out
from s4audio.data.streams.noise import Noise
from s4audio.data.streams.words import Words

CROSSFADE_SECONDS = 0.5
"""Time in which the noise of one segment gives way to that of the next."""

_FADE_SECONDS = 0.01
_NO_NOISE_SHARE = 0.1  # segments in digital silence


class Assembler:
    """Makes any segment of any stream; each depends on (seed, stream, segment) alone.

    Args:
        words: to choose from.
        unknown: class of everything spoken that is no keyword.
        noise: background and bursts.
        plan: how streams are made.
        augmentation: random changes of each clip before it is placed; None for none.
        seed: of everything.
    """

    def __init__(
        self,
        words: Words,
        unknown: int,
        noise: Noise,
        plan: StreamPlan,
        augmentation: AugmentConfig | None,
        seed: int,
    ) -> None:
        self.plan = plan
        self.crossfade = round(CROSSFADE_SECONDS * plan.sample_rate)
        self._words = words
        self._unknown = unknown
        self._noise = noise
        self._augmentation = augmentation
        self._seed = seed
        fade = round(_FADE_SECONDS * plan.sample_rate)
        self._ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)

    def __call__(self, streams: Int64Array, segments: Int64Array) -> tuple[Tensor, Events]:
        """Make some segments.

        Args:
            streams: int64 (batch,).
            segments: int64 (batch,), number of the segment in its stream, from -1 on.

        Returns:
            float32 (batch, segment + crossfade): each segment and, behind it, the fading end of its
            noise, which is to be added to the next segment; and the events.
        """
        seeds = clip_seeds(self._seed, streams, segments)
        events = lay_out(seeds, self._words, self._unknown, self.plan)
        waveforms = self._background(seeds)
        self._add(events, waveforms.numpy())
        return waveforms, events

    def _background(self, seeds: Tensor) -> Tensor:
        """Noise at the level that the segment's words and ratio make, fading in and out."""
        draws = Draws(seeds)
        size = self.plan.segment + self.crossfade
        level_db = draws.uniform("level", *self.plan.level_db)
        level_db -= draws.uniform("snr", *self.plan.snr_db)
        level = torch.where(draws.uniform("no noise") < _NO_NOISE_SHARE, 0.0, 10 ** (level_db / 20))
        noise = self._noise.pieces(seeds, size + size % 2)[:, :size] * level[:, None]
        # Powers add up to 1 where two segments overlap.
        angle = torch.arange(self.crossfade) * (torch.pi / 2 / self.crossfade)
        noise[:, : self.crossfade] *= angle.sin()
        noise[:, self.plan.segment :] *= angle.cos()
        return noise

    def _add(self, events: Events, waveforms: FloatArray) -> None:
        """Add the words and bursts."""
        is_burst = events.kind == BURST
        for rows, sound in (
            (np.flatnonzero(~is_burst), self._clips(events, ~is_burst)),
            (np.flatnonzero(is_burst), self._bursts(events, is_burst)),
        ):
            for row, waveform in zip(rows.tolist(), sound, strict=True):
                piece = waveform[events.first[row] : events.last[row]]
                if events.kind[row] == REVERSED:
                    piece = piece[::-1]
                piece = self._faded(piece * events.gain[row])
                at = events.at[row]
                waveforms[events.row[row], at : at + len(piece)] += piece

    def _clips(self, events: Events, chosen: npt.NDArray[np.bool_]) -> FloatArray:
        """Augmented clips (clips, time)."""
        if not chosen.any():
            return np.zeros((0, 1), np.float32)
        waveforms, lengths = self._words.clips.stack(events.clip[chosen].tolist())
        if self._augmentation is not None:
            waveforms = augment(
                waveforms,
                lengths,
                self._augmentation,
                sample_rate=self.plan.sample_rate,
                seeds=events.seeds[torch.from_numpy(chosen)],
            )
        clips: FloatArray = waveforms.numpy()
        return clips

    def _bursts(self, events: Events, chosen: npt.NDArray[np.bool_]) -> FloatArray:
        """Noise (bursts, time) that starts at once and dies away."""
        if not chosen.any():
            return np.zeros((0, 1), np.float32)
        # As long as the longest that may be drawn, so that the noise does not depend on the batch.
        size = 2 * round(BURST_SECONDS[1] * self.plan.sample_rate / 2)
        noise = self._noise.pieces(events.seeds[torch.from_numpy(chosen)], size).numpy()
        time = np.arange(size) / events.last[chosen, None]
        bursts: FloatArray = (noise * np.exp(-3 * time)).astype(np.float32)
        return bursts

    def _faded(self, piece: FloatArray) -> FloatArray:
        fade = min(len(self._ramp), len(piece) // 2)
        piece[:fade] *= self._ramp[:fade]
        piece[len(piece) - fade :] *= self._ramp[:fade][::-1]
        return piece

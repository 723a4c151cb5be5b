"""Random changes of training waveforms.

Each change is a small function of tensors that are drawn elsewhere, so that it can be tested;
`augment` draws them for a whole batch at once.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from s4audio.data.clips import Clips
from s4audio.errors import UserError

Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentConfig:
    """What is changed at random in each training clip. Everything is off by default.

    Attributes:
        shift_ms: largest shift in time, either way, in milliseconds; what moves in is silence.
        gain_db: (lowest, highest) change of level in dB.
        speed: (lowest, highest) factor of speed, which changes the pitch too; 1.1 is 10 % faster.
            The clip stays as long as it was and is stretched about its middle.
        noise_probability: share of the clips that get artificial noise.
        noise_snr_db: (lowest, highest) ratio of clip to noise in dB.
        noise_slope: (lowest, highest) exponent a of a 1 / f^a power spectrum: 0 is white noise,
            1 pink, 2 brown.
        background_probability: share of the clips that get a piece of the data set's background
            recordings (folder `_background_noise_`).
        background_snr_db: (lowest, highest) ratio of clip to background in dB.
        mask_probability: share of the clips in which a stretch is silenced.
        mask_ms: longest such stretch in milliseconds.
    """

    shift_ms: float = 0.0
    gain_db: Range = (0.0, 0.0)
    speed: Range = (1.0, 1.0)
    noise_probability: float = 0.0
    noise_snr_db: Range = (5.0, 30.0)
    noise_slope: Range = (0.0, 2.0)
    background_probability: float = 0.0
    background_snr_db: Range = (5.0, 30.0)
    mask_probability: float = 0.0
    mask_ms: float = 100.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_probability"):
                if not 0.0 <= value <= 1.0:
                    raise ValueError(f"{field.name}={value}: a probability lies between 0 and 1")
            elif field.name.endswith("_ms"):
                if not (math.isfinite(value) and value >= 0.0):
                    raise ValueError(f"{field.name}={value}: a duration is not negative")
            elif not (all(map(math.isfinite, value)) and value[0] <= value[1]):
                raise ValueError(f"{field.name}={value}: give (lowest, highest)")
        if self.speed[0] <= 0.0:
            raise ValueError(f"speed={self.speed}: factors are greater than 0, 1 keeps the speed")


def augment(
    waveforms: Tensor,
    lengths: Tensor,
    config: AugmentConfig,
    *,
    sample_rate: int,
    generator: Generator,
    background: Clips | None = None,
) -> Tensor:
    """Change a batch of waveforms at random.

    Args:
        waveforms: float32 (batch, time).
        lengths: int64 (batch,); what lies behind them is padding and stays zero.
        config: what to change.
        sample_rate: in Hz.
        generator: source of all random numbers.
        background: recordings that `background_probability` mixes in.

    Returns:
        float32 (batch, time). Levels may leave [-1, 1].

    Raises:
        UserError: background noise is asked for and there is none.
    """
    batch, time = waveforms.shape
    if config.speed != (1.0, 1.0):
        waveforms = change_speed(waveforms, lengths, _draw(batch, config.speed, generator))
    if config.shift_ms > 0:
        largest = config.shift_ms * sample_rate / 1000
        shifts = _draw(batch, (-largest, largest), generator).round().long()
        waveforms = shift(waveforms, shifts)
    if config.gain_db != (0.0, 0.0):
        waveforms = gain(waveforms, _draw(batch, config.gain_db, generator))
    if config.mask_probability > 0:
        rows = _some(batch, config.mask_probability, generator)
        longest = config.mask_ms * sample_rate / 1000
        masked = _mask_randomly(waveforms[rows], lengths[rows], longest, generator)
        waveforms = waveforms.index_copy(0, rows, masked)
    if config.noise_probability > 0:
        rows = _some(batch, config.noise_probability, generator)
        noise = coloured_noise(time, _draw(len(rows), config.noise_slope, generator), generator)
        snr_db = _draw(len(rows), config.noise_snr_db, generator)
        noisy = mix(waveforms[rows], noise, snr_db, lengths[rows])
        waveforms = waveforms.index_copy(0, rows, noisy)
    if config.background_probability > 0:
        if background is None or len(background) == 0:
            raise UserError(
                f"augment.background_probability={config.background_probability:g}: the data set "
                "has no _background_noise_ folder with recordings; add one or set it to 0"
            )
        rows = _some(batch, config.background_probability, generator)
        noise = _pieces(background, len(rows), time, generator)
        snr_db = _draw(len(rows), config.background_snr_db, generator)
        noisy = mix(waveforms[rows], noise, snr_db, lengths[rows])
        waveforms = waveforms.index_copy(0, rows, noisy)
    return _without_padding(waveforms, lengths)


def shift(waveforms: Tensor, samples: Tensor) -> Tensor:
    """Move each clip later (positive) or earlier (negative), filling with zeros.

    Args:
        waveforms: (batch, time).
        samples: int64 (batch,).
    """
    time = waveforms.shape[1]
    origins = _positions(time) - samples.unsqueeze(1)
    moved = waveforms.gather(1, origins.clamp(0, time - 1))
    return torch.where((origins >= 0) & (origins < time), moved, 0.0)


def gain(waveforms: Tensor, decibels: Tensor) -> Tensor:
    """Change the level of each clip.

    Args:
        waveforms: (batch, time).
        decibels: (batch,).
    """
    return waveforms * (10 ** (decibels / 20)).unsqueeze(1)


def change_speed(waveforms: Tensor, lengths: Tensor, factors: Tensor) -> Tensor:
    """Play each clip faster (factor > 1) or slower about its middle, by linear interpolation.

    Args:
        waveforms: (batch, time).
        lengths: int64 (batch,).
        factors: (batch,), > 0.

    Returns:
        (batch, time): y(t) = x(m + factor * (t - m)) with m the middle of the clip; zero where
        that lies outside the clip.
    """
    time = waveforms.shape[1]
    last = (lengths - 1).unsqueeze(1)
    middle = last / 2
    origins = middle + factors.unsqueeze(1) * (_positions(time) - middle)
    left = origins.floor().long()
    weight = origins - left
    here = waveforms.gather(1, left.clamp(0, time - 1))
    following = waveforms.gather(1, (left + 1).clamp(0, time - 1))
    inside = (origins >= 0) & (origins <= last)
    return torch.where(inside, torch.lerp(here, following, weight), 0.0)


def mask(waveforms: Tensor, starts: Tensor, widths: Tensor) -> Tensor:
    """Silence `widths` samples of each clip from `starts` on.

    Args:
        waveforms: (batch, time).
        starts: int64 (batch,).
        widths: int64 (batch,); 0 leaves a clip as it is.
    """
    behind_start = _positions(waveforms.shape[1]) - starts.unsqueeze(1)
    return waveforms.masked_fill((behind_start >= 0) & (behind_start < widths.unsqueeze(1)), 0.0)


def mix(waveforms: Tensor, noise: Tensor, snr_db: Tensor, lengths: Tensor) -> Tensor:
    """Add noise at a given ratio of mean powers, taken over each clip without its padding.

    Args:
        waveforms: (batch, time), zero behind `lengths`.
        noise: (batch, time).
        snr_db: (batch,), 10 log10 of clip power / noise power.
        lengths: int64 (batch,).

    Returns:
        (batch, time). A silent clip, or silent noise, changes nothing.
    """
    noise = _without_padding(noise, lengths)
    # Both sums run over the same number of samples, which therefore cancels.
    energy, noise_energy = waveforms.square().sum(1), noise.square().sum(1)
    level = torch.sqrt(energy / noise_energy.clamp(min=1e-12) / 10 ** (snr_db / 10))
    return waveforms + noise * torch.where(noise_energy > 1e-12, level, 0.0).unsqueeze(1)


def coloured_noise(time: int, slopes: Tensor, generator: Generator) -> Tensor:
    """Gaussian noise with a 1 / f^slope power spectrum.

    Args:
        time: number of samples.
        slopes: (batch,).
        generator: source of randomness.

    Returns:
        (batch, time), at no particular level.
    """
    if len(slopes) == 0:
        return torch.empty(0, time)  # a transform of nothing is an error
    white = torch.randn(len(slopes), time, generator=generator)
    spectrum = torch.fft.rfft(white)
    bins = torch.arange(spectrum.shape[1]).clamp(min=1)
    noise: Tensor = torch.fft.irfft(spectrum * bins ** (-slopes / 2).unsqueeze(1), n=time)
    return noise


def _mask_randomly(
    waveforms: Tensor, lengths: Tensor, longest: float, generator: Generator
) -> Tensor:
    batch = len(waveforms)
    widths = _draw(batch, (0.0, longest), generator).round().long().clamp(max=lengths)
    starts = (_draw(batch, (0.0, 1.0), generator) * (lengths - widths + 1)).long()
    return mask(waveforms, starts, widths)


def _pieces(recordings: Clips, count: int, time: int, generator: Generator) -> Tensor:
    if count == 0:
        return torch.empty(0, time)
    chosen = torch.randint(len(recordings), (count,), generator=generator)
    return recordings.windows(chosen.tolist(), time, generator)


def _some(batch: int, probability: float, generator: Generator) -> Tensor:
    return (torch.rand(batch, generator=generator) < probability).nonzero().squeeze(1)


def _without_padding(waveforms: Tensor, lengths: Tensor) -> Tensor:
    time = waveforms.shape[1]
    if bool((lengths == time).all()):
        return waveforms
    return torch.where(_positions(time) < lengths.unsqueeze(1), waveforms, 0.0)


def _draw(batch: int, limits: Range, generator: Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(batch, generator=generator)


def _positions(time: int) -> Tensor:
    return torch.arange(time).unsqueeze(0)

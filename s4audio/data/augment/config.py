"""What a recipe can ask for, and within which limits."""

import math
from dataclasses import dataclass, fields

from s4audio.errors import UserError

Range = tuple[float, float]

_PROBABILITY = (0.0, 1.0)
_SNR_DB = (-60.0, 120.0)
_LIMITS: dict[str, Range] = {
    "shift_ms": (0.0, 60_000.0),
    "gain_db": (-60.0, 60.0),
    "speed": (0.1, 10.0),
    "pitch_semitones": (-12.0, 12.0),
    "reverberation_seconds": (0.01, 3.0),
    "reverberation_direct_db": (-30.0, 60.0),
    "mask_ms": (0.0, 60_000.0),
    "noise_snr_db": _SNR_DB,
    "noise_slope": (-4.0, 4.0),
    "background_snr_db": _SNR_DB,
    "speech_snr_db": _SNR_DB,
    "notch_mel": (0.0, 4000.0),
    "clipping_db": (0.0, 60.0),
    "band_low_hz": (0.0, 100_000.0),
    "band_high_hz": (0.0, 100_000.0),
}


@dataclass(frozen=True)
class AugmentConfig:
    """What is changed at random in each training clip. Everything is off by default.

    The effects are applied in the order in which sound reaches a recording: the speaker, the room,
    other sounds, the microphone, the line. Pairs of numbers are (lowest, highest).

    Attributes:
        speed: factor of speed, which changes the pitch too; 1.1 is 10 % faster. The clip stays as
            long as it was and is stretched about its middle.
        pitch_probability: share of the clips whose pitch is changed at the same speed.
        pitch_semitones: by how much; 12 is an octave up.
        place_probability: share of the clips whose word is moved, whole, to any place in the clip.
        shift_ms: largest shift in time, either way, in milliseconds; what moves in is silence.
        reverberation_probability: share of the clips that are heard in a room.
        reverberation_seconds: time in which the reverberation falls by 60 dB.
        reverberation_direct_db: ratio of direct sound to reverberation in dB.
        mask_probability: share of the clips in which a stretch is silenced.
        mask_ms: longest such stretch in milliseconds.
        notch_probability: share of the clips in which a band of frequencies is silenced.
        notch_mel: widest such band, in mel; up to 4 kHz there are 2146, up to 8 kHz 2840.
        noise_probability: share of the clips that get artificial noise.
        noise_snr_db: ratio of clip to noise in dB.
        noise_slope: exponent a of a 1 / f^a power spectrum: 0 is white noise, 1 pink, 2 brown.
        background_probability: share of the clips that get a piece of the data set's background
            recordings (folder `_background_noise_`), of the first 70 % of each.
        background_snr_db: ratio of clip to background in dB.
        speech_probability: share of the clips that get another clip of the training split.
        speech_snr_db: ratio of clip to the other clip in dB.
        gain_db: change of level in dB.
        clipping_probability: share of the clips that are overdriven, half of them hard, half soft.
        clipping_db: how far below the clip's peak it is cut, in dB.
        band_probability: share of the clips whose band is limited.
        band_low_hz: frequency below which it fades, in Hz.
        band_high_hz: frequency above which it fades, in Hz.
        telephone_probability: share of the clips that go through a telephone line: 300 to 3400 Hz,
            sampled at 8 kHz, mu-law with 8 bits.

    Raises:
        UserError: a value is out of range.
    """

    speed: Range = (1.0, 1.0)
    pitch_probability: float = 0.0
    pitch_semitones: Range = (-2.0, 2.0)
    place_probability: float = 0.0
    shift_ms: float = 0.0
    reverberation_probability: float = 0.0
    reverberation_seconds: Range = (0.1, 0.5)
    reverberation_direct_db: Range = (0.0, 12.0)
    mask_probability: float = 0.0
    mask_ms: float = 100.0
    notch_probability: float = 0.0
    notch_mel: float = 400.0
    noise_probability: float = 0.0
    noise_snr_db: Range = (5.0, 30.0)
    noise_slope: Range = (0.0, 2.0)
    background_probability: float = 0.0
    background_snr_db: Range = (5.0, 30.0)
    speech_probability: float = 0.0
    speech_snr_db: Range = (5.0, 20.0)
    gain_db: Range = (0.0, 0.0)
    clipping_probability: float = 0.0
    clipping_db: Range = (3.0, 15.0)
    band_probability: float = 0.0
    band_low_hz: Range = (50.0, 300.0)
    band_high_hz: Range = (2500.0, 7500.0)
    telephone_probability: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            limits = _LIMITS.get(field.name, _PROBABILITY)
            if isinstance(field.default, tuple):
                _check_range(field.name, value, limits)
            elif not _within(value, limits):
                raise UserError(f"augment.{field.name}={value}: give a number {_text(limits)}")
        if self.band_low_hz[1] >= self.band_high_hz[0]:
            raise UserError(
                f"augment.band_low_hz={list(self.band_low_hz)} reaches into "
                f"band_high_hz={list(self.band_high_hz)}: no band would be left"
            )


def _check_range(name: str, value: object, limits: Range) -> None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise UserError(f"augment.{name}={value}: give two numbers, [lowest, highest]")
    if not all(_within(entry, limits) for entry in value):
        raise UserError(f"augment.{name}={list(value)}: give two numbers {_text(limits)}")
    if value[0] > value[1]:
        raise UserError(f"augment.{name}={list(value)}: the lowest number comes first")


def _within(value: object, limits: Range) -> bool:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return limits[0] <= value <= limits[1]


def _text(limits: Range) -> str:
    return f"from {limits[0]:g} to {limits[1]:g}"

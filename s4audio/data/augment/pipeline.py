"""All effects in their order, with the numbers they need drawn for each clip."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from s4audio.data.augment import channel, level, noise, resampling, reverberation, timing
from s4audio.data.augment.config import AugmentConfig
from s4audio.data.augment.draws import Draws
from s4audio.data.clips import Clips
from s4audio.errors import UserError


@dataclass(frozen=True)
class _Selection:
    """The clips that one effect is applied to, and what the effect may need."""

    waveforms: Tensor  # (batch, time), zero behind lengths; time is even
    lengths: Tensor
    draws: Draws
    config: AugmentConfig
    sample_rate: int
    background: Clips | None
    speech: Clips | None

    def draw(self, option: str) -> Tensor:
        """A number within the range of an option for each clip."""
        low, high = getattr(self.config, option)
        return self.draws.uniform(option, low, high)

    def select(self, rows: Tensor) -> "_Selection":
        """Some of the clips."""
        return replace(
            self,
            waveforms=self.waveforms[rows],
            lengths=self.lengths[rows],
            draws=self.draws.select(rows),
        )


def augment(
    waveforms: Tensor,
    lengths: Tensor,
    config: AugmentConfig,
    *,
    sample_rate: int,
    seeds: Tensor,
    background: Clips | None = None,
    speech: Clips | None = None,
) -> Tensor:
    """Change a batch of waveforms at random.

    What becomes of a clip depends on the clip, its seed and the recordings only, not on the rest of
    the batch (but for rounding).

    Args:
        waveforms: float32 (batch, time).
        lengths: int64 (batch,), > 0; what lies behind them is padding and stays zero.
        config: what to change.
        sample_rate: in Hz.
        seeds: int64 (batch,), see `clip_seeds`.
        background: recordings that `background_probability` mixes in.
        speech: clips that `speech_probability` mixes in.

    Returns:
        float32 (batch, time). Levels may leave [-1, 1].

    Raises:
        UserError: recordings are asked for and there are none.
    """
    time = waveforms.shape[1]
    # Clips are grouped by a size that depends on the clip alone: noise and transforms do, too.
    step = max(sample_rate // 8 * 2, 2)
    sizes = (lengths + step - 1) // step * step
    everything = _Selection(
        waveforms.clone(), lengths, Draws(seeds), config, sample_rate, background, speech
    )
    if bool((sizes == time).all()):
        return _apply_all(everything)
    changed = torch.zeros_like(waveforms)
    for size in sorted(set(sizes.tolist())):
        rows = (sizes == size).nonzero().squeeze(1)
        group = everything.select(rows)
        group = replace(group, waveforms=functional.pad(group.waveforms, (0, size - time)))
        changed[rows, :size] = _apply_all(group)[:, :time]
    return changed


def _apply_all(everything: _Selection) -> Tensor:
    waveforms = everything.waveforms
    for name, effect in _EFFECTS.items():
        share = _share(everything.config, name)
        if share == 0.0:
            continue
        rows = (everything.draws.uniform(name) < share).nonzero().squeeze(1)
        if len(rows) == len(waveforms):
            waveforms = effect(replace(everything, waveforms=waveforms))
        elif len(rows) > 0:
            waveforms[rows] = effect(replace(everything, waveforms=waveforms).select(rows))
        waveforms = timing.without_padding(waveforms, everything.lengths)
    return waveforms


def _share(config: AugmentConfig, name: str) -> float:
    """Share of the clips that an effect is applied to."""
    if name == "speed":
        return float(config.speed != (1.0, 1.0))
    if name == "shift":
        return float(config.shift_ms > 0)
    if name == "gain":
        return float(config.gain_db != (0.0, 0.0))
    return float(getattr(config, f"{name}_probability"))


def _speed(clips: _Selection) -> Tensor:
    return resampling.change_speed(clips.waveforms, clips.lengths, clips.draw("speed"))


def _pitch(clips: _Selection) -> Tensor:
    factors = 2 ** (clips.draw("pitch_semitones") / 12)
    return resampling.change_pitch(clips.waveforms, factors, clips.sample_rate)


def _place(clips: _Selection) -> Tensor:
    positions = clips.draws.uniform("place_position")
    return timing.place(clips.waveforms, clips.lengths, positions, clips.sample_rate)


def _shift(clips: _Selection) -> Tensor:
    largest = clips.config.shift_ms * clips.sample_rate / 1000
    samples = clips.draws.uniform("shift_ms", -largest, largest)
    return timing.shift(clips.waveforms, samples.round().long())


def _reverberation(clips: _Selection) -> Tensor:
    # As long as the longest that may be drawn, so that the noise does not depend on the batch.
    taps = round(clips.config.reverberation_seconds[1] * clips.sample_rate)
    return reverberation.reverberate(
        clips.waveforms,
        clips.draws.normal("reverberation_noise", max(taps, 2)),
        clips.draw("reverberation_seconds"),
        clips.draw("reverberation_direct_db"),
        clips.sample_rate,
    )


def _mask(clips: _Selection) -> Tensor:
    longest = clips.config.mask_ms * clips.sample_rate / 1000
    widths = clips.draws.uniform("mask_ms", 0.0, longest).round().long().clamp(max=clips.lengths)
    starts = clips.draws.uniform("mask_start") * (clips.lengths - widths + 1)
    return timing.mask(clips.waveforms, starts.long(), widths)


def _notch(clips: _Selection) -> Tensor:
    top = _mel(clips.sample_rate / 2)
    width = clips.draws.uniform("notch_width") * min(clips.config.notch_mel, top)
    low = clips.draws.uniform("notch_place") * (top - width)
    return channel.remove_band(clips.waveforms, _hertz(low), _hertz(low + width), clips.sample_rate)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _hertz(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)


def _noise(clips: _Selection) -> Tensor:
    white = clips.draws.normal("noise_spectrum", clips.waveforms.shape[1] + 2)
    sound = noise.coloured_noise(white, clips.draw("noise_slope"), clips.sample_rate)
    return noise.mix(clips.waveforms, sound, clips.draw("noise_snr_db"), clips.lengths)


def _background(clips: _Selection) -> Tensor:
    if clips.background is None or len(clips.background) == 0:
        raise UserError(
            f"augment.background_probability={clips.config.background_probability:g}: the data set "
            "has no _background_noise_ folder with recordings; add one or set it to 0"
        )
    sound = _piece(clips, clips.background, "background")
    return noise.mix(clips.waveforms, sound, clips.draw("background_snr_db"), clips.lengths)


def _speech(clips: _Selection) -> Tensor:
    if clips.speech is None or len(clips.speech) == 0:
        raise UserError(
            f"augment.speech_probability={clips.config.speech_probability:g}: there are no other "
            "clips to mix in; set it to 0"
        )
    # The other word may have begun before, or end after.
    offsets = clips.draws.uniform("speech_offset", -0.5, 0.5) * clips.lengths
    sound = timing.shift(_piece(clips, clips.speech, "speech"), offsets.long())
    return noise.mix(clips.waveforms, sound, clips.draw("speech_snr_db"), clips.lengths)


def _piece(clips: _Selection, recordings: Clips, name: str) -> Tensor:
    chosen = (clips.draws.uniform(f"{name}_recording") * len(recordings)).long()
    chosen = chosen.clamp(max=len(recordings) - 1)
    positions = clips.draws.uniform(f"{name}_position").tolist()
    time = clips.waveforms.shape[1]
    return recordings.windows(chosen.tolist(), time, positions)


def _gain(clips: _Selection) -> Tensor:
    return level.gain(clips.waveforms, clips.draw("gain_db"))


def _clipping(clips: _Selection) -> Tensor:
    soft = clips.draws.uniform("clipping_soft") < 0.5
    return level.clip(clips.waveforms, clips.draw("clipping_db"), soft)


def _band(clips: _Selection) -> Tensor:
    low, high = clips.draw("band_low_hz"), clips.draw("band_high_hz")
    return channel.limit_band(clips.waveforms, low, high, clips.sample_rate)


def _telephone(clips: _Selection) -> Tensor:
    return channel.telephone(clips.waveforms, clips.sample_rate)


# In the order in which sound reaches a recording: the speaker, the room, other sounds, the
# microphone, the line.
_EFFECTS: dict[str, Callable[[_Selection], Tensor]] = {
    "speed": _speed,
    "pitch": _pitch,
    "place": _place,
    "shift": _shift,
    "reverberation": _reverberation,
    "mask": _mask,
    "notch": _notch,
    "noise": _noise,
    "background": _background,
    "speech": _speech,
    "gain": _gain,
    "clipping": _clipping,
    "band": _band,
    "telephone": _telephone,
}

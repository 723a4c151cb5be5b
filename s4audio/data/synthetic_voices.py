"""The voices of the synthetic commands and how one of them says a word.

A voice is an accent and a variant of eSpeak NG with its own tempo and pitch, heard through its own
microphone and room. Each variant belongs to one split only, so no test voice has the timbre of a
training voice. Accents are in all splits: an accent that was never heard can swap words ("up" of
the West Midlands is close to "off" of America), which no model can learn from other accents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from s4audio.data import audio
from s4audio.data.cache import Int16Array, to_int16
from s4audio.data.espeak import Espeak
from s4audio.errors import UserError

SAMPLE_RATE = 16_000
CLIP_SAMPLES = 16_000
SPLITS = ("train", "validation", "testing")

# Shavian is left out: it reads another alphabet.
ACCENTS = (
    *("en-us", "en-us-nyc", "en-gb", "en-gb-scotland"),
    *("en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
)

# Variants that sound nearly alike (klatt and klatt2, rob and robert ...) are in the same split.
# Left out are ten that a linear classifier, trained on other variants, mistook in more than 7 % of
# the words (zac, whisperf, Alicia, RicishayMax2, RicishayMax3, iven2, Marco, ed, mike2, announcer),
# two that repeat others (fast, klatt6), and one whose name has a space (Mr serious).
VARIANTS = {
    "train": (
        *("f1", "f2", "f5", "Annie", "belinda", "anika", "anikaRobot", "steph2", "steph3"),
        *("m1", "m3", "m5", "m6", "m7", "Nguyen", "croak", "grandpa", "Alex", "Mike", "max"),
        *("adam", "Reed", "benjamin", "shelby", "edward2", "Gene", "Gene2", "Tweaky", "norbert"),
        *("Diogo", "Henrique", "Hugo", "Jacky", "Michael", "gustave", "Andy", "AnxiousAndy"),
        *("Demonic", "UniRobot", "antonio", "pedro", "pablo", "ian", "iven", "iven3", "iven4"),
        *("klatt", "klatt2", "klatt4", "klatt5", "michel", "miguel", "quincy", "rob", "robert"),
        *("victor", "robosoft", "robosoft2", "robosoft3", "robosoft5", "robosoft6", "robosoft7"),
        *("robosoft8", "RicishayMax", "whisper"),
    ),
    "validation": (
        *("f4", "aunty", "m4", "Denis", "Mario", "david", "kaukovalta", "marcelo", "robosoft4"),
        "edward",
    ),
    "testing": (
        *("f3", "grandma", "linda", "Andrea", "steph", "m2", "m8", "Lee", "boris", "caleb"),
        *("john", "klatt3", "paul", "travis", "sandro", "Storm"),
    ),
}

# Half of the engine's loudness: at full loudness some variants clip.
_VOLUME = 50
_FASTEST_RATE = 450
_TRIM_BELOW_PEAK = 0.005
# Padding of the transform, so that neither filter nor echo wraps around.
_TRANSFORM_SAMPLES = 20_480


@dataclass(frozen=True)
class Voice:
    """A speaker of the synthetic data set.

    Attributes:
        name: accent and variant, as the engine takes them: `"en-us+f2"`.
        rate: tempo in words a minute.
        pitch: centre of the pitch, 0 to 99.
        pitch_range: liveliness of the pitch, 0 to 99.
        response: spectrum of the microphone and the room, complex128 (frequencies,).
    """

    name: str
    rate: float
    pitch: float
    pitch_range: float
    response: npt.NDArray[np.complex128]


def voice_names(split: str, seed: int) -> list[str]:
    """Names of all voices of a split (`"en-us+f2"`), in an order that the seed decides."""
    names = [f"{accent}+{variant}" for accent, variant in product(ACCENTS, VARIANTS[split])]
    order = np.random.default_rng([seed, SPLITS.index(split)]).permutation(len(names))
    return [names[row] for row in order]


def make_voice(name: str, rng: np.random.Generator) -> Voice:
    """Draw the tempo, pitch, microphone and room of a voice."""
    return Voice(
        name=name,
        rate=rng.uniform(115, 200),
        pitch=rng.uniform(25, 75),
        pitch_range=rng.uniform(30, 70),
        response=acoustics(rng),
    )


def acoustics(rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    """Draw the spectrum of a microphone and a room, complex128 (frequencies,)."""
    return _microphone(rng) * _room(rng)


def say(engine: Espeak, voice: Voice, word: str, rng: np.random.Generator) -> Int16Array:
    """One take of a word: tempo, pitch, place, level and noise are drawn anew.

    Returns:
        Waveform, int16 (16000,) at 16 kHz.

    Raises:
        UserError: the word is silent, or longer than the clip even at the fastest tempo.
    """
    return record(_spoken(engine, voice, word, rng), voice.response, rng)


def record(
    speech: audio.FloatArray, response: npt.NDArray[np.complex128], rng: np.random.Generator
) -> Int16Array:
    """A clip of one word: its place, level and noise are drawn.

    Args:
        speech: the bare word at 16 kHz, float32 (time,), at most as long as a clip, not silent.
        response: spectrum of the microphone and the room, from `acoustics`.
        rng: of what is drawn.

    Returns:
        Waveform, int16 (16000,) at 16 kHz.
    """
    clip = np.zeros(_TRANSFORM_SAMPLES, dtype=np.float64)
    start = int(rng.integers(CLIP_SAMPLES - len(speech) + 1))
    clip[start : start + len(speech)] = speech
    spectrum = np.fft.rfft(clip) * response
    clip = np.fft.irfft(spectrum, _TRANSFORM_SAMPLES)[:CLIP_SAMPLES]

    loudness = _rms(clip[start : start + len(speech)])
    clip += _noise(rng) * loudness * _amplitude(-rng.uniform(20, 40))
    gain = _amplitude(rng.uniform(-34, -16)) / loudness
    return to_int16((clip * min(gain, 0.99 / np.abs(clip).max())).astype(np.float32))


def _spoken(engine: Espeak, voice: Voice, word: str, rng: np.random.Generator) -> audio.FloatArray:
    """The bare word at 16 kHz without the silence around it, at most as long as a clip."""
    rate = voice.rate * rng.uniform(0.87, 1.15)
    pitch = round(np.clip(voice.pitch + rng.uniform(-10, 10), 0, 99))
    pitch_range = round(np.clip(voice.pitch_range + rng.uniform(-10, 10), 0, 99))

    def speak(rate: float) -> audio.FloatArray:
        waveform = engine.synthesize(
            word,
            voice.name,
            rate=round(rate),
            pitch=pitch,
            pitch_range=pitch_range,
            volume=_VOLUME,
        )
        return audio.resample(waveform, engine.sample_rate, SAMPLE_RATE)

    speech = fast_enough(speak, rate, _FASTEST_RATE)
    if speech is None:
        raise UserError(
            f"{word!r} is longer than one second even at {_FASTEST_RATE} words a minute: "
            "choose a shorter word"
        )
    if len(speech) == 0:
        raise UserError(f"{word!r} is silent when eSpeak NG reads it: choose another word")
    return speech


def fast_enough(
    speak: Callable[[float], audio.FloatArray], tempo: float, fastest: float
) -> audio.FloatArray | None:
    """A bare word, said faster and faster until it fits into a clip.

    Args:
        speak: says the word at a tempo: float32 (time,) at 16 kHz, with silence around it.
        tempo: to begin with.
        fastest: highest tempo.

    Returns:
        float32 (time,), empty for silence or numbers that are not finite; None if the word is
        longer than a clip even at the highest tempo.
    """
    while True:
        speech = _trimmed(speak(tempo))
        if len(speech) <= CLIP_SAMPLES:
            return speech
        if tempo >= fastest:
            return None
        tempo = min(tempo * 1.25, fastest)


def _trimmed(waveform: audio.FloatArray) -> audio.FloatArray:
    level = np.abs(waveform)
    loud = np.flatnonzero(level > _TRIM_BELOW_PEAK * level.max(initial=0))
    return waveform[loud[0] : loud[-1] + 1] if len(loud) else waveform[:0]


def _frequencies() -> npt.NDArray[np.float64]:
    return np.fft.rfftfreq(_TRANSFORM_SAMPLES, 1 / SAMPLE_RATE).astype(np.float64)


def _microphone(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Smooth ripples of a few decibels between a low and a high cut-off; zero phase."""
    hertz = np.maximum(_frequencies(), 1.0)
    knots = np.geomspace(60, 8000, 9)
    ripple = np.interp(np.log(hertz), np.log(knots), rng.uniform(-4, 4, len(knots)))
    low, high = rng.uniform(50, 220), rng.uniform(5500, 9000)
    cut = 1 / np.sqrt((1 + (low / hertz) ** 4) * (1 + (hertz / high) ** 8))
    return np.asarray(_amplitude(ripple) * cut)


def _room(rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    """The direct sound and a noise-like tail that decays by 60 dB in 0.1 to 0.25 s."""
    seconds = np.arange(_TRANSFORM_SAMPLES - CLIP_SAMPLES) / SAMPLE_RATE
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / rng.uniform(0.1, 0.25))
    tail[seconds < 0.002] = 0.0
    tail *= _amplitude(-rng.uniform(8, 20)) / np.linalg.norm(tail)
    tail[0] = 1.0
    return np.fft.rfft(tail, _TRANSFORM_SAMPLES)


def _noise(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Steady noise of unit RMS whose spectrum falls by 2.4 to 6 dB an octave above 50 Hz."""
    white = np.fft.rfft(rng.standard_normal(CLIP_SAMPLES))
    hertz = np.fft.rfftfreq(CLIP_SAMPLES, 1 / SAMPLE_RATE)
    coloured = np.fft.irfft(white * np.maximum(hertz, 50) ** -rng.uniform(0.4, 1), CLIP_SAMPLES)
    return np.asarray(coloured / _rms(coloured))


def _rms(signal: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def _amplitude(decibels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(10 ** (np.asarray(decibels, dtype=np.float64) / 20))

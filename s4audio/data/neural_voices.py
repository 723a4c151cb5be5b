"""Words said by speakers that are blended from the voices of Kokoro, a neural synthesiser.

Kokoro (82 million parameters, a StyleTTS 2 network) turns phonemes and a style into speech; a voice
is a table of styles, one half of each for the timbre and the other for the delivery. A speaker here
mixes the timbres of one to three voices of any language, drawn towards the mean of all, and the
deliveries of one or two English voices; is taller or shorter (the sound is played faster or
slower than it was made); and has a tempo, an accent, a microphone and a room of its own.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import numpy.typing as npt
import soundfile
from rich.console import Console
from rich.progress import track

from s4audio.data import audio
from s4audio.data.cache import Int16Array, cache_dir
from s4audio.data.download import download as download_file
from s4audio.data.synthetic import checked_words, file_name
from s4audio.data.synthetic_voices import SAMPLE_RATE, acoustics, fast_enough, record
from s4audio.errors import UserError, first_line

Style = npt.NDArray[np.float32]

_RELEASE = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
_FILES = {
    "kokoro-v1.0.int8.onnx": "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    "voices-v1.0.bin": "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
}

# American and British voices are named af_..., am_..., bf_... and bm_...
_ENGLISH = ("a", "b")
_ACCENTS, _AMERICAN_SHARE = ("en-us", "en-gb"), 0.7
_TIMBRE = 128  # numbers of a style for the timbre; the rest is for the delivery
_ENDINGS, _ENDING_SHARES = ("", ".", "!", "?", ","), (0.35, 0.35, 0.12, 0.08, 0.1)
_SLOWEST, _FASTEST = 0.5, 2.0  # what the synthesiser accepts

# Kokoro writes a diphthong or an affricate as one letter, eSpeak NG as two.
_LETTERS = (
    *(("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "Q"), ("aʊ", "W"), ("ɔɪ", "Y")),  # noqa: RUF001
    *(("dʒ", "ʤ"), ("tʃ", "ʧ")),
)


@dataclass(frozen=True)
class Speaker:
    """Somebody who does not exist.

    Attributes:
        style: float32 (lengths, 1, 256): what Kokoro takes for each number of phonemes.
        accent: as eSpeak NG calls it.
        tempo: relative to that of the voices.
        pitch: how much higher than the voices, with the formants; above 1 a shorter person.
        response: spectrum of the microphone and the room.
    """

    style: Style
    accent: str
    tempo: float
    pitch: float
    response: npt.NDArray[np.complex128]


class NeuralVoices:
    """Kokoro, and speakers between its voices.

    Args:
        folder: holds `kokoro-v1.0.int8.onnx` (92 MB) and `voices-v1.0.bin` (28 MB); None for
            `kokoro` in the cache folder.
        download: fetch the files where they are missing.

    Raises:
        UserError: the package is missing, or a file is missing, damaged or cannot be fetched.
    """

    def __init__(self, folder: Path | None = None, download: bool = False) -> None:
        try:
            from kokoro_onnx import Kokoro
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError:
            raise UserError(
                "neural voices need the kokoro-onnx package: pip install 's4audio[voices]'"
            ) from None
        model, voices = _files(cache_dir() / "kokoro" if folder is None else folder, download)
        options = SessionOptions()
        options.intra_op_num_threads = 1  # a word is short: several at once gain more
        try:
            session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self._engine = Kokoro.from_session(session, str(voices))
            self._styles = {name: self._engine.voices[name] for name in self._engine.voices}
        except Exception as error:  # whatever ONNX Runtime and NumPy raise for damaged files
            raise UserError(
                f"{model} and {voices} are no model and voices of Kokoro ({first_line(error)})"
            ) from None

    def speaker(self, rng: np.random.Generator) -> Speaker:
        """Draw a speaker."""
        return Speaker(
            style=blend(self._styles, rng),
            accent=_ACCENTS[int(rng.random() > _AMERICAN_SHARE)],
            tempo=rng.uniform(0.8, 1.25),
            pitch=float(np.exp(rng.uniform(np.log(0.9), np.log(1.18)))),
            response=acoustics(rng),
        )

    def say(self, speaker: Speaker, word: str, rng: np.random.Generator) -> Int16Array:
        """One take of a word: tempo, intonation, place, level and noise are drawn.

        Returns:
            Waveform, int16 (16000,) at 16 kHz. The engine draws its own noise too, so the same
            arguments give nearly, not exactly, the same samples.

        Raises:
            UserError: the word is silent, or longer than the clip even when said fast.
        """
        phonemes = self._engine.tokenizer.phonemize(word, speaker.accent)
        for pair, letter in _LETTERS:
            phonemes = phonemes.replace(pair, letter)
        phonemes += str(rng.choice(_ENDINGS, p=_ENDING_SHARES))
        speed = speaker.tempo / speaker.pitch * rng.uniform(0.88, 1.14)

        def speak(speed: float) -> audio.FloatArray:
            waveform, rate = self._engine.create(
                phonemes, speaker.style, speed, is_phonemes=True, trim=False
            )
            return audio.resample(waveform, round(rate * speaker.pitch), SAMPLE_RATE)

        speech = fast_enough(speak, float(np.clip(speed, _SLOWEST, _FASTEST)), _FASTEST)
        if speech is None:
            raise UserError(f"{word!r} is longer than one second: choose a shorter word")
        if len(speech) == 0:
            raise UserError(f"{word!r} is silent when Kokoro reads it: choose another word")
        return record(speech, speaker.response, rng)


def write_clips(
    engine: NeuralVoices,
    folder: Path,
    words: Sequence[str],
    speakers: int,
    words_per_speaker: int | None,
    seed: int,
    jobs: int | None,
) -> int:
    """Write clips as `WORD/voice0_00012_nohash_0.wav` (seed, speaker); what is there is kept.

    Args:
        engine: says them.
        folder: where to; made if need be.
        words: what is said.
        speakers: how many.
        words_per_speaker: how many of the words each of them says; None for all.
        seed: of the speakers and of how they say each word.
        jobs: speakers at once; None for one a core.

    Returns:
        Clips of these words and speakers in the folder.

    Raises:
        UserError: words that are empty or alike, one that is silent or too long, or a full disk.
    """
    words = checked_words(words)
    stopped = Event()  # by an error or the keyboard: no speaker goes on to the next word

    def recite(number: int) -> int:
        rng = np.random.default_rng([seed, number])
        speaker = engine.speaker(rng)
        said = rng.permutation(len(words))[:words_per_speaker]
        for row in said:
            path = folder / file_name(words[row]) / f"voice{seed}_{number:05d}_nohash_0.wav"
            if not (stopped.is_set() or path.is_file()):
                take = np.random.default_rng([seed, number, row])
                _write(path, engine.say(speaker, words[row], take))
        return len(said)

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        recited = pool.map(recite, range(speakers))
        try:
            return sum(
                track(
                    recited,
                    total=speakers,
                    description="synthesising speech",
                    console=Console(stderr=True),
                    transient=True,
                )
            )
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _write(path: Path, clip: Int16Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        soundfile.write(partial, clip, SAMPLE_RATE, subtype="PCM_16", format="WAV")
        os.replace(partial, path)
    except (OSError, soundfile.SoundFileError) as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written ({error})") from None


def _files(folder: Path, may_download: bool) -> list[Path]:
    """The model and the voices."""
    paths = [folder / name for name in _FILES]
    for path, sha256 in zip(paths, _FILES.values(), strict=True):
        if may_download:
            download_file(f"{_RELEASE}/{path.name}", path, sha256)
        if not path.is_file():
            raise UserError(
                f"{path}: no such file; --download fetches it (120 MB in all), "
                "--kokoro FOLDER names another place"
            )
    return paths


def blend(styles: Mapping[str, Style], rng: np.random.Generator) -> Style:
    """A style between the voices.

    Args:
        styles: float32 (lengths, 1, 256) of each voice.
        rng: decides which voices, and how much of each.
    """
    names = sorted(styles)
    english = [name for name in names if name[0] in _ENGLISH] or names
    mean = np.mean([styles[name] for name in names], axis=0)
    timbre = mean + rng.uniform(0.6, 1.0) * (_mixture(styles, names, 3, rng) - mean)
    delivery = _mixture(styles, english, 2, rng)
    style = np.concatenate([timbre[..., :_TIMBRE], delivery[..., _TIMBRE:]], axis=-1)
    return style.astype(np.float32)


def _mixture(
    styles: Mapping[str, Style], names: Sequence[str], most: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    count = int(rng.integers(1, min(most, len(names)) + 1))
    chosen = rng.choice(len(names), count, replace=False)
    shares = rng.dirichlet(np.ones(count))
    terms = [share * styles[names[row]] for share, row in zip(shares, chosen, strict=True)]
    return np.asarray(np.sum(terms, axis=0, dtype=np.float64))

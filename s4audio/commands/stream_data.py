"""What `s4audio evaluate --stream` assembles recordings from: clips, other words, negatives."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from s4audio.commands.own_data import chosen_data
from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import AudioDataModule, Clips, KeywordStreams, SpeechCommands
    from s4audio.data.recordings import AssembledRecording

# Testing has a fifth of that: eight clips of each other word.
_OTHER_CLIPS_PER_WORD = 40


def open_clips(
    checkpoint: Path, data: Path | None, labels: Sequence[str], sample_rate: int
) -> "AudioDataModule":
    """Open and prepare the clips of the keywords.

    Args:
        checkpoint: As for `chosen_data`.
        data: As for `chosen_data`.
        labels: The model's labels.
        sample_rate: The model's, in Hz.

    Returns:
        The data set, prepared.

    Raises:
        UserError: As `chosen_data`.
    """
    module = chosen_data(checkpoint, data, labels, sample_rate)
    module = keywords_alone(module, _keywords(labels))
    module.prepare_data()
    return module


def assembled(
    module: "AudioDataModule",
    negatives: "list[Clips]",
    labels: Sequence[str],
    hours: tuple[float, float],
    snrs: list[float],
    seed: int,
) -> "AssembledRecording":
    """A recording of the test split, over the background noise that the data have.

    Args:
        module: As `open_clips` gives it.
        negatives: As `negative_kinds` gives them.
        labels: The model's labels.
        hours: Length of the part with keywords, and of the one without.
        snrs: Signal-to-noise ratios in decibels.
        seed: Of everything that is random.

    Returns:
        The recording.

    Raises:
        UserError: As `AssembledRecording`.
    """
    from s4audio.data.recordings import AssembledRecording, background_of

    others = other_words(module)
    return AssembledRecording(
        clips=[module.split("testing"), *([] if others is None else [others])],
        keywords=_keywords(labels),
        seconds=3600 * hours[0],
        snrs=snrs,
        seed=seed,
        background=background_of(module),
        negatives=negatives,
        negative_seconds=3600 * hours[1],
    )


def negative_kinds(
    folders: list[Path], sentences: int, labels: Sequence[str], sample_rate: int
) -> "list[Clips]":
    """One split for each kind of recordings without keywords.

    Args:
        folders: Of recordings without keywords.
        sentences: How many sentences eSpeak NG says.
        labels: The model's labels.
        sample_rate: The model's, in Hz.

    Returns:
        The splits.

    Raises:
        UserError: A folder is at fault, or the number is negative.
    """
    from s4audio.data.negatives import clips_of, negative_clips
    from s4audio.data.sentences import sentence_clips

    if sentences < 0:
        raise UserError(f"--synthetic-sentences {sentences}: must not be negative")
    words = _keywords(labels)
    kinds = [negative_clips(folder, words, sample_rate) for folder in folders]
    if sentences:
        kinds.append(clips_of(sentence_clips(sentences, words), sample_rate))
    return kinds


def keywords_alone(module: "AudioDataModule", keywords: list[str]) -> "AudioDataModule":
    """Without the classes `_unknown_` and `_silence_` of Speech Commands.

    All other words of the data set are to be heard, each as often as the next, and not the few that
    were drawn for a class.
    """
    from s4audio.data import KeywordStreams, SpeechCommands

    if not isinstance(module, SpeechCommands | KeywordStreams) or module.labels == keywords:
        return module
    return _with_words(module, keywords)


def other_words(module: "AudioDataModule") -> "Clips | None":
    """Clips of words that the data set has beside its labels; None if there are none."""
    from s4audio.data import SpeechCommands, SyntheticSpeech
    from s4audio.data.speech_commands_files import ALL_WORDS

    words = [word for word in ALL_WORDS if word not in module.labels]
    others: AudioDataModule
    if not words:
        return None
    if isinstance(module, SpeechCommands):
        others = _with_words(module, words)
    elif isinstance(module, SyntheticSpeech):
        others = SyntheticSpeech(
            module.root, words, _OTHER_CLIPS_PER_WORD, sample_rate=module.sample_rate
        )
    else:
        return None
    others.prepare_data()
    return others.split("testing")


def _with_words(module: "SpeechCommands | KeywordStreams", words: list[str]) -> "SpeechCommands":
    """The clips of some words in the same folder."""
    from s4audio.data import SpeechCommands

    return SpeechCommands(
        module.root,
        words=words,
        sample_rate=module.sample_rate,
        skip_bad_files=module.skip_bad_files,
    )


def _keywords(labels: Sequence[str]) -> list[str]:
    from s4audio.streaming.detector import is_event

    return [label for label in labels if is_event(label)]

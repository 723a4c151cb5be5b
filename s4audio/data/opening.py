"""Opening a data set from a description in a checkpoint, or from a path given to a command."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from s4audio.data.augment import AugmentConfig
from s4audio.data.base import DataModule
from s4audio.data.folder import AudioFolder
from s4audio.data.manifest import AudioManifest
from s4audio.data.module import AudioDataModule
from s4audio.data.speech_commands import SpeechCommands
from s4audio.data.speech_commands_files import find_speech_commands
from s4audio.errors import UserError

# Where each data set is defined; its module is imported when it is asked for.
DATA_MODULES = {
    "AudioFolder": "s4audio.data.folder",
    "AudioManifest": "s4audio.data.manifest",
    "BIDMC": "s4audio.data.bidmc",
    "CharacterText": "s4audio.data.language",
    "Cifar10Density": "s4audio.data.density",
    "Forecasting": "s4audio.data.forecasting",
    "GreyCifar10": "s4audio.data.lra.image",
    "Imdb": "s4audio.data.lra.text",
    "KeywordStreams": "s4audio.data.streams",
    "ListOps": "s4audio.data.lra.listops_data",
    "Pathfinder": "s4audio.data.lra.pathfinder_data",
    "Retrieval": "s4audio.data.lra.retrieval",
    "SequentialCifar10": "s4audio.data.pixels.cifar",
    "SequentialMnist": "s4audio.data.pixels.mnist",
    "SpeechCommands": "s4audio.data.speech_commands",
    "SyntheticSpeech": "s4audio.data.synthetic",
    "WikiText": "s4audio.data.language",
}


def from_description(
    description: Mapping[str, Any], overrides: Mapping[str, Any] | None = None
) -> DataModule:
    """Rebuild a data set from what its `describe` returned.

    Args:
        description: `{"class": name, "arguments": {...}}`.
        overrides: arguments that replace the described ones, such as `{"root": "elsewhere"}`.

    Raises:
        UserError: an unknown class or unknown arguments.
    """
    name = description.get("class")
    if name not in DATA_MODULES:
        raise UserError(f"unknown data set {name!r}; known are {', '.join(DATA_MODULES)}")
    factory = getattr(import_module(DATA_MODULES[name]), name)
    arguments = {**description.get("arguments", {}), **(overrides or {})}
    known = inspect.signature(factory).parameters
    unknown = [argument for argument in arguments if argument not in known]
    if unknown:
        raise UserError(f"{name} has no argument {', '.join(unknown)}; it has {', '.join(known)}")
    if isinstance(arguments.get("augment"), Mapping):
        arguments["augment"] = _augment_config(arguments["augment"])
    data: DataModule = factory(**arguments)
    return data


def audio_from_description(description: Mapping[str, Any]) -> AudioDataModule:
    """As `from_description`, for what only makes sense of audio.

    Args:
        description: of a data set of audio.

    Raises:
        UserError: as `from_description`, or it is no audio.
    """
    data = from_description(description)
    if not isinstance(data, AudioDataModule):
        raise UserError(
            f"{type(data).__name__}, the data of this checkpoint, is not audio: it has no sample "
            "rate to change; score it with s4audio test"
        )
    return data


def open_audio(path: Path | str, *, labels: Sequence[str], sample_rate: int) -> AudioDataModule:
    """Open recordings to evaluate a model on.

    Args:
        path: Speech Commands, a CSV table (or a folder with `manifest.csv`), or a folder for each
            class.
        labels: the model's labels, whose order the targets keep. Labels without recordings are
            fine; of Speech Commands the other words are left out.
        sample_rate: rate in Hz that all files are resampled to.

    Returns:
        A data set whose testing split is to be scored: the one that lists, folders or a column
        define, and all clips where nothing does.

    Raises:
        UserError: nothing usable at `path`, or recordings of classes that the model lacks.
    """
    path, names = Path(path), list(labels)
    table = path / "manifest.csv" if path.is_dir() else path
    if table.is_file():
        return AudioManifest(table, sample_rate, names, validation=0.0, testing=1.0)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder or table")
    if find_speech_commands(path) is not None:
        return SpeechCommands(path, words=names, sample_rate=sample_rate)
    return AudioFolder(path, sample_rate, names, validation=0.0, testing=1.0)


def _augment_config(values: Mapping[str, Any]) -> AugmentConfig:
    unknown = [name for name in values if name not in AugmentConfig.__dataclass_fields__]
    if unknown:
        raise UserError(f"augment has no option {', '.join(unknown)}")
    typed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return AugmentConfig(**typed)

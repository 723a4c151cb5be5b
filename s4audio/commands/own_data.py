"""The data that a checkpoint is scored on: those it was trained on, or others."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import AudioDataModule


def chosen_data(
    checkpoint: Path, data: Path | None, labels: Sequence[str], sample_rate: int
) -> "AudioDataModule":
    """Open the recordings to score a model on.

    Args:
        checkpoint: What was given as the model: a .ckpt of `s4audio fit`, or what does not know its
            data.
        data: Speech Commands, a folder a class or a CSV manifest; None for the data of the
            checkpoint. Where it is these, they are divided as in training, so that no clip of the
            training is scored.
        labels: The model's labels.
        sample_rate: The model's, in Hz.

    Returns:
        The data set, not prepared yet.

    Raises:
        UserError: As `open_audio`, the checkpoint cannot be read, or what it names is not audio or
            not there.
    """
    from s4audio.data import open_audio
    from s4audio.models.pretrained import read_checkpoint

    if checkpoint.suffix == ".ckpt":
        description = read_checkpoint(checkpoint)["s4audio"]["data"]
        if data is None or _is_own(data, description):
            return _own_data(checkpoint, description)
    elif data is None:
        raise UserError(f"{checkpoint} does not say what it was trained on; give --data DIR")
    return open_audio(data, labels=labels, sample_rate=sample_rate)


def _own_data(checkpoint: Path, description: dict[str, Any]) -> "AudioDataModule":
    """The data that a checkpoint describes, without training clips that cannot be had any more."""
    from s4audio.data import audio_from_description

    arguments = description.get("arguments", {})
    place = _place(description)
    made = description.get("class") == "SyntheticSpeech" or arguments.get("download")
    if place is not None and not made and not place.exists():
        raise UserError(
            f"{place}, the data that {checkpoint} was trained on, is not here: run where it is, or "
            "give --data DIR"
        )
    return audio_from_description({**description, "arguments": _to_score(arguments)})


def _place(description: dict[str, Any]) -> Path | None:
    """Folder or table of the data; None if it has none of its own."""
    arguments = description.get("arguments", {})
    place = arguments.get("root", arguments.get("path"))
    return Path(place) if isinstance(place, str) else None


def _is_own(data: Path, description: dict[str, Any]) -> bool:
    place = _place(description)
    # A folder with a table in it is as good as the table.
    same = {data.resolve(), (data / "manifest.csv").resolve()}
    return place is not None and place.resolve() in same


def _to_score(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a data set; what only its training clips need is left out if it is gone."""
    needed = dict(arguments)
    if needed.get("extra") is not None and not Path(needed["extra"]).is_dir():
        needed["extra"] = None
    if needed.get("synthetic_clips_per_word") and find_spec("espeakng_loader") is None:
        needed["synthetic_clips_per_word"] = 0
    return needed

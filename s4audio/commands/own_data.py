"""The data that a checkpoint was trained on."""

from pathlib import Path
from typing import TYPE_CHECKING

from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import AudioDataModule


def own_data(checkpoint: Path) -> "AudioDataModule":
    """Open the recordings that a checkpoint names, from the folder in which it was trained.

    Args:
        checkpoint: A .ckpt of `s4audio fit`.

    Returns:
        The data set, not prepared yet.

    Raises:
        UserError: The checkpoint cannot be read, or what it names is not audio or not there.
    """
    from s4audio.data import audio_from_description
    from s4audio.models.pretrained import read_checkpoint

    description = read_checkpoint(checkpoint)["s4audio"]["data"]
    arguments = description.get("arguments", {})
    root = arguments.get("root")
    made = description.get("class") == "SyntheticSpeech" or arguments.get("download")
    if isinstance(root, str) and not made and not Path(root).exists():
        raise UserError(
            f"{root}, the data that {checkpoint} was trained on, is not here: run where it is, or "
            "give --data DIR"
        )
    return audio_from_description(description)

"""Where a run lives: ROOT/NAME/version_N with its checkpoints/, metrics.csv and config.yaml."""

import os
from pathlib import Path

from s4audio.errors import UserError


def new_folder(parent: Path) -> Path:
    """The next free `version_N` below a folder.

    Args:
        parent: Folder of all runs of one name; need not exist.

    Returns:
        A folder that does not exist yet.
    """
    taken = [
        int(suffix)
        for path in parent.glob("version_*")
        if (suffix := path.name.removeprefix("version_")).isdigit()
    ]
    return parent / f"version_{max(taken, default=-1) + 1}"


def folder_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint belongs to.

    Args:
        checkpoint: Path of a checkpoint file.

    Returns:
        The folder above `checkpoints/`, or None for a checkpoint that lies elsewhere.
    """
    folder = checkpoint.resolve().parent
    return folder.parent if folder.name == "checkpoints" else None


def beside(checkpoint: Path) -> Path:
    """Where a report about a checkpoint goes.

    Args:
        checkpoint: A file, a folder of `save_pretrained`, the name of a shipped model, or that of
            one on the hub.

    Returns:
        The run of a file, or else the file's folder; the folder itself; a folder here for a name,
        `evaluation/NAME` or `evaluation/OWNER/NAME`.
    """
    from s4audio.models.hub import PREFIX, is_on_hub

    if is_on_hub(checkpoint):
        return Path("evaluation", checkpoint.as_posix().removeprefix(PREFIX))
    if checkpoint.is_dir():
        return checkpoint
    if checkpoint.is_file():
        return folder_of(checkpoint) or checkpoint.resolve().parent
    return Path("evaluation") / checkpoint.name


def newest_checkpoint(parent: Path) -> Path:
    """The most recently written `last.ckpt` of all runs of one name.

    Args:
        parent: Folder of all runs of that name.

    Returns:
        Its path.

    Raises:
        UserError: There is none.
    """
    found = list(parent.glob("*/checkpoints/last.ckpt"))
    if not found:
        raise UserError(f"no last.ckpt below {parent}; start without --ckpt_path, or give its path")
    return max(found, key=lambda path: path.stat().st_mtime)


def check_writable(folder: Path, option: str) -> None:
    """Refuse a folder that results cannot be written to, before they are computed.

    Args:
        folder: Where to write; need not exist.
        option: Option that names another folder.

    Raises:
        UserError: It is a file, or the user may not write there.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"cannot write to {folder}: {there} is a file; give a folder with {option}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(
            f"cannot write to {folder}: no permission in {there}; give another folder with {option}"
        )


def keep_earlier_metrics(folder: Path) -> None:
    """Move a run's `metrics.csv` aside, as the logger of a continued run starts a new one.

    Args:
        folder: The run's folder.
    """
    metrics = folder / "metrics.csv"
    if metrics.exists():
        parts = len(list(folder.glob("metrics.part*.csv")))
        metrics.rename(folder / f"metrics.part{parts + 1}.csv")


def shown(path: Path) -> str:
    """A path for people: relative where it lies below the working directory."""
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)

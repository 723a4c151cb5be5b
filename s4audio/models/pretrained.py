"""Weights on disk: safetensors beside a JSON config, or a training checkpoint.

Files that could run code when read are refused.
"""

import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from s4audio.errors import UserError, unknown_name
from s4audio.models.classifier import SequenceClassifier
from s4audio.models.config import ClassifierConfig

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
SHIPPED = Path(__file__).parent / "weights"
_NETWORK = "network."
"""Prefix of the network in the state dictionary of a task."""

_ARCHIVE = b"PK\x03\x04"
"""What `torch.save` begins with: a ZIP archive."""

CLASSIFIER_TASKS = ("ClassificationTask", "LongFormTask")
"""Tasks whose network is a `SequenceClassifier`, as checkpoints name them."""


def list_pretrained() -> list[str]:
    """Names of the weights that come with the package, for `load`.

    Returns:
        sorted names; empty while none are shipped.
    """
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG_NAME}"))


def load(name_or_path: str | os.PathLike[str]) -> SequenceClassifier:
    """A trained classifier, in evaluation mode.

    Args:
        name_or_path: a folder written by `SequenceClassifier.save_pretrained`, a training
            checkpoint (``.ckpt``), the name of weights that come with the package, or
            ``hf-hub:owner/name`` or ``hf-hub:owner/name@revision`` of a model on the Hugging Face
            hub, which is downloaded once. No other name downloads anything.

    Returns:
        the classifier with its labels and sample rate.

    Raises:
        UserError: if there is no such thing, or it is damaged or foreign.
    """
    from s4audio.models.hub import PREFIX, fetch, is_on_hub

    path = Path(name_or_path)
    if is_on_hub(path):
        return load_folder(fetch(path.as_posix()))
    if path.is_dir():
        return load_folder(path)
    if path.suffix.lower() == ".onnx":
        raise UserError(
            f"{path}: an ONNX file runs on streams only (s4audio listen, s4audio evaluate --stream)"
            "; give the checkpoint that it was exported from"
        )
    if path.is_file():
        return load_checkpoint(path)
    if str(name_or_path) in list_pretrained():
        return load_folder(SHIPPED / str(name_or_path))
    raise UserError(
        f"no folder or checkpoint at {name_or_path}, and "
        + unknown_name("shipped weights", str(name_or_path), list_pretrained())
        + (f"; a model on the hub is {PREFIX}{path.as_posix()}" if _may_be_on_hub(path) else "")
    )


def _may_be_on_hub(path: Path) -> bool:
    """Whether a path that does not exist looks like OWNER/NAME."""
    return len(path.parts) == 2 and path.suffix != ".ckpt" and not path.parent.exists()


def save_folder(model: SequenceClassifier, folder: Path) -> None:
    """Write config and weights; a folder that was complete before stays complete on failure.

    Args:
        model: what to save.
        folder: where to; made if it does not exist.

    Raises:
        UserError: if the folder cannot be written.
    """
    description = {
        "config": model.config.to_dict(),
        "labels": list(model.labels),
        "sample_rate": model.sample_rate,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            weights, config = Path(scratch, WEIGHTS_NAME), Path(scratch, CONFIG_NAME)
            state = {name: x.detach().contiguous() for name, x in model.state_dict().items()}
            weights.write_bytes(save(state))  # `save_file` lets nobody else read it
            config.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
            weights.replace(folder / WEIGHTS_NAME)
            config.replace(folder / CONFIG_NAME)
    except OSError as error:
        raise UserError(f"cannot write the model to {folder}: {error.strerror or error}") from error


def load_folder(folder: Path) -> SequenceClassifier:
    """A classifier from a folder with config.json and model.safetensors.

    Args:
        folder: written by `save_folder`.

    Returns:
        the classifier, in evaluation mode.

    Raises:
        UserError: if a file is missing, damaged, or does not fit the other.
    """
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a saved model: it has no {name}")
    try:
        description = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / CONFIG_NAME} is not valid JSON: {error}") from error
    try:
        state = load_file(folder / WEIGHTS_NAME)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{folder / WEIGHTS_NAME} is damaged: {error}") from error
    return _build(description, state, folder)


def load_checkpoint(path: Path) -> SequenceClassifier:
    """A classifier from a training checkpoint.

    Args:
        path: a ``.ckpt`` of `s4audio fit`.

    Returns:
        the classifier, in evaluation mode.

    Raises:
        UserError: as `read_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    task = checkpoint["s4audio"].get("task", CLASSIFIER_TASKS[0])  # the first ones do not say
    if task not in CLASSIFIER_TASKS:
        raise UserError(f"{path} is a checkpoint of a {task}: only sequence classifiers load here")
    return _build(checkpoint["s4audio"], network_weights(checkpoint), path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A whole training checkpoint of ours; code inside it is never executed.

    Args:
        path: a ``.ckpt`` file of `s4audio fit`.

    Returns:
        the checkpoint; its entry ``s4audio`` has config, labels, sample_rate, data and version.

    Raises:
        UserError: if there is no such file, or it is damaged or foreign.
    """
    checkpoint = read_pickled_tensors(path)
    if not isinstance(checkpoint, dict) or "s4audio" not in checkpoint:
        raise UserError(
            f"{path} was not written by s4audio fit (it has no entry 's4audio'); weights of "
            "another project come in with s4audio import-checkpoint"
        )
    return checkpoint


def network_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of the network of a task, by their names in the network.

    Args:
        checkpoint: as `read_checkpoint` returns it.
    """
    return {
        name.removeprefix(_NETWORK): x
        for name, x in checkpoint["state_dict"].items()
        if name.startswith(_NETWORK)
    }


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load a state dictionary into a model that was made from the description beside it.

    Args:
        model: of the described architecture.
        state: its weights.
        source: where both come from.

    Raises:
        UserError: if they do not fit each other.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"the weights in {source} do not fit its config: {reason}") from error


def read_pickled_tensors(path: Path) -> Any:
    """What `torch.save` wrote, restricted to tensors and plain containers.

    Args:
        path: a ``.pt``, ``.pth`` or ``.ckpt`` file.

    Returns:
        the object, on the CPU.

    Raises:
        UserError: if there is no such file, it is damaged, or it holds anything that could run
            code.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a checkpoint file")
    if not path.is_file():
        raise UserError(f"no file at {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged or holds more than tensors, so it could run code and is not "
            "opened; save its state_dict alone with torch.save"
        ) from error
    except Exception as error:  # torch reports damaged archives in many ways
        raise UserError(f"{path} is damaged or not a checkpoint: {_damage(path)}") from error


def _damage(path: Path) -> str:
    with path.open("rb") as file:
        beginning = file.read(len(_ARCHIVE))
    if not beginning:
        return "it is empty"
    if beginning != _ARCHIVE:
        return "it does not begin like a file of torch.save"
    return "it begins like one and is cut or changed further on; copy it again"


def _build(description: Any, state: dict[str, Tensor], source: Path) -> SequenceClassifier:
    try:
        config = ClassifierConfig.from_dict(description["config"])
        model = SequenceClassifier(config, description["labels"], description["sample_rate"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source} has no usable model description: {error}") from error
    load_weights(model, state, source)
    return model.eval()

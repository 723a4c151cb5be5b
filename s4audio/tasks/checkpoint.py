"""Whether a training checkpoint fits the network it is about to be loaded into."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from s4audio.errors import UserError

OF_TRAINING_ONLY = ("dropout", "tie_dropout", "backend")
"""Options that change no weight and no output of a trained network."""

_NO_OPTIONS = ("task", "labels", "data", "version")
"""Entries of a description that are checked by themselves or say nothing about the network."""


def check_same_network(
    checkpoint: Mapping[str, Any], here: Mapping[str, Any], state: Mapping[str, Tensor]
) -> None:
    """Compare a checkpoint with the network it is about to be loaded into.

    Args:
        checkpoint: What the checkpoint file holds.
        here: Description of the configured network: "task", "config", "labels" where it has any,
            and whatever else the network depends on.
        state: State dictionary of the task that holds it.

    Raises:
        UserError: The task, the labels, the architecture or an option that changes what the
            weights compute differ.
    """
    stored = checkpoint.get("s4audio")
    if stored is None:
        raise UserError("the checkpoint was not written by s4audio fit (no entry 's4audio')")
    task = stored.get("task", here["task"])  # the first checkpoints do not say
    if task != here["task"]:
        raise UserError(f"the checkpoint is of a {task}, the recipe's model is a {here['task']}")
    if "labels" in here and list(stored["labels"]) != list(here["labels"]):
        raise UserError(_different_labels(stored["labels"], here["labels"]))
    differences = _differences(stored, here)
    saved = checkpoint["state_dict"]
    fit = saved.keys() == state.keys() and all(saved[k].shape == state[k].shape for k in state)
    if not fit and not differences:
        differences = ["its weights have other names or shapes"]
    if differences:
        raise UserError(
            "the checkpoint's network differs from the configured one: " + "; ".join(differences)
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What a checkpoint says of its network, options of its parts included, and is other here."""
    found = []
    for name, value in there.items():
        if isinstance(value, Mapping) and name not in _NO_OPTIONS:
            found += _differences(value, here.get(name) or {})
        elif name not in (*OF_TRAINING_ONLY, *_NO_OPTIONS) and here.get(name) != value:
            found.append(f"{name} {value} there, {here.get(name)} here")
    return found


def _different_labels(there: Sequence[str], here: Sequence[str]) -> str:
    unknown = [label for label in here if label not in there]
    if unknown:
        return (
            f"labels {', '.join(unknown)} of the data are unknown to the checkpoint, which knows "
            f"{', '.join(there)}"
        )
    return (
        f"the checkpoint's labels are {', '.join(there)}; the data's are {', '.join(here)}: "
        "use the data it was trained on"
    )

"""Whether a training checkpoint fits the network it is about to be loaded into."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from s4audio.errors import UserError


def check_same_network(
    checkpoint: Mapping[str, Any], here: Mapping[str, Any], state: Mapping[str, Tensor]
) -> None:
    """Compare a checkpoint with the network it is about to be loaded into.

    Args:
        checkpoint: What the checkpoint file holds.
        here: Description of the configured network: "task", "config", "labels" where it has any.
        state: State dictionary of the task that holds it.

    Raises:
        UserError: The task, the labels or the architecture differ.
    """
    stored = checkpoint.get("s4audio")
    if stored is None:
        raise UserError("the checkpoint was not written by s4audio fit (no entry 's4audio')")
    task = stored.get("task", here["task"])  # the first checkpoints do not say
    if task != here["task"]:
        raise UserError(f"the checkpoint is of a {task}, the recipe's model is a {here['task']}")
    if "labels" in here and list(stored["labels"]) != list(here["labels"]):
        raise UserError(_different_labels(stored["labels"], here["labels"]))
    saved = checkpoint["state_dict"]
    if saved.keys() == state.keys() and all(saved[k].shape == state[k].shape for k in state):
        return
    differences = [
        f"{key} {value} there, {here['config'].get(key)} here"
        for key, value in stored["config"].items()
        if here["config"].get(key) != value
    ]
    raise UserError(
        "the checkpoint's network differs from the configured one: "
        + ("; ".join(differences) or "its weights have other names or shapes")
    )


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

"""Whether a training checkpoint fits the network it is about to be loaded into."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from s4audio.errors import UserError
from s4audio.models import SequenceClassifier


def check_same_network(
    checkpoint: Mapping[str, Any], network: SequenceClassifier, state: Mapping[str, Tensor]
) -> None:
    """Compare a checkpoint with the network it is about to be loaded into.

    Args:
        checkpoint: What the checkpoint file holds.
        network: The network that was configured.
        state: State dictionary of the task that holds it.

    Raises:
        UserError: The labels or the architecture differ.
    """
    stored = checkpoint.get("s4audio")
    if stored is None:
        raise UserError("the checkpoint was not written by s4audio fit (no entry 's4audio')")
    if list(stored["labels"]) != list(network.labels):
        raise UserError(_different_labels(stored["labels"], network.labels))
    saved = checkpoint["state_dict"]
    if saved.keys() == state.keys() and all(saved[k].shape == state[k].shape for k in state):
        return
    here = network.config.to_dict()
    differences = [
        f"{key} {value} there, {here.get(key)} here"
        for key, value in stored["config"].items()
        if here.get(key) != value
    ]
    raise UserError(
        "the checkpoint's network differs from the configured one: "
        + ("; ".join(differences) or "its weights have other names or shapes")
    )


def _different_labels(there: list[str], here: tuple[str, ...]) -> str:
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

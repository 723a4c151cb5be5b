"""Training that starts from the weights of another network."""

from typing import TypeVar

import torch

from s4audio.errors import UserError
from s4audio.models import SequenceClassifier
from s4audio.models.logmel import LogMelNetwork
from s4audio.tasks.checkpoint import OF_TRAINING_ONLY

Network = TypeVar("Network", SequenceClassifier, LogMelNetwork)


def take_weights(network: Network, trained: Network, source: str) -> None:
    """Copy the weights of a trained network, rows of the decoder by the names of their classes.

    Args:
        network: Where to; classes that `trained` lacks keep their rows.
        trained: Where from.
        source: Name of it, for the message.

    Raises:
        UserError: The configurations differ.
    """
    here, there = network.config.to_dict(), trained.config.to_dict()
    differences = [
        f"network.{name} is {there[name]} there and {here[name]} here"
        for name in here
        if here[name] != there[name] and name not in OF_TRAINING_ONLY
    ]
    if network.sample_rate != trained.sample_rate:
        differences.append(f"{trained.sample_rate} Hz there and {network.sample_rate} Hz here")
    if differences:
        raise UserError(f"initial={source}: another network ({'; '.join(differences)})")
    state = {k: v for k, v in trained.state_dict().items() if not k.startswith("decoder.")}
    network.load_state_dict(state, strict=False)
    common = [label for label in network.labels if label in trained.labels]
    ours = [network.labels.index(label) for label in common]
    theirs = [trained.labels.index(label) for label in common]
    with torch.no_grad():
        network.decoder.weight[ours] = trained.decoder.weight[theirs].to(network.decoder.weight)
        network.decoder.bias[ours] = trained.decoder.bias[theirs].to(network.decoder.bias)

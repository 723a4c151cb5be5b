import pytest
import torch

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.checkpoint import check_same_network


def network(d_model: int = 4, labels: tuple[str, ...] = ("a", "b")) -> SequenceClassifier:
    config = ClassifierConfig(kind="s4d", d_model=d_model, n_layers=1, d_state=4, length=16)
    return SequenceClassifier(config, labels, 16_000)


def description(model: SequenceClassifier) -> dict:
    config = model.config.to_dict()
    return {"task": "ClassificationTask", "config": config, "labels": list(model.labels)}


def checkpoint(model: SequenceClassifier) -> dict:
    return {"s4audio": description(model), "state_dict": model.state_dict()}


def test_the_same_network_passes() -> None:
    check_same_network(checkpoint(network()), description(network()), network().state_dict())


@pytest.mark.parametrize(
    ("labels", "message"),
    [(("a", "c"), "labels c of the data are unknown"), (("b", "a"), "labels are a, b")],
)
def test_other_labels(labels: tuple[str, ...], message: str) -> None:
    other = network(labels=labels)
    with pytest.raises(UserError, match=message):
        check_same_network(checkpoint(network()), description(other), other.state_dict())


def test_another_architecture_names_the_options() -> None:
    other = network(d_model=8)
    with pytest.raises(UserError, match="d_model 4 there, 8 here"):
        check_same_network(checkpoint(network()), description(other), other.state_dict())


def test_other_weights_under_the_same_options() -> None:
    broken = checkpoint(network())
    broken["state_dict"] = {"weight": torch.zeros(1)}
    with pytest.raises(UserError, match="other names or shapes"):
        check_same_network(broken, description(network()), network().state_dict())


def test_foreign_checkpoint() -> None:
    with pytest.raises(UserError, match="not written by s4audio fit"):
        check_same_network({"state_dict": {}}, description(network()), {})


def test_another_task() -> None:
    stored = checkpoint(network())
    stored["s4audio"]["task"] = "RetrievalTask"
    with pytest.raises(UserError, match="of a RetrievalTask, the recipe's model is a Class"):
        check_same_network(stored, description(network()), network().state_dict())


def test_the_first_checkpoints_do_not_name_their_task() -> None:
    stored = checkpoint(network())
    del stored["s4audio"]["task"]
    check_same_network(stored, description(network()), network().state_dict())

import pytest
import torch

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.checkpoint import check_same_network


def network(
    d_model: int = 4, labels: tuple[str, ...] = ("a", "b"), sample_rate: int = 16_000, **options
) -> SequenceClassifier:
    options = {"kind": "s4d", "n_layers": 1, "d_state": 4, "length": 16, **options}
    return SequenceClassifier(ClassifierConfig(d_model=d_model, **options), labels, sample_rate)


def description(model: SequenceClassifier) -> dict:
    return {
        "task": "ClassificationTask",
        "config": model.config.to_dict(),
        "labels": list(model.labels),
        "sample_rate": model.sample_rate,
    }


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


@pytest.mark.parametrize(
    ("option", "there", "here"),
    [
        ("pooling", "mean", "last"),
        ("length", "16", "40"),
        ("normalization", "none", "clip"),
        ("bandlimit", "None", "0.5"),
        ("sample_rate", "16000", "8000"),
    ],
)
def test_options_that_change_what_the_weights_compute(option: str, there: str, here: str) -> None:
    value = {"40": 40, "0.5": 0.5, "8000": 8000}.get(here, here)
    other = network(**{option: value})
    with pytest.raises(UserError, match=f"{option} {there} there, {here} here"):
        check_same_network(checkpoint(network()), description(other), other.state_dict())


def test_options_of_a_part_go_by_their_own_name() -> None:
    stored, here = ({"task": "T", "config": {"backbone": {"length": n}}} for n in (16, 40))
    with pytest.raises(
        UserError, match="differs from the configured one: length 16 there, 40 here"
    ):
        check_same_network({"s4audio": stored, "state_dict": {}}, here, {})


def test_options_of_training_alone_may_differ() -> None:
    other = network(dropout=0.2, backend="naive")
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

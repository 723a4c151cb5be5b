"""Training that starts from other weights."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from s4audio.errors import UserError
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.logmel import LogMelConfig
from s4audio.models.pretrained import load
from s4audio.tasks import ClassificationTask, LogMelTask
from s4audio.tasks.initial import take_weights

TINY = {"kind": "s4d", "d_model": 8, "n_layers": 2, "d_state": 4, "length": 1600}
RECIPE = Path(__file__).parents[2] / "recipes" / "keyword_spotting" / "own_words.yaml"


def network(labels: list[str], sample_rate: int = 16_000, **options) -> SequenceClassifier:
    return SequenceClassifier(ClassifierConfig(**{**TINY, **options}), labels, sample_rate)


def assert_same_features(ours: SequenceClassifier, theirs: SequenceClassifier) -> None:
    """All but the decoder, statistics included."""
    theirs_state = theirs.state_dict()
    for name, value in ours.state_dict().items():
        if not name.startswith("decoder."):
            assert value.equal(theirs_state[name]), name


def test_classes_of_the_same_name_keep_their_rows():
    trained = network(["no", "maybe", "yes"], dropout=0.2, normalization="standardize")
    trained.set_input_statistics(0.25, 0.5)
    ours = network(["yes", "no", "up", "down"], normalization="standardize")
    fresh = ours.decoder.weight[2:].clone()
    take_weights(ours, trained, "there")
    assert ours.decoder.weight[:2].equal(trained.decoder.weight[[2, 0]])
    assert ours.decoder.bias[:2].equal(trained.decoder.bias[[2, 0]])
    assert ours.decoder.weight[2:].equal(fresh)
    assert_same_features(ours, trained)


def test_other_classes_start_at_random():
    trained, ours = network(["yes", "no"]), network(["cat", "dog", "bird"])
    fresh = ours.decoder.weight.clone()
    take_weights(ours, trained, "there")
    assert ours.decoder.weight.equal(fresh)
    assert_same_features(ours, trained)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"d_model": 4}, r"initial=there: another network \(network\.d_model is 4 there and 8"),
        ({"sample_rate": 8_000}, "8000 Hz there and 16000 Hz here"),
    ],
)
def test_weights_of_another_network_are_refused(other, message):
    with pytest.raises(UserError, match=message) as caught:
        take_weights(network(["yes", "no"]), network(["yes", "no"], **other), "there")
    assert "\n" not in str(caught.value)


def test_the_recipe_for_own_words_fits_the_weights_it_starts_from():
    options = yaml.safe_load(RECIPE.read_text())["model"]["init_args"]
    trained = load(options["initial"])
    ours = SequenceClassifier(ClassifierConfig.from_dict(options["network"]), ["lights", "music"])
    take_weights(ours, trained, options["initial"])
    assert_same_features(ours, trained)


def saved(task: ClassificationTask | LogMelTask, path: Path) -> Path:
    state = {f"network.{name}": x for name, x in task.network.state_dict().items()}
    description = {"task": type(task).__name__, **task.description()}
    torch.save({"state_dict": state, "s4audio": description}, path)
    return path


def peer(labels: list[str], initial: Path | None = None) -> LogMelTask:
    config = LogMelConfig(bands=8, channels=4, n_blocks=1)
    task = LogMelTask(config, labels, initial=initial)
    task.trainer = SimpleNamespace(ckpt_path=None)
    return task


def test_the_peer_starts_from_a_checkpoint_of_its_own(tmp_path):
    trained = peer(["no", "maybe", "yes"])
    ours = peer(["yes", "up"], saved(trained, tmp_path / "peer.ckpt"))
    fresh = ours.network.decoder.weight[1].clone()
    ours.on_fit_start()
    assert_same_features(ours.network, trained.network)
    assert ours.network.decoder.weight[0].equal(trained.network.decoder.weight[2])
    assert ours.network.decoder.weight[1].equal(fresh)


def test_a_resumed_peer_keeps_its_weights(tmp_path):
    ours = peer(["yes", "up"], saved(peer(["yes", "no"]), tmp_path / "peer.ckpt"))
    before = ours.network.first[0].weight.clone()
    ours.trainer = SimpleNamespace(ckpt_path="last.ckpt")
    ours.on_fit_start()
    assert ours.network.first[0].weight.equal(before)


def test_the_peer_refuses_a_checkpoint_of_another_task(tmp_path):
    other = ClassificationTask(ClassifierConfig(**TINY), ["yes", "no"])
    ours = peer(["yes", "up"], saved(other, tmp_path / "other.ckpt"))
    with pytest.raises(UserError, match="is a checkpoint of a ClassificationTask; give one of a"):
        ours.on_fit_start()

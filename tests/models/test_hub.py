"""Models on the Hugging Face hub: the real client, and a hub of our own on this computer."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import s4audio
from s4audio import SequenceClassifier, UserError
from s4audio.models.autoregressive import load_autoregressive
from s4audio.models.hub import fetch, push
from s4audio.models.pretrained import CONFIG_NAME, WEIGHTS_NAME
from s4audio.streaming import Stream

NAME = "hf-hub:someone/tiny"


def tiny(seed: int = 0) -> SequenceClassifier:
    torch.manual_seed(seed)
    return s4audio.create_model(
        "s4d", classes=2, labels=["_no_", "yes"], d_model=4, n_layers=1, d_state=4, length=64
    ).eval()


def files(model: SequenceClassifier, folder: Path) -> dict[str, bytes]:
    model.save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in (CONFIG_NAME, WEIGHTS_NAME)}


def same(one: SequenceClassifier, other: SequenceClassifier) -> bool:
    x = torch.randn(2, 64, 1)
    return torch.equal(one(x), other(x))


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        s4audio.load(name)
    message = str(caught.value)
    assert message.startswith(name)
    assert "\n" not in message
    return message


@pytest.fixture
def with_token(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client tries again after 1, 2, 4 seconds."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("with_token")
def test_round_trip(hub: Any) -> None:
    model = tiny()
    assert push(model, "someone/tiny") == f"{hub.url}/someone/tiny"
    again = s4audio.load(NAME)
    assert same(again, model)
    assert (again.labels, again.sample_rate) == (model.labels, model.sample_rate)
    assert not again.training


@pytest.mark.usefixtures("with_token")
def test_the_card_says_what_the_model_is(hub: Any) -> None:
    model = tiny()
    push(model, "someone/tiny")
    card = hub.repositories["someone/tiny"].revisions["main"]["README.md"].decode()
    assert card.startswith("---\nlibrary_name: s4audio\npipeline_tag: audio-classification\n")
    parameters = sum(p.numel() for p in model.parameters())
    assert (
        f"- classes: `_no_`, `yes`\n- sample rate: 16,000 Hz\n- parameters: {parameters}\n" in card
    )
    assert "- kernel: s4d\n- causal: yes\n" in card
    assert f's4audio.load("{NAME}")' in card


@pytest.mark.usefixtures("with_token")
def test_a_card_that_is_there_stays(hub: Any) -> None:
    repository = hub.add("someone/tiny", {"README.md": b"98 % right"})
    push(tiny(), "someone/tiny")
    push(tiny(1), "someone/tiny")
    assert repository.revisions["main"]["README.md"] == b"98 % right"
    assert same(s4audio.load(NAME), tiny(1))


@pytest.mark.usefixtures("with_token")
def test_a_private_repository(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    push(tiny(), "someone/tiny", private=True)
    assert hub.repositories["someone/tiny"].private
    push(tiny(), "someone/tiny")
    assert hub.repositories["someone/tiny"].private
    monkeypatch.delenv("HF_TOKEN")
    assert "no such repository, or a private one" in refusal(NAME)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert same(s4audio.load(NAME), tiny())


@pytest.mark.usefixtures("with_token")
def test_nothing_private_goes_to_a_public_repository(hub: Any) -> None:
    repository = hub.add("someone/tiny", {})
    with pytest.raises(UserError, match="someone/tiny is public"):
        push(tiny(), "someone/tiny", private=True)
    assert repository.revisions["main"] == {}


def test_a_push_needs_a_token(hub: Any) -> None:
    with pytest.raises(UserError, match=r"^someone/tiny: .* hf auth login, or set HF_TOKEN$"):
        push(tiny(), "someone/tiny")
    with pytest.raises(UserError, match="tiny is not a repository of the hub: give OWNER/NAME"):
        push(tiny(), "tiny")
    assert not hub.repositories


def test_revisions(hub: Any, tmp_path: Path) -> None:
    repository = hub.add("someone/tiny", {})
    first = repository.commit(files(tiny(1), tmp_path))
    repository.commit(files(tiny(2), tmp_path), revision="refs/pr/1")
    repository.commit(files(tiny(3), tmp_path))
    for revision, seed in {"@" + first: 1, "@refs/pr/1": 2, "@main": 3, "": 3}.items():
        assert same(s4audio.load(NAME + revision), tiny(seed)), revision


def test_a_model_is_downloaded_once(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.add("someone/tiny", {**files(tiny(), tmp_path), "large.bin": b"0"})
    folder = fetch(NAME)
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG_NAME, WEIGHTS_NAME]
    hub.requests.clear()
    s4audio.load(NAME)
    assert hub.requests == ["GET api/models/someone/tiny"]  # whether there is a newer commit
    repository.commit(files(tiny(1), tmp_path))
    assert same(s4audio.load(NAME), tiny(1))
    hub.requests.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert same(s4audio.load(NAME), tiny(1))
    assert "HF_HUB_OFFLINE forbids" in refusal("hf-hub:someone/other")
    assert hub.requests == []


def test_a_hub_that_is_down_or_out_of_reach(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path))
    s4audio.load(NAME)
    hub.down = ""
    assert same(s4audio.load(NAME), tiny())
    assert "500" in refusal("hf-hub:someone/other")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    assert same(s4audio.load(NAME), tiny())
    assert "check the network and HF_ENDPOINT" in refusal("hf-hub:someone/other")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with pytest.raises(UserError, match=r"^someone/tiny: .*check the network"):
        push(tiny(), "someone/tiny")


@pytest.mark.usefixtures("without_waiting")
def test_a_connection_that_ends_between_the_files(hub: Any, tmp_path: Path) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path))
    hub.down = WEIGHTS_NAME
    assert "500" in refusal(NAME)
    hub.down = None
    assert same(s4audio.load(NAME), tiny())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hf-hub:someone/missing", "no such repository, or a private one: check the name"),
        ("hf-hub:someone/tiny@v9", "no such revision: give a branch, a tag or a whole commit"),
        ("hf-hub:someone/tiny@" + 40 * "0", "no such revision"),
        ("hf-hub:someone/tiny@", "give hf-hub:OWNER/NAME or hf-hub:OWNER/NAME@REVISION"),
        ("hf-hub:", "give hf-hub:OWNER/NAME"),
        ("hf-hub:tiny", "give hf-hub:OWNER/NAME"),
        ("hf-hub:someone/tiny/main", "give hf-hub:OWNER/NAME"),
        ("hf-hub:some one/tiny", "Repo id must use alphanumeric chars"),
        ("hf-hub:../tiny", "Repo id must use alphanumeric chars"),
        ("hf-hub:someone/gated", "its owner has to let you in: ask on its page"),
        ("hf-hub:someone/empty", "it has no config.json or no model.safetensors"),
        ("hf-hub:someone/half", "it has no config.json or no model.safetensors"),
        ("hf-hub:someone/transformer", "is not a model of s4audio: its config.json is that of"),
        ("hf-hub:someone/text", "is not a model of s4audio"),
    ],
)
def test_refusals(name: str, reason: str, hub: Any, tmp_path: Path) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path))
    hub.add("someone/gated", files(tiny(), tmp_path), gated=True)
    hub.add("someone/empty", {"README.md": b"soon"})
    hub.add("someone/half", {CONFIG_NAME: files(tiny(), tmp_path)[CONFIG_NAME]})
    foreign = json.dumps({"architectures": ["BertModel"]}).encode()
    hub.add("someone/transformer", {CONFIG_NAME: foreign, WEIGHTS_NAME: b"gigabytes"})
    hub.add("someone/text", {CONFIG_NAME: b"\xff", WEIGHTS_NAME: b"gigabytes"})
    assert reason in refusal(name)
    assert not [line for line in hub.requests if line.startswith("GET") and WEIGHTS_NAME in line]


def test_a_cache_that_cannot_be_written(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path / "model"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file"))
    assert "set HF_HOME to another folder" in refusal(NAME)


def test_nothing_is_fetched_without_the_prefix(hub: Any, tmp_path: Path) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path))
    with pytest.raises(UserError, match=r"; a model on the hub is hf-hub:someone/tiny$"):
        s4audio.load("someone/tiny")
    for name in ("tiny", "someone/tiny.ckpt", f"{tmp_path}/tiny", "a/b/c"):
        with pytest.raises(UserError, match="no folder or checkpoint at") as caught:
            s4audio.load(name)
        assert "hf-hub" not in str(caught.value)
    assert hub.requests == []


def test_names_as_paths_and_streams(hub: Any, tmp_path: Path) -> None:
    hub.add("someone/tiny", files(tiny(), tmp_path))
    assert same(s4audio.load(Path(NAME)), tiny())
    assert same(SequenceClassifier.from_pretrained(NAME), tiny())
    assert Stream(NAME).labels == Stream(Path(NAME)).labels == ("_no_", "yes")


def test_language_models_are_not_on_the_hub(hub: Any) -> None:
    with pytest.raises(UserError, match=r"^hf-hub:someone/tiny classifies and generates nothing"):
        load_autoregressive(Path(NAME))
    assert hub.requests == []


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("huggingface_hub"):
            raise ImportError(name)
        return imported(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: s4audio.load(NAME), lambda: push(tiny(), "someone/tiny")):
        with pytest.raises(UserError, match=r"pip install 's4audio\[hub\]'"):
            call()

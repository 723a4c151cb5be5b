"""Models on the Hugging Face hub: fetched by their names, and put there with a model card."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s4audio.errors import UserError, first_line
from s4audio.models.card import model_card
from s4audio.models.classifier import SequenceClassifier
from s4audio.models.pretrained import CONFIG_NAME, WEIGHTS_NAME, save_folder

PREFIX = "hf-hub:"
"""What the names of models on the hub begin with; no other name is looked for there."""

CARD_NAME = "README.md"

_LOG_IN = "log in with hf auth login, or set HF_TOKEN"


def is_on_hub(path: Path) -> bool:
    """Whether what stands for a model is the name of one on the hub."""
    return path.as_posix().startswith(PREFIX)


def fetch(name: str) -> Path:
    """Download a model; what is in the cache of huggingface_hub is not downloaded again.

    Args:
        name: ``hf-hub:owner/name``, or ``hf-hub:owner/name@revision`` with a branch, a tag or a
            commit.

    Returns:
        the folder in that cache with config.json and model.safetensors.

    Raises:
        UserError: if huggingface_hub is missing, or there is no such model that can be had.
    """
    repository, at, revision = name.removeprefix(PREFIX).partition("@")
    if repository.count("/") != 1 or (at and not revision):
        raise UserError(f"{name}: give {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION")
    with _told_in_one_line(name):
        from huggingface_hub import HfApi, hf_hub_download

        commit = HfApi().resolve_revision(repository, revision=revision or None)
        config = Path(hf_hub_download(repository, CONFIG_NAME, revision=commit))
        _check_ours(config, name)
        hf_hub_download(repository, WEIGHTS_NAME, revision=commit)
    return config.parent


def push(model: SequenceClassifier, repository: str, private: bool = False) -> str:
    """Upload a model; a repository that does not exist is made, with a model card.

    Args:
        model: what to upload.
        repository: ``owner/name``. A README.md that is there stays as it is.
        private: only its owner sees the repository; one that is public already is refused.

    Returns:
        the address of the repository.

    Raises:
        UserError: if huggingface_hub is missing, or the hub does not take the model.
    """
    if repository.count("/") != 1:
        raise UserError(f"{repository} is not a repository of the hub: give OWNER/NAME")
    with tempfile.TemporaryDirectory() as scratch, _told_in_one_line(repository):
        from huggingface_hub import HfApi

        folder, api = Path(scratch), HfApi()
        save_folder(model, folder)
        # With None the owner's settings decide.
        url = api.create_repo(repository, private=private or None, exist_ok=True)
        if private and not api.model_info(repository).private:
            raise UserError(f"{repository} is public: change that on its page, or push publicly")
        if not api.file_exists(repository, CARD_NAME):
            card = model_card(model, PREFIX + repository)
            (folder / CARD_NAME).write_text(card, encoding="utf-8")
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Upload with s4audio"
        )
    return str(url)


def _check_ours(config: Path, name: str) -> None:
    """Refuse the model of another library before its weights are downloaded."""
    try:
        description = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        description = None
    ours = {"config", "labels", "sample_rate"}
    if not (isinstance(description, dict) and ours <= description.keys()):
        raise UserError(
            f"{name} is not a model of s4audio: its {CONFIG_NAME} is that of another library; give "
            "a repository that s4audio push has written"
        )


@contextmanager
def _told_in_one_line(name: str) -> Iterator[None]:
    """Whatever the hub or the way to it refuses, as a `UserError` that begins with the name."""
    try:
        from httpx2 import HTTPError  # what huggingface_hub speaks HTTP with
        from huggingface_hub.errors import LocalEntryNotFoundError, RevisionResolutionError
    except ImportError:
        raise UserError("the hub needs huggingface_hub: pip install 's4audio[hub]'") from None
    try:
        yield
    except UserError:
        raise
    except (RevisionResolutionError, LocalEntryNotFoundError) as error:  # not in the cache either
        raise UserError(f"{name}: {_reason(error.__cause__ or error)}") from error
    except (HTTPError, OSError, ValueError, RuntimeError) as error:  # the last is that of hf_xet
        raise UserError(f"{name}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """What happened and how to mend it."""
    from huggingface_hub import errors

    text = first_line(error)
    if isinstance(error, errors.GatedRepoError):
        return f"its owner has to let you in: ask on its page, then {_LOG_IN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"no such repository, or a private one: check the name, or {_LOG_IN}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision: give a branch, a tag or a whole commit"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"it has no {CONFIG_NAME} or no {WEIGHTS_NAME}: it was not written by s4audio push"
    if isinstance(error, errors.HfHubHTTPError) and error.response.status_code in (401, 403):
        return f"the hub does not allow this without the right token: {_LOG_IN}"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "it is not in the cache, and HF_HUB_OFFLINE forbids to fetch it: unset that"
    if isinstance(error, errors.HFValidationError):
        return text
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot use {error.filename} ({error.strerror}): set HF_HOME to another folder"
    return f"the hub could not be used ({text}): check the network and HF_ENDPOINT, then try again"

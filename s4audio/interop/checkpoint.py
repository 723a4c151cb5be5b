"""From a foreign checkpoint file to a saved model of ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from s4audio.errors import UserError, first_line
from s4audio.interop.state_spaces import from_state_spaces
from s4audio.models import SequenceClassifier
from s4audio.models.pretrained import read_pickled_tensors

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Names under which training code stores a state dictionary beside other things."""

PREFIXES = ("module.", "model.", "net.")


def import_checkpoint(weights: Path, config: Path, output: Path) -> SequenceClassifier:
    """Convert state-spaces weights and save them.

    Args:
        weights: a ``.pt``, ``.pth`` or ``.ckpt`` file with a state dictionary; read without running
            code from it.
        config: a JSON or YAML file with the options that `from_state_spaces` takes.
        output: folder to write config.json and model.safetensors to.

    Returns:
        the converted classifier.

    Raises:
        UserError: if a file is missing, damaged or foreign, or the two do not fit.
    """
    state, options = _state_dict(read_pickled_tensors(weights), weights), _read(config)
    try:
        model = from_state_spaces(state, options)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{weights} and {config} are no classifier to import: {error}") from error
    model.save_pretrained(output)
    return model


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"no config at {path}")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if path.suffix in (".yaml", ".yml"):
            import yaml

            values = yaml.safe_load(text)
        else:
            values = json.loads(text)
    except Exception as error:  # yaml and json have no common error
        raise UserError(f"{path} is not valid JSON or YAML: {first_line(error)}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} holds {type(values).__name__}, not a table of options")
    return values


def _state_dict(loaded: Any, path: Path) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(isinstance(x, Tensor) for x in loaded.values()):
        raise UserError(f"{path} holds no state dictionary of tensors")
    return _without_wrapper_prefix(dict(loaded))


def _without_wrapper_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as the plain network has them, which start with encoder, model and decoder."""
    for prefix in PREFIXES:
        if state and "decoder.output_transform.weight" not in state:
            nested = {n.removeprefix(prefix): x for n, x in state.items() if n.startswith(prefix)}
            state = nested or state
    return state

"""Reading foreign parameter names and values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from s4audio.errors import UserError

State = Mapping[str, ArrayLike | Tensor]


class ForeignState:
    """A mapping of foreign names to float tensors that remembers what was used.

    Args:
        state: names and arrays.
    """

    def __init__(self, state: State) -> None:
        self._state = {name: _tensor(name, value) for name, value in state.items()}
        self._used: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        """The tensor called `name`.

        Raises:
            UserError: if there is none.
        """
        if name not in self._state:
            raise UserError(
                f"the weights have no {name!r}: they have {', '.join(sorted(self._state)[:6])} ..."
            )
        self._used.add(name)
        return self._state[name]

    def __contains__(self, name: str) -> bool:
        return name in self._state

    def check_all_used(self, ignored: tuple[str, ...] = ()) -> None:
        """Every parameter must have found its place.

        Args:
            ignored: endings of names that carry no weights.

        Raises:
            UserError: naming what was left over.
        """
        rest = [n for n in sorted(self._state) if n not in self._used and not n.endswith(ignored)]
        if rest:
            raise UserError(
                f"{len(rest)} foreign parameters have no place here, the first is {rest[0]!r}: "
                "does the config describe these weights?"
            )


def required(config: Mapping[str, Any], name: str) -> Any:
    """A foreign option that has no default.

    Args:
        config: foreign options.
        name: the one to read.

    Returns:
        its value.

    Raises:
        UserError: if it is not given.
    """
    if name not in config:
        raise UserError(f"the config has no {name!r}")
    return config[name]


def option(config: Mapping[str, Any], name: str, allowed: Mapping[Any, Any], default: Any) -> Any:
    """Translate a foreign option.

    Args:
        config: foreign options.
        name: the one to read.
        allowed: foreign values and ours.
        default: foreign value if it is not given.

    Returns:
        our value.

    Raises:
        UserError: for a value that has no counterpart here.
    """
    value = config.get(name, default)
    if value not in allowed:
        raise UserError(
            f"config option {name}={value!r} is not supported: choose one of "
            f"{', '.join(repr(key) for key in allowed)}"
        )
    return allowed[value]


def copy(parameter: Tensor, value: Tensor, name: str) -> None:
    """Copy a foreign value into a parameter of ours.

    Raises:
        UserError: if the shapes differ.
    """
    if parameter.shape != value.shape:
        raise UserError(
            f"{name} has shape {tuple(value.shape)}, but the config asks for "
            f"{tuple(parameter.shape)}"
        )
    with torch.no_grad():
        parameter.copy_(value)


def _tensor(name: str, value: ArrayLike | Tensor) -> Tensor:
    tensor = value.detach().cpu() if isinstance(value, Tensor) else torch.as_tensor(np.array(value))
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise UserError(f"foreign parameter {name!r} holds NaN or infinite values")
    return tensor

"""Names of the interchangeable forms of a product, and how a wrong name is answered."""

from difflib import get_close_matches
from typing import Literal, get_args

Backend = Literal["gemm", "naive", "keops"]
BACKENDS: tuple[str, ...] = get_args(Backend)


def unknown_backend(name: str) -> ValueError:
    """Error for a backend that does not exist, naming the near ones."""
    near = get_close_matches(name, BACKENDS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown backend {name!r}: choose one of {', '.join(BACKENDS)}{hint}")

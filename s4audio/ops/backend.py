"""Names of the interchangeable forms of a product."""

from typing import Literal, get_args

Backend = Literal["gemm", "naive", "keops"]
BACKENDS: tuple[str, ...] = get_args(Backend)

"""The same products through pykeops: sums that are never materialised, compiled on first use.

pykeops and a C++ compiler are needed only when this backend is asked for. Everything runs in
float64, because phases grow with the length and float32 loses them.
"""

import os
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from s4audio.errors import UserError

Reduction = Callable[..., Tensor]

EXPONENTIALS = "ComplexMult(c, ComplexExp(ComplexMult(z, l) + s))"
FRACTIONS = "ComplexDivide(v, x - a)"


def vandermonde(c_HRN: Tensor, z_HN: Tensor, scale_HN: Tensor, length: int) -> Tensor:
    """See [s4audio.ops.vandermonde][]; complex128 arguments, float64 result."""
    grid_L = torch.arange(length, dtype=torch.float64, device=z_HN.device).to(torch.complex128)
    sum_over_poles = _reduction(EXPONENTIALS, ("c = Vj(2)", "z = Vj(2)", "s = Vj(2)", "l = Vi(2)"))
    result = _run(sum_over_poles, c_HRN, z_HN[:, None], scale_HN[:, None], grid_L[None, None])
    return result[..., 0]


def cauchy(v_HRN: Tensor, a_HN: Tensor, w_K: Tensor) -> Tensor:
    """Sum over poles of v / (1 - w a) for |w| = 1; complex128 arguments and result, (H, R, K)."""
    x_K = w_K.conj().resolve_conj()  # v / (1 - w a) = x v / (x - a) with x = 1 / w
    sum_over_poles = _reduction(FRACTIONS, ("v = Vj(2)", "a = Vj(2)", "x = Vi(2)"))
    result = _run(sum_over_poles, v_HRN, a_HN[:, None], x_K[None, None])
    return torch.view_as_complex(result.contiguous()) * x_K


def _run(reduction: Reduction, *complex_arguments: Tensor) -> Tensor:
    pairs = [torch.view_as_real(x.resolve_conj()).contiguous() for x in complex_arguments]
    try:
        return reduction(*pairs, backend="auto")
    except Exception as error:  # pykeops reports a failed compilation in many ways
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise UserError(
            f"backend='keops' could not compile its reduction ({reason}): install a C++ compiler "
            "such as g++, or use backend='gemm'"
        ) from error


@lru_cache
def _reduction(formula: str, arguments: tuple[str, ...]) -> Reduction:
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    try:
        from pykeops.torch import Genred
    except ImportError as error:
        raise UserError(
            "backend='keops' needs pykeops: pip install 's4audio[keops]', or use backend='gemm'"
        ) from error
    reduction: Reduction = Genred(formula, list(arguments), reduction_op="Sum", axis=1)
    return reduction

"""The tiled linear unit, gated or not, against the plain chain of operations."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.ops import pointwise, unit_residual

CHANNELS = 6


def plain(
    x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, m: Tensor, n: Tensor
) -> Tensor:
    y = torch.einsum("gh,bhl->bgl", weight, F.gelu(x) * m) + bias[:, None]
    return residual + (F.glu(y, dim=1) if len(weight) > CHANNELS else y) * n


def inputs(gated: bool, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    rows = 2 * CHANNELS if gated else CHANNELS
    shapes = [(3, CHANNELS, 50), (3, CHANNELS, 50), (rows, CHANNELS), (rows,)]
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("factor_length", [1, 50])
@pytest.mark.parametrize("tile_bytes", [1, 7 * 2 * CHANNELS * 8, 2**20])
def test_against_plain(
    monkeypatch: pytest.MonkeyPatch, tile_bytes: int, factor_length: int, gated: bool
) -> None:
    monkeypatch.setattr(pointwise, "TILE_BYTES", tile_bytes)
    given = inputs(gated)
    factors = [torch.rand(3, CHANNELS, factor_length, dtype=torch.float64) for _ in range(2)]
    tiled, expected = unit_residual(*given, *factors, gated=gated), plain(*given, *factors)
    torch.testing.assert_close(tiled, expected)
    cotangent = torch.randn_like(tiled)
    gradients = torch.autograd.grad(tiled, given, cotangent)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, given, cotangent))


@pytest.mark.parametrize("gated", [True, False])
def test_without_factors(gated: bool) -> None:
    given = inputs(gated)
    one = torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(unit_residual(*given, gated=gated), plain(*given, one, one))


@pytest.mark.parametrize("gated", [True, False])
def test_autocast_keeps_the_residual_exact(gated: bool) -> None:
    x, residual, weight, bias = inputs(gated, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = unit_residual(x, residual, weight, bias, gated=gated)
    high = unit_residual(x, residual, weight, bias, gated=gated)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, high, rtol=0.05, atol=0.05)
    assert not torch.equal(low, high)
    low.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32

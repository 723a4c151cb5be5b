"""The tiled gated unit against the plain chain of operations."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.ops import gated_residual, pointwise

CHANNELS = 6


def plain(
    x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, m: Tensor, n: Tensor
) -> Tensor:
    both = torch.einsum("gh,bhl->bgl", weight, F.gelu(x) * m) + bias[:, None]
    return residual + F.glu(both, dim=1) * n


def inputs(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(3, CHANNELS, 50), (3, CHANNELS, 50), (2 * CHANNELS, CHANNELS), (2 * CHANNELS,)]
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("factor_length", [1, 50])
@pytest.mark.parametrize("tile_bytes", [1, 7 * 2 * CHANNELS * 8, 2**20])
def test_against_plain(
    monkeypatch: pytest.MonkeyPatch, tile_bytes: int, factor_length: int
) -> None:
    monkeypatch.setattr(pointwise, "TILE_BYTES", tile_bytes)
    given = inputs()
    factors = [torch.rand(3, CHANNELS, factor_length, dtype=torch.float64) for _ in range(2)]
    tiled, expected = gated_residual(*given, *factors), plain(*given, *factors)
    torch.testing.assert_close(tiled, expected)
    cotangent = torch.randn_like(tiled)
    gradients = torch.autograd.grad(tiled, given, cotangent)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, given, cotangent))


def test_without_factors() -> None:
    given = inputs()
    one = torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(gated_residual(*given), plain(*given, one, one))


def test_autocast_keeps_the_residual_exact() -> None:
    x, residual, weight, bias = inputs(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = gated_residual(x, residual, weight, bias)
    high = gated_residual(x, residual, weight, bias)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, high, rtol=0.05, atol=0.05)
    assert not torch.equal(low, high)
    low.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32

"""The real transform with its own gradient."""

import pytest
import torch

from s4audio.ops.fourier import rfft


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9])
def test_against_torch(size: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, size, dtype=torch.float64, requires_grad=True)
    expected = torch.fft.rfft(x)
    torch.testing.assert_close(rfft(x), expected)
    cotangent = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(rfft(x), x, cotangent)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, x, cotangent)[0])

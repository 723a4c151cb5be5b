"""FFT convolution against the plain sum, in both directions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.ops import convolution, fft_convolution, next_fast_length, normalized_convolution


def naive(u_BHL: Tensor, k_DHM: Tensor) -> Tensor:
    """The sums of the module docstring, term by term."""
    length = u_BHL.shape[-1]
    y = torch.zeros_like(u_BHL)
    for t in range(length):
        for j in range(min(t + 1, k_DHM.shape[-1])):
            y[..., t] += k_DHM[0, :, j] * u_BHL[..., t - j]
        for j in range(min(length - t - 1, k_DHM.shape[-1]) if len(k_DHM) == 2 else 0):
            y[..., t] += k_DHM[1, :, j] * u_BHL[..., t + 1 + j]
    return y


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 24), st.integers(1, 30), st.sampled_from([1, 2]), st.integers(0, 99))
def test_against_naive(length: int, taps: int, directions: int, seed: int) -> None:
    torch.manual_seed(seed)
    u = torch.randn(2, 3, length, dtype=torch.float64)
    k = torch.randn(directions, 3, taps, dtype=torch.float64)
    torch.testing.assert_close(fft_convolution(u, k), naive(u, k))


@pytest.mark.parametrize("directions", [1, 2])
def test_gradients_against_finite_differences(directions: int) -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 2, 9, dtype=torch.float64, requires_grad=True)
    k = torch.randn(directions, 2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fft_convolution, (u, k))


@pytest.mark.parametrize("taps", [1, 5, 9, 12])
@pytest.mark.parametrize("directions", [1, 2])
def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, directions: int, taps: int) -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 5, 9, dtype=torch.float64, requires_grad=True)
    k = torch.randn(directions, 5, taps, dtype=torch.float64, requires_grad=True)
    cotangent = torch.randn(2, 5, 9, dtype=torch.float64)
    whole = fft_convolution(u, k)
    gradients = torch.autograd.grad(whole, (u, k), cotangent)
    monkeypatch.setattr(convolution, "TILE_BYTES", 2 * 2 * 9 * 16)  # two channels a tile
    tiled = fft_convolution(u, k)
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(torch.autograd.grad(tiled, (u, k), cotangent), gradients)


@pytest.mark.parametrize("directions", [1, 2])
def test_low_precision_is_transformed_in_float32(directions: int) -> None:
    torch.manual_seed(0)
    u = torch.randn(1, 2, 16).bfloat16().requires_grad_()
    k = torch.randn(directions, 2, 16).bfloat16().requires_grad_()
    y = fft_convolution(u, k)
    torch.testing.assert_close(y, fft_convolution(u.float(), k.float()).bfloat16())
    gradients = torch.autograd.grad(y.sum(), (u, k))
    assert all(x.dtype == torch.bfloat16 for x in gradients)


def test_output_has_the_precision_of_the_input() -> None:
    torch.manual_seed(0)
    u, k = torch.randn(1, 2, 64), torch.randn(1, 2, 64)
    exact = fft_convolution(u.double(), k.double())
    in_double = fft_convolution(u, k.double())
    assert in_double.dtype == torch.float32
    assert torch.equal(in_double, exact.float())
    low = fft_convolution(u.bfloat16(), k)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.double(), exact, rtol=0.03, atol=0.1)


def test_causal_output_does_not_depend_on_the_future() -> None:
    torch.manual_seed(0)
    u, k = torch.randn(1, 4, 500), torch.randn(1, 4, 500)
    changed = u.clone()
    changed[..., 300:] += 1
    before, after = fft_convolution(u, k), fft_convolution(changed, k)
    torch.testing.assert_close(before[..., :300], after[..., :300], atol=1e-4, rtol=0)
    assert (before[..., 300:] - after[..., 300:]).abs().min() > 0


@given(st.integers(1, 200_000))
def test_next_fast_length(minimum: int) -> None:
    size = next_fast_length(minimum)
    assert size >= minimum
    assert is_fast(size)
    is_power_of_two = size.bit_count() == 1
    assert is_power_of_two or not any(is_fast(shorter) for shorter in range(minimum, size))
    power = 2 ** (minimum - 1).bit_length()
    assert is_power_of_two or power > 1.05 * minimum


def is_fast(size: int) -> bool:
    """Even, without prime factors above 5."""
    rest = size
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    return size % 2 == 0 and rest == 1


def test_mismatched_channels_and_directions() -> None:
    with pytest.raises(ValueError, match="input has 2 channels but the kernel has 3"):
        fft_convolution(torch.zeros(1, 2, 4), torch.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="got 3"):
        fft_convolution(torch.zeros(1, 2, 4), torch.zeros(3, 2, 4))


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)


@pytest.mark.parametrize("tile_bytes", [1, 2**22])
@settings(deadline=None, max_examples=20)
@given(st.integers(2, 24), st.sampled_from([1, 2]), st.integers(0, 99))
def test_normalized_against_two_steps(
    tile_bytes: int, length: int, directions: int, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, 3, length, dtype=torch.float64) * 2 + 1
    k = torch.randn(directions, 3, length, dtype=torch.float64)
    weight, bias = torch.randn(2, 3, dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in (x, k, weight, bias)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "TILE_BYTES", tile_bytes)
        joined = normalized_convolution(x, k, weight, bias, 1e-5)
        gradients = torch.autograd.grad(joined.y.pow(3).sum(), inputs)
    apart = fft_convolution(batch_norm(x, weight, bias), k)
    torch.testing.assert_close(joined.y, apart)
    expected = torch.autograd.grad(apart.pow(3).sum(), inputs)
    for mine, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(joined.mean, x.mean((0, 2)))
    torch.testing.assert_close(joined.variance, x.var((0, 2), correction=0))


def test_output_in_the_precision_of_autocast() -> None:
    u, k = torch.randn(2, 3, 40), torch.randn(1, 3, 40)
    with torch.autocast("cpu", torch.bfloat16):
        low = fft_convolution(u, k)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), fft_convolution(u, k), rtol=1e-2, atol=1e-2)

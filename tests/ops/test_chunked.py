"""Convolution over chunks of time against the recurrence, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s4audio.ops import Chunks, chunked, chunked_convolution, normalized_chunked_convolution

System = tuple[Tensor, Tensor, Tensor]


def system(channels: int, pairs: int, seed: int) -> System:
    """Stable complex poles, input map and output map (channels, pairs)."""
    generator = torch.Generator().manual_seed(seed)

    def uniform() -> Tensor:
        return torch.rand(channels, pairs, dtype=torch.float64, generator=generator)

    poles = torch.polar(0.5 + uniform() / 2, 3 * uniform())
    return poles, torch.complex(uniform(), uniform()), torch.complex(uniform(), uniform())


def tables(a: Tensor, b: Tensor, c: Tensor, steps: int, dense: bool) -> Chunks:
    """The definitions of `Chunks`, from powers of the poles."""
    powers = torch.stack([a**step for step in range(steps + 1)], dim=-1)
    enter, leave = b[..., None] * powers[..., :-1].flip(-1), c[..., None] * powers[..., 1:]
    transition = powers[..., -1]
    if dense:
        turn = [[transition.real, -transition.imag], [transition.imag, transition.real]]
        blocks = torch.stack([torch.stack(row, -1) for row in turn], -2)
        transition = torch.stack([torch.block_diag(*channel) for channel in blocks])
    return Chunks(
        ((b * c)[..., None] * powers[..., :-1]).sum(1).real,
        torch.view_as_real(enter.transpose(1, 2)).flatten(2),
        torch.stack([leave.real, -leave.imag], dim=2).flatten(1, 2),
        transition,
    )


def by_steps(u: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """s[t] = a s[t - 1] + b u[t], y[t] = Re(c s[t])."""
    state = torch.zeros(len(u), *a.shape, dtype=a.dtype)
    outputs = []
    for t in range(u.shape[-1]):
        state = a * state + b * u[..., t, None]
        outputs.append((c * state).sum(-1).real)
    return torch.stack(outputs, dim=-1)


@pytest.mark.parametrize("dense", [False, True])
@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.sampled_from([1, 2, 4, 8]), st.integers(0, 99))
def test_against_the_recurrence(dense: bool, length: int, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    u = torch.randn(2, 3, length, dtype=torch.float64)
    parts = system(3, 2, seed)
    y = chunked_convolution(u, tables(*parts, steps, dense))
    torch.testing.assert_close(y, by_steps(u, *parts))


@pytest.mark.parametrize("tile_bytes", [1, 2**22])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("length", [3, 8, 11])
def test_gradients_of_input_and_poles(
    monkeypatch: pytest.MonkeyPatch, length: int, dense: bool, tile_bytes: int
) -> None:
    monkeypatch.setattr(chunked, "TILE_BYTES", tile_bytes)
    torch.manual_seed(0)
    u = torch.randn(2, 3, length, dtype=torch.float64, requires_grad=True)
    parts = [part.requires_grad_() for part in system(3, 2, 0)]
    cotangent = torch.randn(2, 3, length, dtype=torch.float64)
    fast = chunked_convolution(u, tables(*parts, 4, dense))
    gradients = torch.autograd.grad(fast, [u, *parts], cotangent)
    expected = torch.autograd.grad(by_steps(u, *parts), [u, *parts], cotangent)
    for mine, judge in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, judge)


def test_gradient_of_each_table_against_finite_differences() -> None:
    u = torch.randn(2, 2, 7, dtype=torch.float64, requires_grad=True)
    for dense in (False, True):
        chunks = [table.requires_grad_() for table in tables(*system(2, 1, 0), 2, dense)]

        def convolve(u: Tensor, *chunks: Tensor) -> Tensor:
            return chunked_convolution(u, Chunks(*chunks))

        assert torch.autograd.gradcheck(convolve, (u, *chunks))


@pytest.mark.parametrize("length", [9, 16])
def test_normalized_against_two_steps(length: int) -> None:
    torch.manual_seed(0)
    x = (torch.randn(2, 3, length, dtype=torch.float64) * 2 + 1).requires_grad_()
    weight, bias = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    chunks = tables(*system(3, 2, 0), 4, False)
    joined = normalized_chunked_convolution(x, chunks, weight, bias, 1e-5)
    u = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)
    apart = chunked_convolution(u, chunks)
    torch.testing.assert_close(joined.y, apart)
    torch.testing.assert_close(joined.mean, x.mean((0, 2)))
    torch.testing.assert_close(joined.variance, x.var((0, 2), correction=0))
    cotangent = torch.randn_like(apart)
    gradients = torch.autograd.grad(joined.y, (x, weight, bias), cotangent)
    expected = torch.autograd.grad(apart, (x, weight, bias), cotangent)
    for mine, judge in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, judge)


def test_bfloat16_under_autocast() -> None:
    torch.manual_seed(0)
    u = torch.randn(2, 3, 100, requires_grad=True)
    exact = tables(*system(3, 4, 0), 8, False)
    chunks = Chunks(
        *(table.to(torch.complex64 if table.is_complex() else u.dtype) for table in exact)
    )
    with torch.autocast("cpu", torch.bfloat16):
        y = chunked_convolution(u, chunks)
    assert y.dtype == torch.bfloat16
    judge = chunked_convolution(u, chunks)
    assert (y - judge).norm() < 0.01 * judge.norm()
    gradient, expected = (
        torch.autograd.grad(out.float().square().sum(), u)[0] for out in (y, judge)
    )
    assert gradient.dtype == torch.float32
    assert (gradient - expected).norm() < 0.02 * expected.norm()


def test_the_future_does_not_reach_the_past() -> None:
    torch.manual_seed(0)
    u = torch.randn(1, 3, 50, dtype=torch.float64)
    changed = u.clone()
    changed[..., 30:] += 1
    chunks = tables(*system(3, 2, 0), 8, False)
    before, after = chunked_convolution(u, chunks), chunked_convolution(changed, chunks)
    assert torch.equal(before[..., :30], after[..., :30])
    assert not torch.equal(before[..., 30:], after[..., 30:])

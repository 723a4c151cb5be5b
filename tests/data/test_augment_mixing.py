"""Mixup."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.augment import mixup


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    inputs = torch.randn(size, 7, 1, generator=torch.Generator().manual_seed(0))
    return inputs, torch.arange(size) + 1, torch.eye(size)


@given(st.integers(1, 6), st.floats(0.05, 5.0), st.integers(0, 99))
def test_inputs_and_targets_are_mixed_alike(size: int, alpha: float, seed: int):
    inputs, lengths, targets = batch(size)
    mixed = mixup(inputs, lengths, targets, alpha, np.random.default_rng(seed))
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(size))
    # The targets are a row of shares for each clip, so they say what went into it.
    torch.testing.assert_close(mixed.inputs, torch.einsum("ij,jtf->itf", mixed.targets, inputs))
    assert ((mixed.targets > 0).sum(1) <= 2).all()
    for shares, length in zip(mixed.targets, mixed.lengths.tolist(), strict=True):
        assert length >= shares.nonzero().max() + 1


def test_the_generator_decides():
    def run(seed: int) -> torch.Tensor:
        return mixup(*batch(8), 0.4, np.random.default_rng(seed)).inputs

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


@pytest.mark.parametrize(("alpha", "deviation"), [(0.1, 0.456), (1.0, 0.289), (5.0, 0.151)])
def test_shares_follow_a_beta_distribution(alpha: float, deviation: float):
    inputs = torch.zeros(20000, 1)
    inputs[::2] = 1.0
    lengths = torch.ones(20000, dtype=torch.int64)
    targets = torch.stack([inputs[:, 0], 1 - inputs[:, 0]], dim=1)
    shares = mixup(inputs, lengths, targets, alpha, np.random.default_rng(0)).targets[:, 0]
    between = shares[(shares > 0) & (shares < 1)].double()
    assert between.std().item() == pytest.approx(deviation, abs=0.02)

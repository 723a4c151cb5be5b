"""Gradients are as precise as the kernels, also where autocast is on in the backward pass."""

import pytest
import torch

from s4audio.kernels import DSSKernel, Kernel, S4DKernel, S4Kernel

LENGTH = 200


@pytest.mark.parametrize(
    ("kernel", "tolerance"),
    [
        (S4Kernel(4, LENGTH, d_state=16), 1e-5),
        # Made by doubling, it has products of torch's own in it, which follow autocast.
        (S4Kernel(4, LENGTH, d_state=8), 0.05),
        (S4DKernel(4, LENGTH), 1e-5),
        (DSSKernel(4, LENGTH, version="exp"), 1e-5),
    ],
    ids=["s4", "s4-doubling", "s4d", "dss"],
)
def test_backward_that_is_called_under_autocast(kernel: Kernel, tolerance: float) -> None:
    loss = kernel(LENGTH).square().sum()
    plain = torch.autograd.grad(loss, list(kernel.parameters()), retain_graph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gradients = torch.autograd.grad(loss, list(kernel.parameters()))
    for mine, expected in zip(gradients, plain, strict=True):
        assert (mine - expected).abs().max() < tolerance * expected.abs().max()

"""Tables over chunks of time make the same convolution as the kernel, for every kind."""

import pytest
import torch
from torch import Tensor

from s4audio.kernels import DSSKernel, S4DKernel, S4Kernel
from s4audio.ops import chunked_convolution, fft_convolution

CHANNELS, LENGTH = 4, 200

KERNELS = {
    "s4-legs": lambda: S4Kernel(CHANNELS, LENGTH, d_state=8),
    "s4-fout": lambda: S4Kernel(CHANNELS, LENGTH, d_state=8, init="fout"),
    "s4-shared": lambda: S4Kernel(CHANNELS, LENGTH, d_state=8, n_ssm=2, bandlimit=0.5),
    "s4d-zoh": lambda: S4DKernel(CHANNELS, LENGTH, d_state=8, bandlimit=0.5),
    "s4d-bilinear": lambda: S4DKernel(CHANNELS, LENGTH, d_state=8, discretization="bilinear"),
    "dss-softmax": lambda: DSSKernel(CHANNELS, LENGTH, d_state=8, version="softmax"),
    "dss-exp": lambda: DSSKernel(CHANNELS, LENGTH, d_state=8, version="exp"),
    "dss-no-scale": lambda: DSSKernel(CHANNELS, LENGTH, d_state=8, version="exp-no-scale"),
    "dss-clip": lambda: DSSKernel(CHANNELS, LENGTH, d_state=8, version="clip"),
}


def close(ours: Tensor, judge: Tensor) -> bool:
    return bool((ours - judge).abs().max() <= 2e-5 * judge.abs().max())


@pytest.mark.parametrize("length", [77, LENGTH, 300])
@pytest.mark.parametrize("name", KERNELS)
def test_same_convolution_and_gradients(name: str, length: int) -> None:
    torch.manual_seed(0)
    kernel = KERNELS[name]()
    assert kernel.has_chunks
    parameters = list(kernel.parameters())
    u, cotangent = torch.randn(2, 2, CHANNELS, length)
    chunked = chunked_convolution(u, kernel.chunks(16, length))
    whole = fft_convolution(u, kernel(length))
    assert close(chunked, whole)
    gradients = torch.autograd.grad(chunked, parameters, cotangent)
    expected = torch.autograd.grad(whole, parameters, cotangent)
    for mine, judge in zip(gradients, expected, strict=True):
        assert (mine - judge).abs().max() <= 1e-3 * judge.abs().max()


def test_same_convolution_and_gradients_at_full_size() -> None:
    torch.manual_seed(0)
    kernel = S4Kernel(CHANNELS, 16_000)
    parameters = list(kernel.parameters())
    u, cotangent = torch.randn(2, 1, CHANNELS, 16_000)
    chunked = chunked_convolution(u, kernel.chunks(256, 16_000))
    whole = fft_convolution(u, kernel(16_000))
    assert close(chunked, whole)
    gradients = torch.autograd.grad(chunked, parameters, cotangent)
    expected = torch.autograd.grad(whole, parameters, cotangent)
    for mine, judge in zip(gradients, expected, strict=True):
        assert (mine - judge).abs().max() <= 2e-3 * judge.abs().max()


def test_kernels_without_chunks() -> None:
    assert not S4DKernel(CHANNELS, LENGTH, bidirectional=True).has_chunks
    growing = DSSKernel(CHANNELS, LENGTH, version="softmax")
    with torch.no_grad():
        growing.Lambda_real[0, 0] = 0.5
    assert not growing.has_chunks

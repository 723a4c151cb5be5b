"""The textbook forms that the fast ones are compared with, written down as the papers define them.

Plain PyTorch and autograd in float32 and complex64: sums over the state as one large tensor (or
through pykeops), separate transforms of twice the length, the skip as a term of its own, a
convolution of width one as linear map. This is the form of the method, not any repository's code.
"""

import os
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.kernels import DSSKernel, Kernel, S4DKernel, S4Kernel
from s4audio.kernels.base import per_channel
from s4audio.kernels.dss import EPSILON
from s4audio.models.block import Block

Sum = Literal["naive", "keops"]

# v / (z - w) + conj(v) / (z - conj(w)) over a common denominator
FRACTIONS = (
    "ComplexDivide(ComplexReal(v) * z - Real2Complex((v | w)), ComplexMult(z - w, z - Conj(w)))"
)
EXPONENTIALS = "ComplexMult(v, ComplexExp(ComplexMult(w, z)))"


def textbook_kernel(kernel: Kernel, length: int, form: Sum = "naive") -> Tensor:
    """Samples of a state space kernel, from the parameters of ours.

    Args:
        kernel: S4 (without a band limit), S4D (ZOH) or DSS (softmax), at its training rate.
        length: number of samples; for S4 the training length.
        form: the sum over the state as a tensor, or pykeops.

    Returns:
        (directions, channels, length), float32.

    Raises:
        ValueError: for another kernel.
    """
    if isinstance(kernel, S4Kernel):
        return _s4(kernel, length, form)
    if isinstance(kernel, S4DKernel):
        A_HN = torch.complex(-kernel.log_A_real.exp(), kernel.A_imag)
        z_HN = per_channel(A_HN, kernel.channels) * kernel.log_dt.exp()[:, None]
        b_HN = per_channel(_complex(kernel.B) / A_HN, kernel.channels) * (z_HN.exp() - 1)
        return 2 * _vandermonde(_complex(kernel.C) * b_HN, z_HN, length, form)
    if isinstance(kernel, DSSKernel):
        Lambda_HN = per_channel(
            torch.complex(kernel.Lambda_real, kernel.Lambda_imag), kernel.channels
        )
        dt_H2 = kernel.log_dt.exp()
        z_HN = torch.complex(dt_H2[:, :1] * Lambda_HN.real, dt_H2[:, 1:] * Lambda_HN.imag)
        total_HN = Lambda_HN * ((length * z_HN).exp() - 1)
        scale_HN = (z_HN.exp() - 1) * total_HN.conj() / (total_HN.abs().square() + EPSILON)
        return _vandermonde(_complex(kernel.W) * scale_HN, z_HN, length, form)
    raise ValueError(f"there is no textbook form of {type(kernel).__name__}")


def textbook_convolution(u_BHL: Tensor, k_DHL: Tensor) -> Tensor:
    """The convolution through transforms of twice the length.

    Args:
        u_BHL: input (batch, channels, time).
        k_DHL: kernel (directions, channels, time).

    Returns:
        (batch, channels, time).
    """
    length = u_BHL.shape[-1]
    k_HS = F.pad(k_DHL[0], (0, length))
    if k_DHL.shape[0] == 2:
        k_HS = k_HS + F.pad(k_DHL[1].flip(-1), (length, 0))
    product = torch.fft.rfft(u_BHL, n=2 * length) * torch.fft.rfft(k_HS, n=2 * length)
    y_BHL: Tensor = torch.fft.irfft(product, n=2 * length)[..., :length]
    return y_BHL


def direct_convolution(u_BHL: Tensor, k_1HL: Tensor) -> Tensor:
    """The causal convolution as the sum it is, by the library's convolution layer.

    Args:
        u_BHL: input (batch, channels, time).
        k_1HL: kernel (1, channels, time).

    Returns:
        (batch, channels, time).
    """
    channels, length = k_1HL.shape[1:]
    weight = k_1HL[0].flip(-1)[:, None]
    return F.conv1d(F.pad(u_BHL, (length - 1, 0)), weight, groups=channels)


class TextbookBlock(nn.Module):
    """A block in textbook form, with the parameters of ours.

    Args:
        block: pre-norm, without dropout; the parameters are shared, the linear map's are copied.
        kernel: samples of its kernel: a length to (directions, channels, length).
    """

    def __init__(self, block: Block, kernel: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.norm, self.D, self.glu = block.norm, block.convolution.D, block.glu
        self.parameters_of_kernel, self.kernel = block.convolution.kernel, kernel
        weight, bias = block.linear.weight, block.linear.bias
        self.linear = nn.Conv1d(weight.shape[1], weight.shape[0], kernel_size=1)
        self.linear.load_state_dict({"weight": weight[..., None], "bias": bias})

    def forward(self, x_BHL: Tensor) -> Tensor:
        """Map (batch, channels, time) to the same."""
        u_BHL = self.norm(x_BHL)
        y_BHL = textbook_convolution(u_BHL, self.kernel(x_BHL.shape[-1]))
        y_BHL = F.gelu(y_BHL + self.D[:, None] * u_BHL)
        y_BHL = self.linear(y_BHL)
        return x_BHL + (F.glu(y_BHL, dim=1) if self.glu else y_BHL)


def _s4(kernel: S4Kernel, length: int, form: Sum) -> Tensor:
    """Algorithm 1 of the S4 paper: four Cauchy products, Woodbury, one inverse transform."""
    dt_H1 = kernel.log_dt.exp()[:, None]
    A_SN = torch.complex(-kernel.log_A_real.exp(), kernel.A_imag)
    w_HN = per_channel(A_SN, kernel.channels) * dt_H1
    B_HN = per_channel(_complex(kernel.B), kernel.channels)
    P_HN = per_channel(_complex(kernel.P), kernel.channels)
    inputs_IHN = torch.stack([B_HN, P_HN])
    outputs_OHN = torch.cat([_complex(kernel.C), P_HN.conj()[None]])
    v_IOHN = inputs_IHN[:, None] * outputs_OHN * dt_H1
    # At the Nyquist frequency z is infinite; a little below, squares of it stay in range.
    angle_K = (torch.arange(length // 2 + 1) * (-2 * torch.pi / length)).clamp(min=1e-4 - torch.pi)
    root_K = torch.polar(torch.ones_like(angle_K), angle_K)
    z_K = 2 * (1 - root_K) / (1 + root_K)
    R = _cauchy(v_IOHN, z_K, w_HN, form)
    low_rank_DHK = R[0, -1:] * R[1, :-1] / (1 + R[1, -1:])
    k_DHK = (R[0, :-1] - low_rank_DHK) * 2 / (1 + root_K)
    k_DHL: Tensor = torch.fft.irfft(k_DHK, n=length)
    return k_DHL


def _cauchy(v: Tensor, z_K: Tensor, w_HN: Tensor, form: Sum) -> Tensor:
    """Sum over conjugate pairs of v / (z - w): v (..., H, N) to (..., H, K)."""
    if form == "keops":
        return 2 * torch.view_as_complex(_keops(FRACTIONS, v, z_K, w_HN))
    v, w_HN = torch.cat([v, v.conj()], -1), torch.cat([w_HN, w_HN.conj()], -1)
    return (v[..., None] / (z_K - w_HN[..., None])).sum(-2)


def _vandermonde(v_DHN: Tensor, w_HN: Tensor, length: int, form: Sum) -> Tensor:
    """Real part of the sum over poles of v exp(l w): (D, H, N) to (D, H, L)."""
    z_L = torch.arange(length).to(w_HN.dtype)
    if form == "keops":
        return _keops(EXPONENTIALS, v_DHN, z_L, w_HN)[..., 0]
    powers_HNL = (w_HN[..., None] * z_L).exp()
    return torch.einsum("dhn,hnl->dhl", v_DHN, powers_HNL).real


def _keops(formula: str, v: Tensor, z: Tensor, w: Tensor) -> Tensor:
    """A sum over j of a formula in v_j, w_j and z_i, as pairs (..., i, 2)."""
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    try:
        from pykeops.torch import Genred
    except ImportError as error:
        raise UserError("needs pykeops: pip install 's4audio[keops]'") from error
    reduction = Genred(formula, ["v = Vj(2)", "z = Vi(2)", "w = Vj(2)"], "Sum", axis=1)
    pairs = [torch.view_as_real(x.resolve_conj()).contiguous() for x in (v, z, w)]
    batch = v.ndim - 1
    v_pairs, z_pairs, w_pairs = (x[(None,) * (batch + 2 - x.ndim)] for x in pairs)
    result: Tensor = reduction(v_pairs, z_pairs, w_pairs).contiguous()
    return result


def _complex(pairs: Tensor) -> Tensor:
    return torch.view_as_complex(pairs)

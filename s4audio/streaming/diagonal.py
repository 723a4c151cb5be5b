"""Streaming step of a diagonal state space: each pole is carried by itself.

With x[t] = a x[t - 1] + b u[t], y[t] = Re c x[t], a block of P frames that starts from the state s
is three matrix products and one complex multiplication of each pole:

    y = u T + s Q          T[j, p] = K[p - j] (+ D on the diagonal),   Q[:, p] = c a^(p + 1)
    s' = a^P s + u V       V[p, :] = a^(P - 1 - p) b

The products run over all blocks of a chunk at once; only the multiplication goes block by block.
A complex vector is stored as its real parts, then its imaginary parts.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from s4audio.kernels import StateSpaceKernel
from s4audio.kernels.base import Recurrence
from s4audio.streaming.step import State, Step, block_length, toeplitz

LONGEST_BLOCK = 16
"""Frames; short blocks keep the matrices small, long ones save steps from block to block."""

LARGEST_AMPLIFICATION = 500.0
"""Sum of what the poles contribute to a kernel, relative to the kernel; float32 has 1e7 steps."""

HORIZON = 160
"""Lags over which the size of a kernel is taken."""


class Modes(NamedTuple):
    """A diagonal recurrence, each complex128 (channels, poles).

    Attributes:
        a: poles.
        b: input map.
        c: output map.
    """

    a: Tensor
    b: Tensor
    c: Tensor


class DiagonalStep(Step):
    """A diagonal recurrence, a chunk at a time.

    Args:
        modes: poles, input and output map.
        D: skip (channels,).
        frames: frames of a chunk.
        dtype: of the matrices and the state.
    """

    T: Tensor
    Q: Tensor
    V: Tensor
    decay: Tensor

    def __init__(self, modes: Modes, D: Tensor, frames: int, dtype: torch.dtype) -> None:
        super().__init__()
        P = block_length(frames, LONGEST_BLOCK)
        self.blocks = frames // P
        a_HN, b_HN, c_HN = modes
        ones_HN1 = torch.ones_like(a_HN)[..., None]
        powers_HNP = torch.cat([ones_HN1, a_HN[..., None].expand(-1, -1, P)], dim=-1).cumprod(-1)
        taps_HP = (c_HN[:, None] @ (b_HN[..., None] * powers_HNP[..., :P])).real[:, 0]
        Q_HNP = c_HN[..., None] * powers_HNP[..., 1:]
        V_HPN = (b_HN[..., None] * powers_HNP[..., :P].flip(-1)).mT
        for name, value in {
            "T": toeplitz(taps_HP, D),
            "Q": torch.cat([Q_HNP.real, -Q_HNP.imag], dim=1),
            "V": torch.cat([V_HPN.real, V_HPN.imag], dim=2),
            "decay": torch.stack([powers_HNP[..., P].real, powers_HNP[..., P].imag])[:, :, None],
        }.items():
            self.register_buffer(name, value.detach().to(dtype).contiguous())

    def initial_state(self, batch: int) -> State:
        """See [s4audio.streaming.step.Step][]."""
        return {"x": self.Q.new_zeros(batch, *self.Q.shape[:2])}

    def forward(self, u_HBL: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """See [s4audio.streaming.step.Step][]."""
        H, B, L = u_HBL.shape
        u_HRP = u_HBL.reshape(H, B * self.blocks, -1)
        v_HBMn = (u_HRP @ self.V).reshape(H, B, self.blocks, -1)
        states = [state["x"].transpose(0, 1).unsqueeze(2)]
        for v_HB1n in torch.split(v_HBMn, 1, dim=2):
            states.append(multiply(states[-1], self.decay) + v_HB1n)
        s_HRn = torch.cat(states[:-1], dim=2).reshape(H, B * self.blocks, -1)
        y_HBL = (u_HRP @ self.T + s_HRn @ self.Q).reshape(H, B, L)
        return y_HBL, {"x": states[-1].squeeze(2).transpose(0, 1)}


def multiply(s_HB1n: Tensor, a_2H1N: Tensor) -> Tensor:
    """Complex vectors [Re, Im] (channels, streams, 1, 2 N) times Re and Im of (channels, 1, N)."""
    a_re, a_im = a_2H1N
    if torch.compiler.is_exporting():
        # The one operation of ONNX that multiplies complex numbers, of any size, not only of 1.
        return torch.onnx.ops.rotary_embedding(s_HB1n, a_re, a_im)
    re, im = s_HB1n.chunk(2, dim=-1)
    a_re, a_im = a_re[:, None], a_im[:, None]
    return torch.cat([re * a_re - im * a_im, re * a_im + im * a_re], dim=-1)


def complex_diagonal(kernel: StateSpaceKernel, rate: float) -> Modes:
    """Poles, input and output map of a kernel that is diagonal as it is.

    Args:
        kernel: causal, with a diagonal transition.
        rate: evaluation step / training step.

    Returns:
        the recurrence.

    Raises:
        ValueError: if a pole lies outside the unit circle, or the kernel is bidirectional.
    """
    system = kernel.recurrence(rate)
    N = system.B.shape[-1] // 2
    # The transition acts on [Re x, Im x], so its left half holds the poles on two diagonals.
    left_HnN = system.A[..., :N]
    a_HN = torch.complex(
        left_HnN[:, :N].diagonal(dim1=1, dim2=2), left_HnN[:, N:].diagonal(dim1=1, dim2=2)
    )
    b_HN = torch.complex(system.B[:, :N], system.B[:, N:])
    return Modes(a_HN, b_HN, torch.complex(system.C[:, :N], -system.C[:, N:]))


def diagonalize(system: Recurrence) -> Modes | None:
    """The same recurrence in the basis of its eigenvectors, if they are fit for float32.

    Eigenvectors that are nearly parallel have large coefficients that cancel, and the rounding of
    float32 does not cancel with them. Those of an untrained S4 (HiPPO) are, and those of a trained
    one mostly are not.

    Args:
        system: dense, with float64 numbers.

    Returns:
        one pole of each conjugate pair, or None.
    """
    A, B, C = (x.detach() for x in (system.A, system.B, system.C))
    a_Hn, vectors_Hnn = torch.linalg.eig(A)
    b_Hn, defect = torch.linalg.solve_ex(vectors_Hnn, B.to(a_Hn.dtype))
    c_Hn = (C.to(a_Hn.dtype)[:, None] @ vectors_Hnn)[:, 0]
    # Of conjugates one stands for both. Real poles come in no pairs, so channels differ in number.
    c_Hn = c_Hn * b_Hn * (1 + a_Hn.imag.sign())
    is_kept_Hn = a_Hn.imag >= 0
    order_Hn = is_kept_Hn.int().argsort(dim=-1, descending=True, stable=True)
    order_HN = order_Hn[:, : int(is_kept_Hn.sum(-1).max())]
    a_HN, c_HN = a_Hn.gather(1, order_HN), c_Hn.gather(1, order_HN)
    if bool(defect.any()) or not _is_fit(a_HN, c_HN):
        return None
    return Modes(a_HN, torch.ones_like(a_HN), c_HN)


def _is_fit(a_HN: Tensor, c_HN: Tensor) -> bool:
    """Whether the kernel is not much smaller than the sum of what its poles contribute."""
    powers_HNL = a_HN[..., None] ** torch.arange(HORIZON, device=a_HN.device)
    size_H = (c_HN[:, None] @ powers_HNL).real[:, 0].abs().amax(-1)
    return bool((c_HN.abs().sum(-1) <= LARGEST_AMPLIFICATION * size_H).all())

"""Streaming step of S4: a dense real transition for each channel.

The discretised normal-plus-low-rank matrix is used as it is, on [Re x, Im x]. Its eigenvectors are
so far from orthogonal that the diagonal form would add numbers of 1e6 that cancel; the dense form
keeps float32 exact to 1e-6. It is stable whatever the parameters, because Lambda - P P* only damps.

With x[t] = A x[t - 1] + B u[t], y[t] = C x[t], in rows, a block of P frames that starts from the
state s is

    y = u T + s Q          T[j, p] = K[p - j] (+ D on the diagonal),   Q[:, p] = C A^(p + 1)
    s' = s A^P + u V       V[p, :] = A^(P - 1 - p) B
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from s4audio.kernels.base import Recurrence
from s4audio.streaming.step import State, Step, block_length, toeplitz

LONGEST_BLOCK = 32
"""Longer than that of a diagonal recurrence, because a step from block to block costs more."""


class DenseStep(Step):
    """A dense recurrence, a chunk at a time.

    Args:
        system: the recurrence.
        D: skip (channels,).
        frames: frames of a chunk.
        dtype: of the matrices and the state.
    """

    T: Tensor
    Q: Tensor
    V: Tensor
    decay: Tensor

    def __init__(self, system: Recurrence, D: Tensor, frames: int, dtype: torch.dtype) -> None:
        super().__init__()
        P = block_length(frames, LONGEST_BLOCK)
        self.blocks = frames // P
        inputs, outputs = [system.B[..., None]], [system.C[:, None]]
        for _ in range(P):
            inputs.append(system.A @ inputs[-1])
            outputs.append(outputs[-1] @ system.A)
        taps_HP = (system.C[:, None] @ torch.cat(inputs[:P], dim=-1))[:, 0]
        for name, value in {
            "T": toeplitz(taps_HP, D),
            "Q": torch.cat(outputs[1:], dim=1).mT,
            "V": torch.cat(inputs[:P], dim=-1).flip(-1).mT,
            "decay": torch.linalg.matrix_power(system.A, P).mT,
        }.items():
            self.register_buffer(name, value.detach().to(dtype).contiguous())

    def initial_state(self, batch: int) -> State:
        """See [s4audio.streaming.step.Step][]."""
        return {"x": self.Q.new_zeros(batch, *self.Q.shape[:2])}

    def forward(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """See [s4audio.streaming.step.Step][]."""
        H, B, L = x.shape
        u_HRP = x.reshape(H, B * self.blocks, -1)
        v_HBMn = (u_HRP @ self.V).reshape(H, B, self.blocks, -1)
        states = [state["x"].transpose(0, 1)]
        for v_HBn in v_HBMn.unbind(2):
            states.append(states[-1] @ self.decay + v_HBn)
        s_HRn = torch.stack(states[:-1], dim=2).reshape(H, B * self.blocks, -1)
        y_HBL = (u_HRP @ self.T + s_HRn @ self.Q).reshape(H, B, L)
        return y_HBL, {"x": states[-1].transpose(0, 1)}

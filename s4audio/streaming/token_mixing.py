"""One long convolution, one token at a time.

A chunk is cheap because matrix products do its work, but in generation the next input is known only
after the last output. So the work is divided by what is known when. Within a block of P tokens an
input is added to the outputs of the block that it reaches, through the first taps of the kernel:

    y[t] = sum_{j = 0}^{t} K[j] u[t - j] + (what everything before the block adds to y[t])

The last part is computed for many tokens at once, as soon as a block is complete:

- A state space (S4, S4D, DSS) has a state x of n numbers. State and inputs of a block give the next
  state and what both add to the whole next block, all by one matrix product a channel. The state
  passes through memory once a block, and not once a token.
- SGConv is an online convolution: when 2^k divides the number of tokens, the last 2^k of them act
  on the next 2^k outputs, by a transform. These squares cover every pair of an input and a later
  output once, so n tokens cost n log(n)^2.

Both are exact, endless, and take the same memory however long the text is.

Suffixes: B sequences, H channels, L time steps, P tokens of a block, S tokens of a page, n state.

Source: van der Hoeven, "Relax, but don't be too lazy" (2002), section 4, for online convolution.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.kernels import Kernel, SGConvKernel
from s4audio.streaming.mixing import make_mixing_step
from s4audio.streaming.sgconv import support
from s4audio.streaming.step import State

BLOCK = 32
"""Tokens of a block."""


class TokenMixing(nn.Module, ABC):
    """A causal long convolution, y = k * u + D u, one token at a time.

    All of them are built from (kernel, D, dtype) and keep `taps` (tokens of a block, 1, channels),
    the start of the kernel with the skip.
    """

    taps: Tensor

    @abstractmethod
    def state_after(self, u_BHL: Tensor) -> State:
        """What has to be known of a prompt.

        Args:
            u_BHL: inputs so far (sequences, channels, time), at least one.

        Returns:
            named tensors, of a size that does not depend on the time.
        """

    @abstractmethod
    def forward(self, u_BH: Tensor, state: State, position: int) -> Tensor:
        """The next output.

        Args:
            u_BH: input (sequences, channels).
            state: changed in place.
            position: number of inputs since the prompt.

        Returns:
            (sequences, channels).
        """


class StateSpaceMixing(TokenMixing):
    """S4, S4D and DSS: one matrix product a block."""

    turn: Tensor

    def __init__(self, kernel: Kernel, D: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        step = make_mixing_step(kernel, D, BLOCK, 1.0, torch.float64)
        n = step.initial_state(1)["x"].shape[-1]
        # A row for each number of the state and for each input: what the chunk's step makes of it.
        unit_RHR = torch.eye(n + BLOCK, dtype=torch.float64).expand(kernel.channels, -1, -1)
        with torch.no_grad():
            y_HRP, after = step(unit_RHR[..., n:], {"x": unit_RHR[..., :n].transpose(0, 1)})
            later_HRP, _ = step(torch.zeros_like(y_HRP), after)
        turn_HRR = torch.cat([after["x"].transpose(0, 1), later_HRP], dim=-1)
        self.state_size = n
        self.register_buffer("turn", turn_HRR.to(dtype).contiguous())
        self.register_buffer("taps", y_HRP[:, n].T[:, None].to(dtype).contiguous())

    def state_after(self, u_BHL: Tensor) -> State:
        """See `TokenMixing`.

        `x` is the state before the block (channels, sequences, n), `inputs` are those of the block
        and `later` what is known of its outputs (tokens, sequences, channels).
        """
        batch, channels, length = u_BHL.shape
        state = {"x": self.turn.new_zeros(channels, batch, self.state_size)}
        # Zeros before the first input change nothing, and the rest is whole blocks.
        for inputs_BHP in torch.split(F.pad(u_BHL, (-length % BLOCK, 0)), BLOCK, dim=-1):
            state["inputs"] = inputs_BHP.permute(2, 0, 1)
            self._turn(state)
        state["inputs"] = self.turn.new_zeros(BLOCK, batch, channels)
        return state

    def forward(self, u_BH: Tensor, state: State, position: int) -> Tensor:
        """See `TokenMixing`."""
        place = position % BLOCK
        state["inputs"][place] = u_BH
        later_PBH = state["later"]
        later_PBH[place:].addcmul_(self.taps[: BLOCK - place], u_BH)
        if place == BLOCK - 1:
            self._turn(state)
        return later_PBH[place]

    def _turn(self, state: State) -> None:
        """From a complete block to the next."""
        known_HBR = torch.cat([state["x"], state["inputs"].permute(2, 1, 0)], dim=-1)
        next_HBR = known_HBR @ self.turn
        state["x"] = next_HBR[..., : self.state_size]
        state["later"] = next_HBR[..., self.state_size :].permute(2, 1, 0).contiguous()


class OnlineConvolution(TokenMixing):
    """SGConv: every square of inputs and later outputs as soon as its inputs are known.

    Time is divided into pages that are at least as long as the kernel, so that no input reaches
    beyond the next page.
    """

    kernel: Tensor

    def __init__(self, kernel: SGConvKernel, D: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        with torch.no_grad():
            k_HL = kernel(support(kernel, 1.0))[0]
            k_HL[:, 0] += D
        self.page = BLOCK
        while self.page < k_HL.shape[1]:
            self.page *= 2
        self.register_buffer("kernel", k_HL.to(dtype))
        taps_HP = F.pad(self.kernel, (0, BLOCK))[:, :BLOCK]
        self.register_buffer("taps", taps_HP.T[:, None].contiguous())

    def state_after(self, u_BHL: Tensor) -> State:
        """See `TokenMixing`.

        `inputs` are those of the page, and `later` is what is known of its outputs (tokens of a
        page, sequences, channels).
        """
        later = self._later(u_BHL[..., -self.page :].double(), self.page).to(self.kernel.dtype)
        return {"inputs": torch.zeros_like(later), "later": later}

    def forward(self, u_BH: Tensor, state: State, position: int) -> Tensor:
        """See `TokenMixing`."""
        place = position % self.page
        state["inputs"][place] = u_BH
        later = state["later"]
        left = BLOCK - place % BLOCK
        later[place : place + left].addcmul_(self.taps[:left], u_BH)
        if left == 1:
            self._turn(state, place + 1)
        return later[place]

    def _turn(self, state: State, done: int) -> None:
        """The last inputs on as many outputs to come; at the end of a page, on the next page."""
        side = done & -done
        later = self._later(state["inputs"][done - side : done].permute(1, 2, 0), side)
        if done == self.page:
            state["later"] = later
        else:
            state["later"][done : done + side] += later

    def _later(self, u_BHL: Tensor, steps: int) -> Tensor:
        """What some inputs add to the steps after them (steps, sequences, channels)."""
        length = u_BHL.shape[-1]
        spectrum = torch.fft.rfft(u_BHL, length + steps)
        # The circular product is wrong only where the inputs are, whose outputs are not asked for.
        spectrum *= torch.fft.rfft(self.kernel.to(u_BHL.dtype), length + steps)
        y_BHL: Tensor = torch.fft.irfft(spectrum, length + steps)
        return y_BHL[..., length:].permute(2, 0, 1).contiguous()


def make_token_mixing(kernel: Kernel, D: Tensor, dtype: torch.dtype) -> TokenMixing:
    """The form of a long convolution that makes one token at a time.

    Args:
        kernel: causal.
        D: skip (channels,).
        dtype: float32 or float64, of matrices and state.

    Returns:
        the module.

    Raises:
        ValueError: if the recurrence of the kernel grows, or it is bidirectional.
    """
    if isinstance(kernel, SGConvKernel):
        return OnlineConvolution(kernel, D, dtype)
    return StateSpaceMixing(kernel, D, dtype)

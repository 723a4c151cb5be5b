"""Generation: the prompt by convolution, then one token a step from a state of fixed size."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError, check_count
from s4audio.models.autoregressive import AutoregressiveModel, FeedForward
from s4audio.models.block import Block, ChannelLinear, ChannelNorm
from s4audio.streaming.parts import copy_norm, fold_norm
from s4audio.streaming.sampling import Sampling, sample
from s4audio.streaming.step import State
from s4audio.streaming.token_mixing import make_token_mixing

AS_LEARNED = Sampling()
"""Draws from the model's own distribution."""


@dataclass
class Memory:
    """What a generator remembers of some sequences.

    Attributes:
        states: of each layer; changed in place.
        position: tokens since the prompt.
    """

    states: list[State]
    position: int


class Generator:
    """An autoregressive model as a recurrence, one token of every sequence at a time.

    The distribution after each token is that of the model in evaluation mode on everything so far.

    Args:
        model: in evaluation mode; it takes in the prompts, so it must stay as it is.
        dtype: float32 or float64, of matrices and states.

    Raises:
        ValueError: if a recurrence of the model grows, or the model is in training mode.

    Example:
        >>> from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel
        >>> from s4audio.models import ClassifierConfig
        >>> backbone = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, norm="layer")
        >>> generator = Generator(AutoregressiveModel(AutoregressiveConfig(backbone), "abc").eval())
        >>> generator.generate(torch.tensor([[0, 1]]), steps=5, seed=0).shape
        torch.Size([1, 5])
    """

    def __init__(self, model: AutoregressiveModel, dtype: torch.dtype = torch.float32) -> None:
        if model.training:
            raise ValueError("the model is in training mode, which is random: call model.eval()")
        self.model = model
        self.dtype = dtype
        self.layers = [_make_layer(layer, dtype) for layer in model.backbone.blocks]
        self.norm = _make_norm(model.backbone.norm, dtype)

    @torch.inference_mode()
    def start(self, prompt: Tensor) -> tuple[Tensor, Memory]:
        """Take in a prompt.

        Args:
            prompt: int64 (sequences, time), at least one token.

        Returns:
            log-probabilities (sequences, vocabulary) of the token after the prompt, and what
            `advance` needs.

        Raises:
            UserError: for an empty prompt or unknown tokens.
        """
        size = len(self.model.labels)
        if prompt.ndim != 2 or prompt.numel() == 0 or not 0 <= prompt.min() <= prompt.max() < size:
            raise UserError(
                f"expected a prompt (sequences, time) of tokens in [0, {size}), got "
                f"{tuple(prompt.shape)} {prompt.dtype}"
            )
        x_BHL = self.model.embed(prompt)
        states: list[State] = []
        for layer, ours in zip(self.model.backbone.blocks, self.layers, strict=True):
            states.append(ours.state_after(layer, x_BHL))
            x_BHL = layer(x_BHL)
        y_BH = self.model.backbone.norm(x_BHL)[..., -1]
        return self.model.vocabulary.log_probabilities(y_BH), Memory(states, 0)

    @torch.inference_mode()
    def advance(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Take in one more token of each sequence.

        Args:
            tokens: int64 (sequences,).
            memory: of `start`; changed in place.

        Returns:
            log-probabilities (sequences, vocabulary) of the token after it.
        """
        x_BH = self.model.vocabulary.embed(tokens).to(self.dtype)
        for layer, state in zip(self.layers, memory.states, strict=True):
            x_BH = layer(x_BH, state, memory.position)
        memory.position += 1
        return self.model.vocabulary.log_probabilities(self.norm(x_BH).to(torch.float32))

    def stream(
        self, prompt: Tensor, steps: int, sampling: Sampling = AS_LEARNED, seed: int = 0
    ) -> Iterator[Tensor]:
        """New tokens as they are drawn.

        Args:
            prompt: int64 (sequences, time), at least one token.
            steps: tokens to draw, at least 1.
            sampling: how to draw.
            seed: of the draws.

        Yields:
            int64 (sequences,), `steps` times.

        Raises:
            UserError: as `start`, or for no steps.
        """
        check_count("steps", steps)
        random = torch.Generator().manual_seed(seed)
        log_probabilities, memory = self.start(prompt)
        for _ in range(steps - 1):
            tokens = sample(log_probabilities, sampling, random)
            yield tokens
            log_probabilities = self.advance(tokens, memory)
        yield sample(log_probabilities, sampling, random)

    def generate(
        self, prompt: Tensor, steps: int, sampling: Sampling = AS_LEARNED, seed: int = 0
    ) -> Tensor:
        """New tokens, all at once.

        Args:
            prompt: as for `stream`.
            steps: as for `stream`.
            sampling: as for `stream`.
            seed: as for `stream`.

        Returns:
            int64 (sequences, steps).

        Raises:
            UserError: as `stream`.
        """
        return torch.stack(list(self.stream(prompt, steps, sampling, seed)), dim=1)


class TokenBlock(nn.Module):
    """A residual block on one token of each sequence: (sequences, channels).

    Args:
        block: in evaluation mode, with a causal kernel.
        dtype: of the matrices and the state.
    """

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        super().__init__()
        self.prenorm, self.glu = block.prenorm, block.glu
        self.norm = _make_norm(block.norm, dtype)
        convolution = block.convolution
        self.mixing = make_token_mixing(convolution.kernel, convolution.D.detach(), dtype)
        self.linear = TokenLinear(block.linear, dtype)

    def state_after(self, block: nn.Module, x_BHL: Tensor) -> State:
        """State of the convolution after the inputs (sequences, channels, time) of its block."""
        assert isinstance(block, Block)
        u_BHL = block.norm(x_BHL) if self.prenorm else x_BHL
        return self.mixing.state_after(u_BHL.to(self.mixing.taps.dtype))

    def forward(self, x_BH: Tensor, state: State, position: int) -> Tensor:
        """The next token; the state is changed in place."""
        u_BH = self.norm(x_BH) if self.prenorm else x_BH
        y_BH: Tensor = self.linear(F.gelu(self.mixing(u_BH, state, position)))
        if self.glu:
            y_BH = F.glu(y_BH)
        y_BH = y_BH + x_BH
        if not self.prenorm:
            y_BH = self.norm(y_BH)
        return y_BH


class TokenFeedForward(nn.Module):
    """A feed-forward layer on one token of each sequence: (sequences, channels)."""

    def __init__(self, layer: FeedForward, dtype: torch.dtype) -> None:
        super().__init__()
        self.prenorm = layer.prenorm
        self.norm = _make_norm(layer.norm, dtype)
        self.inner = TokenLinear(layer.inner, dtype)
        self.outer = TokenLinear(layer.outer, dtype)

    def state_after(self, layer: nn.Module, x_BHL: Tensor) -> State:
        """Nothing to remember."""
        return {}

    def forward(self, x_BH: Tensor, state: State, position: int) -> Tensor:
        """The next token."""
        u_BH = self.norm(x_BH) if self.prenorm else x_BH
        y_BH: Tensor = x_BH + self.outer(F.gelu(self.inner(u_BH)))
        if not self.prenorm:
            y_BH = self.norm(y_BH)
        return y_BH


class TokenLinear(nn.Module):
    """A linear map of (sequences, channels).

    Its weight is stored transposed, which a product with few rows reads faster.

    Args:
        linear: of (outputs, inputs).
        dtype: of the product.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, linear: ChannelLinear | nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().T.to(dtype).contiguous())
        self.register_buffer("bias", linear.bias.detach().to(dtype))

    def forward(self, x_BH: Tensor) -> Tensor:
        """Map (sequences, inputs) to (sequences, outputs)."""
        return torch.addmm(self.bias, x_BH, self.weight)


class Scale(nn.Module):
    """Batch normalisation with its running statistics, as one scale and one shift a channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm1d, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = fold_norm(norm, dtype)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x_BH: Tensor) -> Tensor:
        """Normalise (sequences, channels)."""
        return torch.addcmul(self.shift, x_BH, self.scale)


def _make_layer(layer: nn.Module, dtype: torch.dtype) -> TokenBlock | TokenFeedForward:
    if isinstance(layer, Block):
        return TokenBlock(layer, dtype)
    assert isinstance(layer, FeedForward)
    return TokenFeedForward(layer, dtype)


def _make_norm(norm: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A norm of a backbone in evaluation mode, on (sequences, channels)."""
    if isinstance(norm, nn.BatchNorm1d):
        return Scale(norm, dtype)
    return copy_norm(norm, dtype) if isinstance(norm, ChannelNorm) else nn.Identity()

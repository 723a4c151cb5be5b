"""Drawing a token from a distribution."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s4audio.errors import UserError, check_count


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        temperature: Divides the logits; 0 takes the likeliest token, 1 draws from the model's own
            distribution.
        top_k: Draw from so many of the likeliest tokens only; None for all.
        top_p: Draw from the likeliest tokens that together have this probability; 1 for all.

    Raises:
        ValueError: A number is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"temperature is {self.temperature}; give 0 or a positive number")
        check_count("top_k", self.top_k)
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p is {self.top_p}; give a number above 0 and at most 1")


def sample(log_probabilities_BV: Tensor, sampling: Sampling, random: torch.Generator) -> Tensor:
    """One token for each row.

    Args:
        log_probabilities_BV: (rows, vocabulary), or logits.
        sampling: how to draw.
        random: source of randomness.

    Returns:
        int64 (rows,).

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020), section 3, for
        top_p.

    Example:
        >>> rows = torch.tensor([[0.1, 0.2, 0.7]]).log()
        >>> sample(rows, Sampling(temperature=0), torch.Generator()).tolist()
        [2]
    """
    if sampling.temperature == 0:
        return log_probabilities_BV.argmax(-1)
    # The largest is 0, which no temperature moves; the others may become minus infinity.
    centred_BV = log_probabilities_BV.double() - log_probabilities_BV.amax(-1, keepdim=True)
    p_BV = (centred_BV / sampling.temperature).softmax(-1)
    if sampling.top_k is not None and sampling.top_k < p_BV.shape[-1]:
        largest_BK, order_BK = p_BV.topk(sampling.top_k, dim=-1)
        p_BV = torch.zeros_like(p_BV).scatter(-1, order_BK, largest_BK)
    if sampling.top_p < 1:
        sorted_BV, order_BV = p_BV.sort(dim=-1, descending=True)
        before_BV = sorted_BV.cumsum(-1) - sorted_BV
        # The first token that reaches top_p is kept, so at least one always is.
        limit_B1 = sampling.top_p * p_BV.sum(-1, keepdim=True)
        p_BV = torch.zeros_like(p_BV).scatter(-1, order_BV, sorted_BV * (before_BV < limit_B1))
    return torch.multinomial(p_BV, 1, generator=random)[:, 0]

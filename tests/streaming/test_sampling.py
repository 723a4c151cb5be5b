"""Drawing tokens: shares are right, and what is left out never comes."""

import pytest
import torch

from s4audio.errors import UserError
from s4audio.streaming.sampling import Sampling, sample

P = torch.tensor([0.5, 0.1, 0.3, 0.1])


def shares(**options: float) -> list[float]:
    rows = P.log().expand(20_000, -1)
    tokens = sample(rows, Sampling(**options), torch.Generator().manual_seed(0))
    return (torch.bincount(tokens, minlength=4) / len(tokens)).tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.1, 0.3, 0.1]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, [0.25 / 0.36, 0.01 / 0.36, 0.09 / 0.36, 0.01 / 0.36]),
        ({"temperature": 1e-40}, [1, 0, 0, 0]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [5 / 8, 0, 3 / 8, 0]),
        ({"top_k": 9}, [0.5, 0.1, 0.3, 0.1]),
        ({"top_p": 0.4}, [1, 0, 0, 0]),
        ({"top_p": 0.7}, [5 / 8, 0, 3 / 8, 0]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),
    ],
)
def test_shares(options: dict[str, float], expected: list[float]) -> None:
    found = shares(**options)
    assert found == pytest.approx(expected, abs=0.02)
    assert [share > 0 for share in found] == [share > 0 for share in expected]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_more_than_k_of_equals(k: int) -> None:
    tokens = sample(torch.zeros(1000, 5), Sampling(top_k=k), torch.Generator().manual_seed(0))
    assert len(tokens.unique()) == k


@pytest.mark.parametrize("temperature", [5e-324, 1e-40, 1e-3])
def test_the_coldest_take_the_likeliest_of_close_ones(temperature: float) -> None:
    logits = torch.tensor([[-80.0, -80.1, -float("inf")]]).expand(100, -1)
    tokens = sample(logits, Sampling(temperature=temperature), torch.Generator())
    assert not tokens.any()


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0}, {"top_p": 2}],
)
def test_mistakes(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(UserError, match=f"{name} is"):
        Sampling(**options)

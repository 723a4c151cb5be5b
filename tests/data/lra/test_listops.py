"""ListOps: the grammar, the evaluator and the text form."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.lra.listops import (
    CLOSE,
    OPERATORS,
    SYMBOLS,
    Expression,
    Grammar,
    draw,
    encode,
    evaluate,
    to_text,
)
from s4audio.errors import UserError

FREE = Grammar(max_depth=6, min_length=0, max_length=10**6)


def expressions(grammar: Grammar, attempts: int, seed: int = 0) -> list[Expression]:
    return list(draw(grammar, np.random.default_rng(seed), attempts))


def naive_tree(grammar: Grammar, random: np.random.Generator, depth: int = 1) -> list[str]:
    """The rules word by word: symbols of one random expression."""
    if depth == grammar.max_depth or random.random() > grammar.operation_share:
        return [str(random.integers(10))]
    count = random.integers(2, grammar.max_args + 1)
    arguments = [naive_tree(grammar, random, depth + 1) for _ in range(count)]
    return [f"[{random.choice(OPERATORS)}", *chain.from_iterable(arguments), CLOSE]


def depths(expression: Expression) -> list[int]:
    """Depth of every token; a bracket has that of its operation."""
    depth, found = 0, []
    for token in expression.tokens:
        symbol = SYMBOLS[token]
        depth += symbol.startswith("[")
        found.append(depth + (not symbol.startswith("[") and symbol != CLOSE))
        depth -= symbol == CLOSE
    return found


def assert_uniform(counts: np.ndarray) -> None:
    """Pearson's statistic within five standard deviations of its mean."""
    expected = counts.sum() / len(counts)
    freedom = len(counts) - 1
    assert ((counts - expected) ** 2 / expected).sum() < freedom + 5 * np.sqrt(2 * freedom)


def test_reference_rows(real_data: Path):
    lines = (real_data / "listops_reference_rows.tsv").read_text().splitlines()
    assert len(lines) == 12
    for line in lines[1:]:
        source, target = line.split("\t")
        tokens = encode(source)
        assert evaluate(tokens) == int(target)
        assert to_text(Expression(tokens, arguments(tokens), int(target))) == source


def arguments(tokens: np.ndarray) -> np.ndarray:
    """Number of arguments of each operation, counted with a stack."""
    counts, stack = np.zeros(len(tokens), np.uint8), []
    for place, token in enumerate(tokens):
        if SYMBOLS[token] == CLOSE:
            stack.pop()
            continue
        if stack:
            counts[stack[-1]] += 1
        if SYMBOLS[token].startswith("["):
            stack.append(place)
    return counts


@given(st.integers(0, 2**32 - 1), st.integers(2, 10), st.integers(2, 6))
def test_values_and_text_of_drawn_expressions(seed: int, max_args: int, max_depth: int):
    grammar = Grammar(max_depth, max_args, 0.4, min_length=2, max_length=400)
    for expression in expressions(grammar, 20, seed):
        assert evaluate(expression.tokens) == expression.value
        assert (arguments(expression.tokens) == expression.arguments).all()
        assert (encode(to_text(expression)) == expression.tokens).all()
        assert 2 < len(expression.tokens) < 400
        assert max(depths(expression)) <= max_depth


def test_lengths_lie_between_the_bounds_and_reach_them():
    lengths = [len(expression.tokens) for expression in expressions(Grammar(), 30_000)]
    assert 500 < min(lengths) < 520
    assert 1900 < max(lengths) < 2000


def test_nodes_follow_the_rules():
    drawn = expressions(FREE, 3000)
    assert len(drawn) == 3000
    tokens = np.concatenate([expression.tokens for expression in drawn])
    counts = np.concatenate([expression.arguments for expression in drawn])
    names = np.array(SYMBOLS)[tokens]
    depth = np.concatenate([depths(expression) for expression in drawn])
    operations = counts > 0
    assert_uniform(np.bincount(counts[operations], minlength=11)[2:])
    assert_uniform(np.array([(names == f"[{name}").sum() for name in OPERATORS]))
    assert_uniform(np.array([(names == digit).sum() for digit in "0123456789"]))
    nodes = names != CLOSE
    for level in range(1, 6):
        here = nodes & (depth == level)
        share, spread = operations[here].mean(), np.sqrt(0.25 * 0.75 / here.sum())
        assert abs(share - 0.25) < 5 * spread
    assert not operations[depth == 6].any()


def test_against_naive():
    """Lengths and values of the kept expressions have the distribution of the plain recursion."""
    grammar = Grammar(max_depth=7, min_length=50, max_length=300)
    random = np.random.default_rng(1)
    trees = [naive_tree(grammar, random) for _ in range(15_000)]
    rows = [encode(" ".join(tree)) for tree in trees if 50 < len(tree) < 300]
    fast = expressions(grammar, 15_000)
    assert abs(len(fast) - len(rows)) < 5 * np.sqrt(2 * len(rows))
    ours = np.sort([len(expression.tokens) for expression in fast])
    theirs = np.sort([len(row) for row in rows])
    # Kolmogorov and Smirnov at one in a thousand.
    grid = np.arange(50, 301)
    gap = np.abs(
        np.searchsorted(ours, grid, "right") / len(ours)
        - np.searchsorted(theirs, grid, "right") / len(theirs)
    ).max()
    assert gap < 1.95 * np.sqrt(1 / len(ours) + 1 / len(theirs))
    ours = np.bincount([expression.value for expression in fast], minlength=10)
    theirs = np.bincount([evaluate(row) for row in rows], minlength=10)
    shares = (ours + theirs) / (ours.sum() + theirs.sum())
    spread = np.sqrt(shares * (1 / ours.sum() + 1 / theirs.sum()))
    assert (np.abs(ours / ours.sum() - theirs / theirs.sum()) < 4 * spread).all()


def test_the_same_seed_draws_the_same():
    first, again = expressions(Grammar(), 2000, 5), expressions(Grammar(), 2000, 5)
    other = expressions(Grammar(), 2000, 6)
    assert [to_text(e) for e in first] == [to_text(e) for e in again] != [to_text(e) for e in other]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MED 1 2 ]", 1),
        ("[MED 9 0 5 ]", 5),
        ("[SM 9 9 9 ]", 7),
        ("[MIN 3 [MAX 8 2 ] ]", 3),
        ("7", 7),
    ],
)
def test_values(text: str, value: int):
    assert evaluate(encode(text)) == value


@pytest.mark.parametrize("text", ["", "[FIRST 1 2 ]", "a 1", "[MAX", "[MAX 1 2 ] x", "é", "1\n"])
def test_text_that_is_no_expression(text: str):
    with pytest.raises(UserError, match="no ListOps expression"):
        encode(text)


@pytest.mark.parametrize("text", ["1 2", "[MAX 1 2", "[MAX ]", "1 ]"])
def test_brackets_that_do_not_match(text: str):
    with pytest.raises(UserError, match="bracket"):
        evaluate(encode(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_depth": 1},
        {"max_args": 1},
        {"operation_share": 0.0},
        {"min_length": 1999},
        {"min_length": -1},
    ],
)
def test_grammars_that_draw_nothing(wrong: dict[str, int]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Grammar(**wrong)

"""ListOps: nested list operations over digits, their grammar, their values, their text.

An expression such as `[MAX 4 [MIN 2 3 ] 1 ]` has one of ten values. `draw` makes expressions at
random; `encode` and `evaluate` read the text of the benchmark's files.

Source: Nangia, Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning", arXiv 1804.06028;
lengths and depth from Tay et al., "Long Range Arena", arXiv 2011.04006.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from s4audio.errors import UserError

Int64Array = npt.NDArray[np.int64]
Uint8Array = npt.NDArray[np.uint8]

OPERATORS = ("MIN", "MAX", "MED", "SM")
CLOSE = "]"
# Token of each symbol; 0 is padding, 1 unknown, 2 the end of a sequence.
SPECIALS = ("<pad>", "<unk>", "<eos>")
SYMBOLS = (*SPECIALS, *"0123456789", *(f"[{name}" for name in OPERATORS), CLOSE)

_DIGIT, _OPERATOR, _CLOSE = 3, 13, 17
# One byte for each symbol while a row is read, and the token of that byte.
_LETTERS = b"abcd"
_TOKEN_OF_BYTE = np.zeros(256, np.uint8)
_TOKEN_OF_BYTE[list(b"0123456789" + _LETTERS + b"]")] = np.arange(_DIGIT, _CLOSE + 1)

# An argument ends with the parenthesis of its pair; a bracket ends its own pair and, being the end
# of an argument, that one's.
_CLOSED = [f"{symbol} )" if symbol != CLOSE else f"{symbol} ) )" for symbol in SYMBOLS]


@dataclass(frozen=True)
class Grammar:
    """How expressions are drawn.

    Args:
        max_depth: depth of the deepest node, the root being at 1; nodes there are digits, >= 2.
        max_args: most arguments of an operation, >= 2; their number is uniform on 2..max_args.
        operation_share: probability that a node above `max_depth` is an operation, in (0, 1].
        min_length: only longer expressions are kept, in tokens (an operation counts 2, for its
            name and its bracket).
        max_length: only shorter expressions are kept.

    Raises:
        ValueError: a number out of range.
    """

    max_depth: int = 10
    max_args: int = 10
    operation_share: float = 0.25
    min_length: int = 500
    max_length: int = 2000

    def __post_init__(self) -> None:
        if self.max_depth < 2 or self.max_args < 2 or not 0 < self.operation_share <= 1:
            raise ValueError(
                f"max_depth={self.max_depth} and max_args={self.max_args} must be at least 2 and "
                f"operation_share={self.operation_share} in (0, 1]"
            )
        if not 0 <= self.min_length < self.max_length - 1:
            raise ValueError(
                f"no length lies between min_length={self.min_length} and "
                f"max_length={self.max_length} (both excluded)"
            )


class Expression(NamedTuple):
    """One expression.

    Attributes:
        tokens: uint8 (length,), rows of `SYMBOLS`.
        arguments: uint8 (length,), number of arguments where the token is an operation, else 0.
        value: what it evaluates to, 0..9.
    """

    tokens: Uint8Array
    arguments: Uint8Array
    value: int


class _Level(NamedTuple):
    """All nodes of one depth, children of one parent side by side in their order."""

    tree: Int64Array
    parent: Int64Array  # row in the level above
    operator: Int64Array  # -1 for a digit
    arguments: Int64Array  # 0 for a digit
    digit: Int64Array


def draw(grammar: Grammar, random: np.random.Generator, attempts: int) -> Iterator[Expression]:
    """Draw `attempts` expressions and yield, in order, those whose length the grammar keeps.

    The trees of all attempts grow together, a level at a time; only their shapes are random, so
    the values and places of all nodes follow from a pass upwards and one downwards.

    Args:
        grammar: how to draw.
        random: source of randomness.
        attempts: trees to draw, >= 1; of the default grammar's, 8 % are kept.
    """
    levels, lengths = _grow(grammar, random, attempts)
    kept = (lengths > grammar.min_length) & (lengths < grammar.max_length)
    levels = _selected(levels, kept)
    sizes, values = _fold(levels)
    tokens, arguments = _write(levels, sizes)
    ends = np.cumsum(sizes[0])
    for start, end, value in zip(ends - sizes[0], ends, values[0].tolist(), strict=True):
        yield Expression(tokens[start:end], arguments[start:end], value)


def _grow(
    grammar: Grammar, random: np.random.Generator, attempts: int
) -> tuple[list[_Level], Int64Array]:
    """Levels from the root down, and the length of each tree so far as it was grown."""
    lengths = np.zeros(attempts, np.int64)
    tree = parent = np.arange(attempts)
    levels: list[_Level] = []
    for depth in range(1, grammar.max_depth + 1):
        count = len(tree)
        if count == 0:
            break
        is_operation = random.random(count) <= grammar.operation_share
        is_operation &= depth < grammar.max_depth
        arguments = random.integers(2, grammar.max_args, count, endpoint=True) * is_operation
        operator = np.where(is_operation, random.integers(0, len(OPERATORS), count), -1)
        levels.append(_Level(tree, parent, operator, arguments, random.integers(0, 10, count)))
        lengths += np.bincount(tree[is_operation], minlength=attempts)
        lengths += np.bincount(tree, minlength=attempts)
        # What is already too long is not kept, so it need not grow on.
        growing = arguments * (lengths[tree] < grammar.max_length)
        parent = np.repeat(np.arange(count), growing)
        tree = tree[parent]
    return levels, lengths


def _selected(levels: list[_Level], kept: npt.NDArray[np.bool_]) -> list[_Level]:
    """The levels of the kept trees alone, with rows numbered anew."""
    selected: list[_Level] = []
    numbers = np.arange(len(kept))
    for level in levels:
        rows = np.flatnonzero(kept[level.tree])
        if len(rows) == 0:
            break
        picked = _Level(*(column[rows] for column in level))
        selected.append(picked._replace(parent=numbers[picked.parent]))
        numbers = np.zeros(len(level.tree), np.int64)
        numbers[rows] = np.arange(len(rows))
    return selected or [_Level(*(np.zeros(0, np.int64) for _ in _Level._fields))]


def _fold(levels: list[_Level]) -> tuple[list[Int64Array], list[Int64Array]]:
    """Length in tokens and value of each node, from the leaves up."""
    sizes = [np.where(level.arguments > 0, 2, 1) for level in levels]
    values = [level.digit.copy() for level in levels]
    for depth in range(len(levels) - 1, 0, -1):
        parents, child_sizes, child_values = levels[depth].parent, sizes[depth], values[depth]
        starts = np.flatnonzero(np.diff(parents, prepend=-1))
        rows = parents[starts]
        counts = levels[depth - 1].arguments[rows]
        ordered = child_values[np.lexsort((child_values, parents))]
        middle = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) // 2
        results = (
            np.minimum.reduceat(child_values, starts),
            np.maximum.reduceat(child_values, starts),
            middle,
            np.add.reduceat(child_values, starts) % 10,
        )
        sizes[depth - 1][rows] += np.add.reduceat(child_sizes, starts)
        values[depth - 1][rows] = np.choose(levels[depth - 1].operator[rows], results)
    return sizes, values


def _write(levels: list[_Level], sizes: list[Int64Array]) -> tuple[Uint8Array, Uint8Array]:
    """Tokens of all trees behind each other, and beside them the numbers of arguments."""
    tokens = np.zeros(int(sizes[0].sum()), np.uint8)
    arguments = np.zeros_like(tokens)
    places = np.cumsum(sizes[0]) - sizes[0]
    for depth, (level, size) in enumerate(zip(levels, sizes, strict=True)):
        if depth > 0:
            before = np.cumsum(size) - size
            first = np.flatnonzero(np.diff(level.parent, prepend=-1))
            siblings = np.diff(first, append=len(size))
            places = places[level.parent] + 1 + before - np.repeat(before[first], siblings)
        is_operation = level.arguments > 0
        tokens[places] = np.where(is_operation, _OPERATOR + level.operator, _DIGIT + level.digit)
        arguments[places] = level.arguments
        tokens[(places + size - 1)[is_operation]] = _CLOSE
    return tokens, arguments


def to_text(expression: Expression) -> str:
    """The expression as the benchmark's files have it: nested pairs, each in parentheses.

    Example:
        >>> to_text(Expression(np.array([14, 4, 5, 17]), np.array([2, 0, 0, 0]), 2))
        '( ( ( [MAX 1 ) 2 ) ] )'
    """
    words = [
        f"{'( ' * (count + 1)}{SYMBOLS[token]}" if count else _CLOSED[token]
        for token, count in zip(
            expression.tokens.tolist(), expression.arguments.tolist(), strict=True
        )
    ]
    # The bracket of the root is no argument of anything.
    return " ".join(words).removesuffix(" )")


def encode(text: str) -> Uint8Array:
    """Tokens of an expression, without the parentheses and without an end token.

    Args:
        text: as in the files; the parentheses may be missing.

    Returns:
        uint8 (length,), rows of `SYMBOLS`.

    Raises:
        UserError: a symbol that ListOps does not have.

    Example:
        >>> encode("( ( ( [MAX 1 ) 2 ) ] )").tolist()
        [14, 4, 5, 17]
    """
    line = text.encode().replace(b"(", b"").replace(b")", b"")
    # Letters in the file itself must not pass for operations.
    if not line.isascii() or any(letter in line for letter in _LETTERS):
        raise UserError(f"no ListOps expression: {_shown(text)}")
    for letter, name in zip(_LETTERS, OPERATORS, strict=True):
        line = line.replace(f"[{name} ".encode(), bytes([letter, 32]))
    tokens = _TOKEN_OF_BYTE[np.frombuffer(line.translate(None, b" "), np.uint8)]
    if len(tokens) == 0 or not tokens.all():
        raise UserError(f"no ListOps expression: {_shown(text)}")
    return tokens


def evaluate(tokens: Uint8Array) -> int:
    """Value of an expression.

    Args:
        tokens: (length,), what `encode` returns.

    Returns:
        0..9. MED is the median, rounded down; SM is the sum modulo 10.

    Raises:
        UserError: brackets that do not match, or an operation without arguments.

    Example:
        >>> evaluate(encode("[SM 9 [MED 2 7 ] ]"))
        3
    """
    stack: list[list[int]] = [[]]
    operators: list[str] = []
    for token in tokens.tolist():
        if token < _OPERATOR:
            stack[-1].append(token - _DIGIT)
        elif token < _CLOSE:
            operators.append(OPERATORS[token - _OPERATOR])
            stack.append([])
        elif not operators or not stack[-1]:
            raise UserError("a ListOps expression has a bracket too many, or nothing within one")
        else:
            arguments = stack.pop()
            stack[-1].append(_apply(operators.pop(), arguments))
    if operators or len(stack[0]) != 1:
        raise UserError("a ListOps expression lacks a bracket, or there are two expressions")
    return stack[0][0]


def _apply(operator: str, arguments: list[int]) -> int:
    if operator == "MIN":
        return min(arguments)
    if operator == "MAX":
        return max(arguments)
    if operator == "SM":
        return sum(arguments) % 10
    ordered, count = sorted(arguments), len(arguments)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) // 2


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

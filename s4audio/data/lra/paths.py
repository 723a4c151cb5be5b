"""How the paths of a Pathfinder picture grow among each other.

A path grows paddle by paddle and may run into a dead end. The rule is to discard everything and
begin again, which takes far too long at 64 x 64 pixels (none of 400 attempts came through). Here
several attempts run side by side, and one that fails goes on as a copy of one that has not: a
particle filter, whose pictures approximate the distribution of those that the rule leaves.
"""

from typing import NamedTuple

import numpy as np

from s4audio.data.lra.paddles import (
    BODY,
    HALO,
    BoolArray,
    Int64Array,
    Paddle,
    Point,
    Strokes,
    Uint8Array,
)

Snake = list[Paddle]

_ATTEMPTS = 32
# Tries of one paddle and of one distracting path; the least sum of the weights of directions.
_PADDLE_TRIALS = 3
_DISTRACTOR_TRIALS = 5
_LEAST_WEIGHT = 1e-4
# Places of a first paddle that are looked at together.
_CHUNK = 64


class _Grown(NamedTuple):
    kinds: Int64Array  # (attempts,)
    anchors: Int64Array  # (attempts, 2)
    alive: BoolArray  # (attempts,)


class Field:
    """The pixels of a picture and what is taken of them.

    Around the picture lies a frame of taken pixels wider than a path can reach in a step: nothing
    has to look out for the edges.

    Args:
        size: height and width of the picture.
        padding: width of its border that stays empty.
        margin: half the gap between paddles.
        strokes: the paddles there are.
        random: source of randomness.
    """

    def __init__(
        self, size: int, padding: int, margin: int, strokes: Strokes, random: np.random.Generator
    ) -> None:
        self._size = size
        self._strokes = strokes
        self._random = random
        self._frame = 2 * strokes.reach
        self._empty = _framed(size, padding, self._frame) * np.uint8(BODY)
        self._empty |= _framed(size, padding + margin, self._frame) * np.uint8(HALO)
        self._taken = self._empty.copy()

    def target_pair(self, paddles: int, distance: int) -> tuple[Snake, Snake]:
        """Grow two paths in turns on an empty field.

        Args:
            paddles: of each path.
            distance: between their first ends, in pixels.
        """
        while True:
            found = self._grow_pair(paddles, distance)
            if found is not None:
                return found

    def distractor(self, paddles: int) -> Snake | None:
        """Grow one more path among the others; None if all tries end in a dead end.

        Args:
            paddles: of the path.
        """
        for _ in range(_DISTRACTOR_TRIALS):
            taken = self._taken[None].copy()
            kind = np.array([self._first_kind()])
            anchors = self._first_fitting(int(kind[0]))
            kinds = [kind]
            places = [anchors]
            for _ in range(paddles - 1):
                if len(places[-1]) == 0:
                    break
                grown = self._grow(taken, kinds[-1], places[-1])
                self._mark(taken, kinds[-1], places[-1])
                kinds.append(grown.kinds)
                places.append(grown.anchors[grown.alive])
            if len(places[-1]) > 0:
                self._mark(taken, kinds[-1], places[-1])
                self._taken = taken[0]
                return self._snake(np.concatenate(kinds), np.concatenate(places))
        return None

    def _grow_pair(self, paddles: int, distance: int) -> tuple[Snake, Snake] | None:
        # What stands in the way of each path: all of the other, and its own but for its last
        # paddle, to which the gap may be narrower in a bend.
        taken = np.broadcast_to(self._empty, (2, _ATTEMPTS, *self._empty.shape)).copy()
        kinds = np.zeros((2, _ATTEMPTS, paddles), np.int64)
        anchors = np.zeros((2, _ATTEMPTS, paddles, 2), np.int64)
        kinds[:, :, 0] = [[self._first_kind() for _ in range(_ATTEMPTS)] for _ in range(2)]
        # Far enough from the border for the second path to begin anywhere around the first.
        low, high = self._frame + 2 * distance, self._frame + self._size - 2 * distance
        anchors[0, :, 0] = self._random.integers(low, high, (_ATTEMPTS, 2))
        angles = self._random.uniform(0, 2 * np.pi, _ATTEMPTS)
        around = distance * np.stack([np.sin(angles), np.cos(angles)], 1)
        anchors[1, :, 0] = anchors[0, :, 0] + np.rint(around).astype(np.int64)
        for path in (0, 1):
            self._mark(taken[1 - path], kinds[path, :, 0], anchors[path, :, 0])
        alive = self._fits(taken[1], kinds[1, :, 0], anchors[1, :, 0])
        for step in range(1, paddles):
            for path in (0, 1):
                if not self._replace(alive, taken, kinds, anchors):
                    return None
                last = kinds[path, :, step - 1], anchors[path, :, step - 1]
                grown = self._grow(taken[path], *last)
                kinds[path, :, step], anchors[path, :, step], alive = grown
                self._mark(taken[path], *last)
                self._mark(taken[1 - path], grown.kinds, grown.anchors)
        if not alive.any():
            return None
        chosen = int(self._random.choice(np.flatnonzero(alive)))
        self._taken = taken[0, chosen] | taken[1, chosen]
        first, second = (self._snake(kinds[path, chosen], anchors[path, chosen]) for path in (0, 1))
        return first, second

    def _replace(self, alive: BoolArray, *states: np.ndarray) -> bool:
        """Let failed attempts go on as copies of others; False if all have failed.

        Args:
            alive: (attempts,).
            *states: arrays of the form (2, attempts, ...), changed in place.
        """
        living, dead = np.flatnonzero(alive), np.flatnonzero(~alive)
        if len(living) == 0:
            return False
        copied = self._random.choice(living, len(dead))
        for state in states:
            state[:, dead] = state[:, copied]
        return True

    def _grow(self, taken: Uint8Array, kinds: Int64Array, anchors: Int64Array) -> _Grown:
        """The next paddle of each path: its last end lies on a circle about the pivot.

        Args:
            taken: flags, (paths, side, side).
            kinds: of the last paddles, (paths,).
            anchors: of the last paddles, (paths, 2).
        """
        paths = np.arange(len(kinds))
        candidates = (anchors + self._strokes.pivots[kinds])[:, None] + self._strokes.offsets
        flags = taken[paths[:, None], candidates[..., 0], candidates[..., 1]]
        sums = np.cumsum(self._strokes.weights[kinds] * (flags & HALO == 0), axis=1)
        chosen = np.zeros(len(kinds), np.int64)
        alive = np.zeros(len(kinds), bool)
        open_paths = np.flatnonzero(sums[:, -1] >= _LEAST_WEIGHT)
        for _ in range(_PADDLE_TRIALS):
            draws = self._random.random(len(open_paths)) * sums[open_paths, -1]
            chosen[open_paths] = (sums[open_paths] <= draws[:, None]).sum(1)
            heads = candidates[open_paths, chosen[open_paths]]
            fits = self._fits(taken[open_paths], chosen[open_paths], heads)
            alive[open_paths] = fits
            open_paths = open_paths[~fits]
            if len(open_paths) == 0:
                break
        return _Grown(chosen, candidates[paths, chosen], alive)

    def _first_kind(self) -> int:
        return int(self._random.integers(len(self._strokes.offsets), len(self._strokes.directions)))

    def _first_fitting(self, kind: int) -> Int64Array:
        """A random one of all places where a first paddle fits, (1, 2); (0, 2) if there is none."""
        free = np.argwhere(self._taken & BODY == 0)
        order = self._random.permutation(len(free))
        for start in range(0, len(free), _CHUNK):
            some = free[order[start : start + _CHUNK]]
            kinds = np.full(len(some), kind)
            fits = self._fits(
                np.broadcast_to(self._taken, (len(some), *self._taken.shape)), kinds, some
            )
            if fits.any():
                return some[fits][:1]
        return free[:0]

    def _fits(self, taken: Uint8Array, kinds: Int64Array, anchors: Int64Array) -> BoolArray:
        """Whether no taken pixel lies within a margin of each paddle, (paths,)."""
        clashes = taken[self._windows(anchors)] & self._strokes.flags[kinds] & BODY
        return np.asarray(~clashes.any((1, 2)))

    def _mark(self, taken: Uint8Array, kinds: Int64Array, anchors: Int64Array) -> None:
        taken[self._windows(anchors)] |= self._strokes.flags[kinds]

    def _windows(self, anchors: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Indices of the pixels around each anchor."""
        around = np.arange(-self._strokes.reach, self._strokes.reach + 1)
        rows = anchors[:, 0, None, None] + around[:, None]
        columns = anchors[:, 1, None, None] + around
        return np.arange(len(anchors))[:, None, None], rows, columns

    def _snake(self, kinds: Int64Array, anchors: Int64Array) -> Snake:
        places: list[Point] = [(row, column) for row, column in (anchors - self._frame).tolist()]
        return [
            self._strokes.paddle(kind, place)
            for kind, place in zip(kinds.tolist(), places, strict=True)
        ]


def _framed(size: int, border: int, frame: int) -> Uint8Array:
    """1 in the frame and the border, 0 within."""
    inner = np.zeros((size - 2 * border, size - 2 * border), np.uint8)
    return np.pad(inner, frame + border, constant_values=1)

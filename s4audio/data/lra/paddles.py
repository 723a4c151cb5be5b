"""The strokes and discs of the Pathfinder pictures, on the grid of pixels.

Points are (row, column); angles run from the columns to the rows.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Point = tuple[int, int]
Place = tuple[float, float]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Ink = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
Uint8Array = npt.NDArray[np.uint8]

# Flags of a pixel: within a margin of a stroke, and within two.
BODY, HALO = 1, 2

# A pixel's brightness is the share of its parts, this many squared, that are covered.
_PARTS = 8


class Paddle(NamedTuple):
    """One stroke of a path.

    Attributes:
        anchor: the end that lies on the grid.
        direction: from the anchor to the other end, in radians.
        heading: the way the path goes along it; `direction`, or half a turn from it.
    """

    anchor: Point
    direction: float
    heading: float

    def ends(self, length: float) -> tuple[Place, Place]:
        """First and last end in the order of the path."""
        free = (
            self.anchor[0] + length * math.sin(self.direction),
            self.anchor[1] + length * math.cos(self.direction),
        )
        return (self.anchor, free) if self.direction == self.heading else (free, self.anchor)


@dataclass(frozen=True)
class Strokes:
    """All strokes that a picture can have.

    The first `len(offsets)` kinds continue a path: their anchor is their last end, which lies on a
    circle about a pivot. The others begin one, in steps of a degree: their anchor is their first
    end.

    Attributes:
        offsets: int64 (continuing, 2), from the pivot to the last end.
        directions: (kinds,), from the anchor to the other end.
        headings: (kinds,), the way of the path.
        pivots: int64 (kinds, 2), from the anchor to the pivot of the stroke that follows.
        weights: (kinds, continuing), how likely it is that one kind follows another.
        flags: uint8 (kinds, side, side), `BODY` and `HALO` around the anchor in the middle.
    """

    offsets: Int64Array
    directions: FloatArray
    headings: FloatArray
    pivots: Int64Array
    weights: FloatArray
    flags: Uint8Array

    @property
    def reach(self) -> int:
        """Pixels from the anchor to the edge of `flags`."""
        return int(self.flags.shape[1]) // 2

    def paddle(self, kind: int, anchor: Point) -> Paddle:
        """The stroke of a kind at a place."""
        return Paddle(anchor, float(self.directions[kind]), float(self.headings[kind]))


@cache
def strokes(length: int, thickness: float, margin: int, continuity: float) -> Strokes:
    """Strokes of a size.

    Args:
        length: of a stroke, in pixels.
        thickness: of a stroke, in pixels.
        margin: from a stroke's last end to the pivot, and from there to the next stroke.
        continuity: a turn weighs cos(continuity * turn) squared, and nothing past a right angle.
    """
    offsets = _circle(length + margin)
    onward = np.arctan2(offsets[:, 0], offsets[:, 1])
    starts = np.deg2rad(np.arange(-180, 180))
    headings = np.concatenate([onward, starts])
    directions = np.concatenate([onward + math.pi, starts])
    ahead = np.concatenate([np.full(len(onward), margin), np.full(len(starts), length + margin)])
    vectors = np.stack([np.sin(headings), np.cos(headings)], 1)
    turns = np.abs((onward - headings[:, None] + math.pi) % (2 * math.pi) - math.pi)
    reach = length + math.ceil(thickness) + 2 * margin
    grid = _grid(reach, 1)
    distances = np.stack([_distance(grid, angle, length, thickness) for angle in directions])
    return Strokes(
        offsets=offsets,
        directions=directions,
        headings=headings,
        pivots=np.rint(ahead[:, None] * vectors).astype(np.int64),
        weights=np.cos(np.minimum(continuity * turns, math.pi / 2)) ** 2,
        flags=(BODY * (distances <= margin) + HALO * (distances <= 2 * margin)).astype(np.uint8),
    )


@lru_cache(maxsize=4096)
def stroke_ink(direction: float, length: int, thickness: float) -> Ink:
    """Share of each pixel that a stroke from the middle covers, float32 (side, side)."""
    grid = _grid(length + math.ceil(thickness), _PARTS)
    return _shrunk(_distance(grid, direction, length, thickness) <= 0)


@cache
def disc_ink(radius: float) -> Ink:
    """Share of each pixel that a disc in the middle covers, float32 (side, side)."""
    grid = _grid(math.ceil(radius), _PARTS)
    return _shrunk(np.hypot(grid[:, None], grid[None, :]) <= radius)


def _circle(radius: int) -> Int64Array:
    """Pixels on a circle around the middle, each once."""
    angles = np.arange(0, 2 * math.pi, 1 / radius)
    around = radius * np.stack([np.sin(angles), np.cos(angles)], 1)
    return np.unique(np.rint(around).astype(np.int64), axis=0)


def _grid(reach: int, parts: int) -> FloatArray:
    """Coordinates of the centres of all pixels, or of their parts, around the middle pixel."""
    count = (2 * reach + 1) * parts
    return (np.arange(count) + 0.5) / parts - reach - 0.5


def _distance(grid: FloatArray, direction: float, length: float, thickness: float) -> FloatArray:
    """Distance of each point to a stroke (a rectangle) that begins in the middle."""
    rows, columns = grid[:, None], grid[None, :]
    along = columns * math.cos(direction) + rows * math.sin(direction)
    across = np.abs(rows * math.cos(direction) - columns * math.sin(direction))
    beyond = np.maximum(np.maximum(-along, along - length), 0)
    return np.asarray(np.hypot(beyond, np.maximum(across - thickness / 2, 0)))


def _shrunk(covered: BoolArray) -> Ink:
    side = len(covered) // _PARTS
    shares: Ink = covered.reshape(side, _PARTS, side, _PARTS).mean((1, 3)).astype(np.float32)
    return shares

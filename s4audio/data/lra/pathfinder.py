"""Pathfinder: are the two marked ends those of one dashed path?

A picture holds two long paths ("snakes") of short strokes ("paddles"), shorter paths that distract,
and two discs. Each disc marks an end of a long path; the label says whether it is the same path.

The paths grow paddle by paddle on the grid of the picture. A paddle ends `margin` before its pivot,
and the next begins `margin` behind it, so the gaps are about `2 * margin` wide. A path takes its
next direction at random, straight on being the most likely, and never comes closer to another path,
to its own earlier paddles or to the border than its gaps are wide.

Source: Linsley et al., "Learning long-range spatial dependencies with horizontal gated recurrent
units", arXiv 1805.08315; sizes from Tay et al., "Long Range Arena", arXiv 2011.04006.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from s4audio.data.lra.paddles import Point, Uint8Array, disc_ink, stroke_ink, strokes
from s4audio.data.lra.paths import Field, Snake

Resolution = Literal[32, 64, 128, 256]
ContourLength = Literal[6, 9, 14]


@dataclass(frozen=True)
class Drawing:
    """Sizes of a picture, in pixels.

    Attributes:
        size: height and width.
        padding: width of the border that stays empty.
        margins: half the gap between paddles; one of these is drawn for each picture.
        paddle_length: of a stroke.
        paddle_thickness: of a stroke.
        marker_radius: of the discs.
        seed_distance: between the first ends of the two long paths.
        contour_length: paddles of a long path.
        distractor_length: paddles of a short one.
        distractors: short paths; one that finds no place is left out.
        continuity: how straight the paths are: directions are weighted with the squared cosine of
            the turn times this.
        target_contrast: brightness of the long paths; ink is cut off at 1.
        distractor_contrast: brightness of the short paths.
    """

    size: int
    padding: int
    margins: tuple[int, ...]
    paddle_length: int
    paddle_thickness: float
    marker_radius: float
    seed_distance: int
    contour_length: int
    distractor_length: int
    distractors: int
    continuity: float
    target_contrast: float
    distractor_contrast: float


def drawing(resolution: Resolution, contour_length: ContourLength = 14) -> Drawing:
    """The sizes that Long Range Arena chose.

    Args:
        resolution: height and width in pixels; 128 is Path-X.
        contour_length: paddles of a long path: 6 easy, 9 intermediate, 14 hard.

    Raises:
        ValueError: sizes that the benchmark does not have.
    """
    if resolution not in get_args(Resolution) or contour_length not in get_args(ContourLength):
        raise ValueError(
            f"resolution={resolution} must be one of {get_args(Resolution)} and "
            f"contour_length={contour_length} one of {get_args(ContourLength)}"
        )
    distractor_length = contour_length // 3
    paddles = {32: 20, 64: 22, 128: 35, 256: 30}[resolution]
    # fmt: off
    columns = {
        32: (1, (1,), 2, 0.5, 1.5, 7, 1.0, 1.5, 2.0),
        64: (1, (1,), 5, 1.0, 2.5, 12, 1.8, 0.8, 0.8),
        128: (1, (2, 3), 5, 1.5, 3.0, 20, 1.8, 0.9, 0.9),
        256: (22, (3,), 5, 2.0, 5.0, 27, 1.8, 1.0, 1.0),
    }
    # fmt: on
    padding, margins, length, thickness, radius, distance, continuity, bright, distractor_bright = (
        columns[resolution]
    )
    return Drawing(
        size=resolution,
        padding=padding,
        margins=margins,
        paddle_length=length,
        paddle_thickness=thickness,
        marker_radius=radius,
        seed_distance=distance,
        contour_length=contour_length,
        distractor_length=distractor_length,
        distractors=paddles // distractor_length,
        continuity=continuity,
        target_contrast=bright,
        distractor_contrast=distractor_bright,
    )


@dataclass(frozen=True)
class Scene:
    """What a picture shows.

    Attributes:
        label: 1 if both markers are on one path.
        margin: half the gap between paddles.
        targets: the two long paths.
        distractors: the short ones.
        markers: centres of the discs.
    """

    label: int
    margin: int
    targets: tuple[Snake, Snake]
    distractors: list[Snake]
    markers: tuple[Point, Point]


def draw_scene(sizes: Drawing, random: np.random.Generator) -> Scene:
    """Draw the contents of a picture at random.

    Args:
        sizes: of everything.
        random: source of randomness.
    """
    label = int(random.integers(2))
    margin = int(random.choice(sizes.margins))
    paddles = strokes(sizes.paddle_length, sizes.paddle_thickness, margin, sizes.continuity)
    field = Field(sizes.size, sizes.padding, margin, paddles, random)
    targets = field.target_pair(sizes.contour_length, sizes.seed_distance)
    found = [field.distractor(sizes.distractor_length) for _ in range(sizes.distractors)]
    distractors = [snake for snake in found if snake is not None]
    first = int(random.integers(2))
    last = first if label == 1 else 1 - first
    markers = (targets[first][0].anchor, targets[last][-1].anchor)
    return Scene(label, margin, targets, distractors, markers)


def render(scene: Scene, sizes: Drawing) -> Uint8Array:
    """The picture of a scene.

    Args:
        scene: what to show.
        sizes: those the scene was drawn with.

    Returns:
        uint8 (size, size), strokes and discs bright on black.
    """
    length, thickness = sizes.paddle_length, sizes.paddle_thickness
    # As wide as strokes and discs may stand out, so that nothing has to be cut.
    frame = length + math.ceil(thickness) + math.ceil(sizes.marker_radius)
    image = np.zeros((sizes.size + 2 * frame,) * 2, np.float32)
    inks = [
        (paddle.anchor, contrast * stroke_ink(paddle.direction, length, thickness))
        for snakes, contrast in (
            (scene.targets, sizes.target_contrast),
            (scene.distractors, sizes.distractor_contrast),
        )
        for snake in snakes
        for paddle in snake
    ]
    inks += [(marker, disc_ink(sizes.marker_radius)) for marker in scene.markers]
    for (row, column), ink in inks:
        reach = len(ink) // 2
        top, left = row + frame - reach, column + frame - reach
        view = image[top : top + len(ink), left : left + len(ink)]
        np.maximum(view, ink, out=view)
    inner = image[frame:-frame, frame:-frame]
    picture: Uint8Array = np.rint(255 * np.minimum(inner, 1)).astype(np.uint8)
    return picture

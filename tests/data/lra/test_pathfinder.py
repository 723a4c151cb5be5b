"""Pathfinder: what the scenes and the pictures show."""

import math
from collections import deque
from itertools import pairwise

import numpy as np
import pytest

from s4audio.data.lra import paths
from s4audio.data.lra.paddles import Paddle
from s4audio.data.lra.pathfinder import Drawing, Scene, draw_scene, drawing, render

COUNTS = {32: 150, 64: 10, 128: 10, 256: 5}
_FINE = 8  # cells of the flood fill in a pixel


def scenes(resolution: int) -> list[Scene]:
    sizes = drawing(resolution)
    return [
        draw_scene(sizes, np.random.default_rng([7, number]))
        for number in range(COUNTS[resolution])
    ]


@pytest.fixture(scope="module", params=COUNTS)
def drawn(request: pytest.FixtureRequest) -> tuple[Drawing, list[Scene]]:
    return drawing(request.param), scenes(request.param)


def line(snake: list[Paddle], length: int, step: float = 0.05) -> np.ndarray:
    """Points on a path without gaps, (points, 2)."""
    corners = np.array([end for paddle in snake for end in paddle.ends(length)])
    pieces = [
        start + (end - start) * np.linspace(0, 1, 2 + int(np.hypot(*(end - start)) / step))[:, None]
        for start, end in pairwise(corners)
    ]
    return np.concatenate(pieces)


def stroke_points(snake: list[Paddle], length: int) -> np.ndarray:
    """Points on the strokes alone, (points, 2)."""
    return np.concatenate([line([paddle], length, 0.25) for paddle in snake])


def flooded(cells: set[tuple[int, int]], start: tuple[int, int]) -> set[tuple[int, int]]:
    """All cells that hang together with the first, edge or corner."""
    found, queue = {start}, deque([start])
    while queue:
        row, column = queue.popleft()
        for cell in [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
            if cell in cells and cell not in found:
                found.add(cell)
                queue.append(cell)
    return found


def test_the_label_says_whether_the_markers_hang_together(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    for scene in found:
        points = np.concatenate(
            [line(snake, sizes.paddle_length) for snake in (*scene.targets, *scene.distractors)]
        )
        cells = {(row, column) for row, column in np.rint(_FINE * points).astype(int).tolist()}
        first, last = ((_FINE * row, _FINE * column) for row, column in scene.markers)
        assert first in cells
        assert last in cells
        assert (last in flooded(cells, first)) == (scene.label == 1)


def test_labels_are_balanced():
    labels = [scene.label for scene in scenes(32)]
    assert abs(np.mean(labels) - 0.5) < 4 * 0.5 / math.sqrt(len(labels))


def test_numbers_of_paths_and_paddles(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    for scene in found:
        assert [len(snake) for snake in scene.targets] == [14, 14]
        assert {len(snake) for snake in scene.distractors} <= {4}
        assert len(scene.distractors) <= sizes.distractors
    assert np.mean([len(scene.distractors) for scene in found]) > 0.5 * sizes.distractors


def test_markers_are_ends_of_long_paths(drawn: tuple[Drawing, list[Scene]]):
    for scene in drawn[1]:
        firsts = [snake[0].anchor for snake in scene.targets]
        lasts = [snake[-1].anchor for snake in scene.targets]
        first, last = scene.markers
        assert (firsts.index(first) == lasts.index(last)) == (scene.label == 1)


def test_paths_keep_apart_from_each_other_and_from_the_border(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    for scene in found:
        snakes = [*scene.targets, *scene.distractors]
        points = [stroke_points(snake, sizes.paddle_length) for snake in snakes]
        low = sizes.padding + scene.margin - 1
        assert all(low <= p.min() and p.max() <= sizes.size - 1 - low for p in points)
        for number, one in enumerate(points):
            for other in points[:number]:
                gap = np.hypot(*(one[:, None] - other[None]).transpose(2, 0, 1)).min()
                # Areas of a margin each share no pixel; a pixel's diagonal is 1.4.
                assert gap > 2 * scene.margin - 1.5


def test_gaps_and_turns_within_a_path(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    turns = []
    for scene in found:
        for snake in (*scene.targets, *scene.distractors):
            ends = [paddle.ends(sizes.paddle_length) for paddle in snake]
            for before, after in pairwise(ends):
                assert math.dist(before[1], after[0]) < 2 * scene.margin + 1.5
            headings = np.array([paddle.heading for paddle in snake])
            turns += np.abs((np.diff(headings) + np.pi) % (2 * np.pi) - np.pi).tolist()
    # A heading is that of a pixel, hence the degree.
    assert max(turns) <= np.pi / 2 / sizes.continuity + np.deg2rad(1)
    assert np.mean(turns) < np.pi / 4 / sizes.continuity


def test_first_ends_lie_a_given_distance_apart(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    for scene in found:
        first, second = (snake[0].anchor for snake in scene.targets)
        assert abs(math.dist(first, second) - sizes.seed_distance) < 1


def test_pictures(drawn: tuple[Drawing, list[Scene]]):
    sizes, found = drawn
    rows, columns = np.mgrid[: sizes.size, : sizes.size]
    for scene in found[:10]:
        picture = render(scene, sizes)
        assert picture.shape == (sizes.size, sizes.size)
        assert picture.dtype == np.uint8
        near = np.zeros(picture.shape, bool)
        for row, column in scene.markers:
            distance = np.hypot(rows - row, columns - column)
            assert (picture[distance < sizes.marker_radius - 0.8] == 255).all()
            near |= distance < sizes.marker_radius + 0.8
        for snake in (*scene.targets, *scene.distractors):
            for row, column in stroke_points(snake, sizes.paddle_length):
                near |= np.hypot(rows - row, columns - column) < sizes.paddle_thickness / 2 + 0.8
        assert not picture[~near].any()
        for snake in scene.targets:
            middles = np.array([paddle.ends(sizes.paddle_length) for paddle in snake]).mean(1)
            inked = picture[tuple(np.rint(middles).astype(int).T)]
            assert (inked > 0).all()


def test_the_same_seed_draws_the_same():
    sizes = drawing(32)
    first, again, other = (
        render(draw_scene(sizes, np.random.default_rng(seed)), sizes) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_side_by_side_against_one_at_a_time(monkeypatch: pytest.MonkeyPatch):
    """One attempt at a time is the plain rule: all is discarded at a dead end."""
    sizes = drawing(32, 6)
    spans = {}
    for attempts in (1, 32):
        monkeypatch.setattr(paths, "_ATTEMPTS", attempts)
        found = [draw_scene(sizes, np.random.default_rng([attempts, n])) for n in range(150)]
        spans[attempts] = [
            (math.dist(snake[0].anchor, snake[-1].anchor), snake[-1].anchor[0])
            for scene in found
            for snake in scene.targets
        ]
    ours, plain = np.array(spans[32]), np.array(spans[1])
    spread = np.sqrt(ours.var(0) / len(ours) + plain.var(0) / len(plain))
    assert (np.abs(ours.mean(0) - plain.mean(0)) < 4 * spread).all()


def test_sizes_of_the_benchmark():
    assert drawing(128).margins == (2, 3)
    assert {n: drawing(n).distractors for n in COUNTS} == {32: 5, 64: 5, 128: 8, 256: 7}
    assert (drawing(32, 6).distractors, drawing(32, 9).distractors) == (10, 6)
    for wrong in ((33, 14), (32, 12)):
        with pytest.raises(ValueError, match="must be one of"):
            drawing(*wrong)

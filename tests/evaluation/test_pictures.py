"""Pictures side by side."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from s4audio.errors import UserError
from s4audio.evaluation.pictures import GAP, MAGNIFICATION, write_grid


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (5, 2, 3), (9, 3, 3)])
def test_every_pixel_is_where_it_belongs(
    count: int, rows: int, columns: int, tmp_path: Path
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (count, 4, 6, 3))
    write_grid(pictures, tmp_path / "grid.png")
    found = np.rint(255 * imread(tmp_path / "grid.png")[..., :3]).astype(int)
    down, right = 4 * MAGNIFICATION + GAP, 6 * MAGNIFICATION + GAP
    assert found.shape == (rows * down - GAP, columns * right - GAP, 3)
    for index, picture in enumerate(pictures):
        top, left = index // columns * down, index % columns * right
        part = found[top : top + down - GAP, left : left + right - GAP]
        assert (part == picture.repeat(MAGNIFICATION, 0).repeat(MAGNIFICATION, 1)).all()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"grid.png cannot be written"):
        write_grid(np.zeros((1, 2, 2, 3), int), tmp_path / "missing" / "grid.png")

"""Pictures side by side in one file."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s4audio.errors import UserError

MAGNIFICATION = 4
"""Side of a pixel in the file."""

GAP = 4
"""White pixels between pictures."""


def write_grid(pictures: NDArray[np.integer], path: Path) -> None:
    """Write pictures as one PNG file, as square a grid as they make.

    Args:
        pictures: levels from 0 to 255 (pictures, rows, columns, 3), at least one.
        path: of the PNG file; its folder exists.

    Raises:
        UserError: if the file cannot be written.
    """
    from matplotlib.image import imsave

    columns = math.ceil(math.sqrt(len(pictures)))
    large = pictures.astype(np.uint8).repeat(MAGNIFICATION, 1).repeat(MAGNIFICATION, 2)
    count, height, width, _ = large.shape
    rows = math.ceil(count / columns)
    step_down, step_right = height + GAP, width + GAP
    shape = (rows * step_down - GAP, columns * step_right - GAP, 3)
    canvas = np.full(shape, 255, np.uint8)
    for index, picture in enumerate(large):
        top, left = index // columns * step_down, index % columns * step_right
        canvas[top : top + height, left : left + width] = picture
    try:
        imsave(path, canvas)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error

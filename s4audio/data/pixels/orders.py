"""In which order the pixels of a picture are read."""

from typing import Literal, get_args

import numpy as np

from s4audio.data.cache import Int64Array
from s4audio.errors import UserError, unknown_name

Permutation = Literal["none", "bit-reversal", "random"]

# The seed that papers on permuted MNIST share.
_RANDOM_SEED = 92916


def pixel_order(permutation: Permutation, steps: int) -> Int64Array:
    """Which pixel, counted row by row, comes at each step.

    Args:
        permutation: "none" reads row by row. "bit-reversal" reads pixel p in the order of p's
            binary digits read backwards, as the code of the S4 papers does: neighbours lie far
            apart. "random" is the fixed random order of most other papers on permuted MNIST.
        steps: pixels of a picture.

    Returns:
        int64 (steps,), every pixel once.

    Raises:
        UserError: an unknown permutation.

    Example:
        >>> pixel_order("bit-reversal", 6)
        array([0, 4, 2, 1, 5, 3])
    """
    if permutation not in get_args(Permutation):
        raise UserError(unknown_name("permutation", permutation, get_args(Permutation)))
    pixels = np.arange(steps)
    if permutation == "none":
        return pixels
    if permutation == "random":
        return np.asarray(np.random.RandomState(_RANDOM_SEED).permutation(steps))
    digits = (steps - 1).bit_length()
    reversed_digits = sum(((pixels >> d) & 1) << (digits - 1 - d) for d in range(digits))
    return np.argsort(reversed_digits)

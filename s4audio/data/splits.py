"""Assigning clips to splits when a data set does not say which is which."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
import torch

from s4audio.data.base import Split
from s4audio.data.cache import Int64Array

# Names under which people store splits, as folders and in tables.
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "testing": "testing",
    "test": "testing",
}

SPEAKER_MARK = "_nohash_"

# The modulus of the Speech Commands rule, kept so that its clips land in the same splits.
_BUCKETS = 2**27


def hashed_split(key: str, validation: float, testing: float) -> Split:
    """Split of a clip from a hash of its speaker or file name: the rule of Speech Commands.

    A clip stays in its split whatever is added to or removed from the data set.

    Args:
        key: what must not be divided between splits, such as the speaker.
        validation: share of the keys for validation, in [0, 1].
        testing: share of the keys for testing, in [0, 1].

    Example:
        >>> hashed_split("0ab3b47d", 0.1, 0.1)
        'validation'

    Source: Warden, arXiv 1804.03209, section 7.
    """
    position = int(hashlib.sha1(key.encode()).hexdigest(), 16) % _BUCKETS / _BUCKETS
    if position < validation:
        return "validation"
    return "testing" if position < validation + testing else "train"


def speaker_or_name(name: str) -> str:
    """What to hash of a clip's name: a file name's part before `_nohash_` is the speaker.

    Example:
        >>> speaker_or_name("yes/0ab3b47d_nohash_1.wav"), speaker_or_name("yes/take7.wav")
        ('0ab3b47d', 'yes/take7.wav')
    """
    speaker, mark, _ = PurePosixPath(name).name.partition(SPEAKER_MARK)
    return speaker if mark else name


def check_fractions(validation: float, testing: float) -> None:
    """Raise ValueError unless both are shares that together leave no less than nothing."""
    if not (0 <= validation <= 1 and 0 <= testing <= 1 and validation + testing <= 1):
        raise ValueError(
            f"validation={validation} and testing={testing} must be shares whose sum is at most 1"
        )


def shuffled(rows: Int64Array, seed: int = 42) -> Int64Array:
    """Rows in the order of `torch.utils.data.random_split`, 42 being the seed of the S4 code."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return np.asarray(rows[order.numpy()])

"""In which order pixels are read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.pixels.orders import pixel_order
from s4audio.errors import UserError


@given(st.sampled_from(["none", "bit-reversal", "random"]), st.integers(1, 1100))
def test_every_pixel_comes_once(permutation: str, steps: int):
    assert sorted(pixel_order(permutation, steps).tolist()) == list(range(steps))


def test_none_reads_row_by_row():
    assert pixel_order("none", 784).tolist() == list(range(784))


@given(st.integers(0, 10))
def test_bit_reversal_of_a_power_of_two_reads_the_digits_backwards(digits: int):
    expected = [int(f"{p:b}".zfill(digits)[::-1], 2) for p in range(2**digits)]
    assert pixel_order("bit-reversal", 2**digits).tolist() == expected


def test_bit_reversal_of_other_lengths_leaves_out_what_is_too_large():
    whole = pixel_order("bit-reversal", 1024)
    assert np.array_equal(pixel_order("bit-reversal", 784), whole[whole < 784])


def test_random_is_the_order_that_papers_share():
    assert pixel_order("random", 784)[:5].tolist() == RANDOM_START
    assert pixel_order("random", 784).tolist() == pixel_order("random", 784).tolist()


# numpy.random.RandomState(92916).permutation(784)
RANDOM_START = [319, 576, 323, 107, 355]


def test_unknown_order():
    with pytest.raises(UserError, match=r"unknown permutation 'bit': .*known are none, bit-rev"):
        pixel_order("bit", 784)

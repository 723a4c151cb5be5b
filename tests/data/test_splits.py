"""Hashed splits."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data import splits
from s4audio.data.splits import check_fractions, hashed_split, speaker_or_name


def test_shares_are_kept():
    names = [f"speaker{number}" for number in range(5000)]
    found = [hashed_split(name, 0.2, 0.3) for name in names]
    assert found.count("validation") / 5000 == pytest.approx(0.2, abs=0.02)
    assert found.count("testing") / 5000 == pytest.approx(0.3, abs=0.02)


@given(st.text())
def test_everything_can_go_to_one_split(key: str):
    assert hashed_split(key, 0.0, 0.0) == "train"
    assert hashed_split(key, 1.0, 0.0) == "validation"
    assert hashed_split(key, 0.0, 1.0) == "testing"


@given(st.text(), st.floats(0, 0.5), st.floats(0, 0.5))
def test_more_testing_moves_clips_out_of_training_only(key: str, validation: float, more: float):
    before = hashed_split(key, validation, 0.0)
    after = hashed_split(key, validation, more)
    assert before == after or (before, after) == ("train", "testing")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("0ab3b47d_nohash_0.wav", "0ab3b47d"),
        ("yes/0ab3b47d_nohash_3.wav", "0ab3b47d"),
        ("my_nohash_folder/take.wav", "my_nohash_folder/take.wav"),
        ("take.wav", "take.wav"),
    ],
)
def test_what_is_hashed(name: str, key: str):
    assert speaker_or_name(name) == key


@pytest.mark.parametrize(("validation", "testing"), [(0.6, 0.5), (-0.1, 0.1), (0.1, 1.1)])
def test_impossible_shares(validation: float, testing: float):
    with pytest.raises(ValueError, match="shares whose sum is at most 1"):
        check_fractions(validation, testing)


def test_examples():
    assert doctest.testmod(splits).failed == 0

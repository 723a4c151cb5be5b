"""Targets of frames, against a loop over frames and words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.streams.targets import IGNORED, NO_KEYWORD, FrameTargets

HOP, WINDOW, EARLY, LATE, SILENCE, KEYWORDS = 100, 1000, -50, 350, 4, 3
UNKNOWN = 3


def targets(frames: int, words: list[tuple[int, int, int]]) -> list[int]:
    start, end, target = np.array(words, np.int64).reshape(-1, 3).T
    make = FrameTargets(HOP, WINDOW, EARLY, LATE, SILENCE, KEYWORDS)
    return make(frames, start, end, target).tolist()


def naive(frames: int, words: list[tuple[int, int, int]]) -> list[int]:
    result = [SILENCE] * frames
    for start, end, target in words:
        for frame in range(frames):
            time = (frame + 1) * HOP
            if max(end + EARLY, start + 1) <= time <= end + LATE:
                result[frame] = target
            elif start < time < max(end + LATE, (start + end) // 2 + WINDOW):
                if target < KEYWORDS:
                    result[frame] = IGNORED
                elif result[frame] == SILENCE:
                    result[frame] = NO_KEYWORD
    return result


def test_one_keyword():
    expected = [SILENCE] * 5 + [IGNORED] * 4 + [1] * 4 + [IGNORED] * 3 + [SILENCE] * 4
    # Frame 4 ends where the word begins, frame 9 where it ends.
    assert targets(20, [(500, 1000, 1)]) == [*expected[:9], 1, 1, 1, 1, *[IGNORED] * 4, *[4] * 3]


def test_another_word_may_not_be_taken_for_a_keyword():
    row = targets(20, [(500, 1000, UNKNOWN)])
    assert row[5:9] == [NO_KEYWORD] * 4
    assert row[9:13] == [UNKNOWN] * 4
    assert row[13:17] == [NO_KEYWORD] * 4
    assert set(row[17:]) == {SILENCE}


def test_a_keyword_before_the_first_frame_is_still_held():
    assert targets(6, [(-700, -300, 0)])[:4] == [IGNORED] * 4
    assert targets(2, [(-700, 0, 0)]) == [0, 0]


def test_an_other_word_soon_afterwards_leaves_the_keyword_alone():
    row = targets(20, [(0, 400, 2), (500, 900, UNKNOWN)])
    assert row[3:7] == [2] * 4
    assert row[8:12] == [UNKNOWN] * 4


def test_a_keyword_soon_after_a_keyword_ends_its_frames():
    row = targets(20, [(0, 400, 2), (500, 900, 2)])
    assert row[3:5] == [2] * 2
    assert row[5:8] == [IGNORED] * 3
    assert row[8:12] == [2] * 4


@st.composite
def words(draw):
    found, at = [], draw(st.integers(-1500, 0))
    for _ in range(draw(st.integers(0, 5))):
        at += draw(st.integers(0, 600))
        end = at + draw(st.integers(20, 900))
        found.append((at, end, draw(st.integers(0, UNKNOWN))))
        at = end
    return found


@given(words())
def test_against_naive(spoken):
    assert targets(40, spoken) == naive(40, spoken)


@pytest.mark.parametrize("hop", [1, 7, 160])
def test_any_hop(hop):
    make = FrameTargets(hop, 1000, 0, 200, SILENCE, KEYWORDS)
    row = make(-(-3000 // hop), np.array([700]), np.array([1100]), np.array([0]))
    times = (np.arange(len(row)) + 1) * hop
    assert ((row == 0) == ((times >= 1100) & (times <= 1300))).all()

"""Windows of tokens: training sees them all in turn, scoring counts each once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4audio.data.tokens import NOT_SCORED, ScoringWindows, TrainingWindows


@given(size=st.integers(2, 60), length=st.integers(1, 20), share=st.floats(0, 0.99), data=st.data())
def test_every_token_but_the_first_is_scored_once(
    size: int, length: int, share: float, data: st.DataObject
) -> None:
    context = int(share * length)
    windows = ScoringWindows(np.arange(100, 100 + size), length, context)
    batch = windows.__getitems__(range(len(windows)))
    scored = batch.targets[batch.targets != NOT_SCORED]
    assert scored.tolist() == list(range(101, 100 + size))
    for row, (inputs, targets) in enumerate(zip(batch.inputs, batch.targets, strict=True)):
        for place in (targets != NOT_SCORED).nonzero()[:, 0].tolist():
            assert inputs[place] == targets[place] - 1
            known = targets[place] - inputs[0]
            assert known > (context if row else 0)
    row = data.draw(st.integers(0, len(windows) - 1))
    assert windows[row].targets.tolist() == [batch.targets[row].tolist()]


def test_training_windows() -> None:
    windows = TrainingWindows(np.arange(100), length=10, seed=3)
    assert len(windows) == 8
    starts = []
    for epoch in range(20):
        batch = windows.__getitems__([epoch * 8 + row for row in range(8)])
        assert (batch.targets == batch.inputs + 1).all()
        assert (batch.inputs[1:, 0] - batch.inputs[:-1, 0] == 10).all()
        assert batch.targets.max() < 100
        assert batch.indices.tolist() == list(range(8))
        starts.append(int(batch.inputs[0, 0]))
    assert len(set(starts)) > 5
    assert max(starts) < 10
    again = TrainingWindows(np.arange(100), length=10, seed=3)
    assert again[8].inputs.equal(windows[8].inputs)


@pytest.mark.parametrize("size", [21, 25])
def test_a_text_of_two_windows_is_enough(size: int) -> None:
    windows = TrainingWindows(np.arange(size), length=10, seed=0)
    assert len(windows) == 1
    assert all(windows[epoch].targets.shape == (1, 10) for epoch in range(30))

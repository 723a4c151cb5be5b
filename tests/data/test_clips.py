"""Clips of a split, alone and in batches."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s4audio.data import Clips
from s4audio.data.cache import Store

LENGTHS = [5, 9, 3, 12, 7]


@pytest.fixture(scope="module")
def store() -> Store:
    lengths = np.array(LENGTHS)
    samples = np.arange(1, lengths.sum() + 1, dtype=np.int16)
    return Store(
        folder=Path("unused"),
        sample_rate=16000,
        samples=samples,
        offsets=np.cumsum([0, *LENGTHS[:-1]]),
        lengths=lengths,
        names=list("abcde"),
        labels=["x", "y", "x", "z", "y"],
        bad=[],
    )


def test_a_split_is_some_rows_of_the_store(store: Store):
    clips = Clips(store, np.array([3, 0]), ["z", "x"])
    assert len(clips) == 2
    assert clips.names == ["d", "a"]
    assert clips.labels == ["z", "x"]
    assert clips.targets.tolist() == [0, 1]
    assert clips.sample_rate == 16000
    assert clips[0].waveform.dtype == np.float32
    np.testing.assert_array_equal(clips[0].waveform, store[3] / 32768)
    assert (clips[1].target, clips[1].index) == (1, 1)
    np.testing.assert_array_equal(clips[-1].waveform, clips[1].waveform)


def test_iteration_ends(store: Store):
    clips = Clips(store, np.array([3, 0]), ["z", "x"])
    with pytest.raises(IndexError, match="clip 2 of a split of 2 clips"):
        clips[2]


def test_unknown_labels_have_target_minus_one(store: Store):
    assert Clips(store, np.arange(5), ["x"]).targets.tolist() == [0, -1, 0, -1, -1]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8))
@settings(max_examples=30)
def test_stacking_agrees_with_single_clips(store: Store, indices: list[int]):
    clips = Clips(store, np.array([4, 2, 0, 1, 3]), ["x", "y", "z"])
    waveforms, lengths = clips.stack(indices)
    assert lengths.tolist() == [len(clips[index].waveform) for index in indices]
    assert waveforms.shape == (len(indices), lengths.max())
    assert [clips[index].target for index in indices] == clips.targets[indices].tolist()
    for row, index in enumerate(indices):
        waveform = clips[index].waveform
        np.testing.assert_array_equal(waveforms[row, : len(waveform)], waveform)
        assert (waveforms[row, len(waveform) :] == 0).all()


def test_a_fixed_length_pads_at_the_end_and_takes_the_middle(store: Store):
    clips = Clips(store, np.array([2, 3]), ["x", "z"], length=6)
    short, long = clips[0].waveform * 32768, clips[1].waveform * 32768
    np.testing.assert_array_equal(short, [*store[2], 0, 0, 0])
    np.testing.assert_array_equal(long, store[3][3:9])
    waveforms, lengths = clips.stack([0, 1])
    assert waveforms.shape == (2, 6)
    assert lengths.tolist() == [6, 6]
    assert clips.sizes().tolist() == [6, 6]


def test_sizes_without_a_fixed_length(store: Store):
    assert Clips(store, np.array([2, 3]), ["x"]).sizes().tolist() == [3, 12]


def test_positions_reach_every_window(store: Store):
    clips = Clips(store, np.array([3]), ["z"], length=10)
    windows, _ = clips.stack([0] * 4, [0.0, 0.333, 0.334, 0.999])
    first = [int(start) for start in (windows[:, 0] * 32768).round()]
    assert first == store[3][[0, 0, 1, 2]].tolist()


def test_windows_of_another_length(store: Store):
    pieces = Clips(store, np.arange(5), []).windows([2, 3], 5, [0.9, 0.9])
    assert pieces.shape == (2, 5)
    np.testing.assert_array_equal(pieces[0] * 32768, [*store[2], 0, 0])
    np.testing.assert_array_equal(pieces[1] * 32768, store[3][7:])


@pytest.mark.parametrize("length", [None, 6])
def test_mean_and_std_against_numpy(store: Store, length: int | None):
    clips = Clips(store, np.arange(5), ["x"], length=length)
    everything = np.concatenate([clips[index].waveform for index in range(5)])
    mean, std = clips.mean_and_std()
    assert mean == pytest.approx(everything.mean(), rel=1e-5)
    assert std == pytest.approx(everything.std(), rel=1e-5)


def test_a_part_of_each_clip_is_all_there_is(store: Store):
    parts = [Clips(store, np.arange(5), [], part=p) for p in ((0, 0.4), (0.4, 0.8), (0.8, 1))]
    for row in range(5):
        pieces = np.concatenate([part[row].waveform for part in parts]) * 32768
        np.testing.assert_array_equal(pieces, store[row])
    rows = [3, 0]
    for part in parts:
        waveforms, lengths = part.stack(rows)
        assert lengths.tolist() == part.sizes()[rows].tolist()
        assert waveforms.shape[1] == lengths.max()
    windows = parts[1].windows([3] * 3, 4, [0.0, 0.5, 0.999])
    assert (windows[:, 0] * 32768).tolist() == store[3][[4, 5, 5]].tolist()


def test_a_part_is_never_empty(store: Store):
    parts = Clips(store, np.arange(5), [], part=(0.9, 0.95))
    assert parts.sizes().tolist() == [1] * 5
    assert [len(parts[row].waveform) for row in range(5)] == [1] * 5

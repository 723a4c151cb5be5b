"""Loaders: order, completeness, reproducibility, workers."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from s4audio.data import AugmentConfig, Batch, Clips
from s4audio.data.cache import Source, decoded
from s4audio.data.loader import Batches, SeededShuffle, make_loader

AUGMENT = AugmentConfig(shift_ms=2.0, gain_db=(-6.0, 6.0))


@pytest.fixture
def clips(tmp_path: Path, write_wav) -> Clips:
    sources = [
        Source(write_wav(tmp_path / f"{k}.wav", samples=50 + k), str(k), "ab"[k % 2], "train")
        for k in range(10)
    ]
    return Clips(decoded(sources, 16000), np.arange(10), ["a", "b"])


def loader(clips: Clips, training: bool, **options: object) -> DataLoader[Batch]:
    batches = Batches(clips, augmentation=AUGMENT if training else None, seed=3)
    arguments = {"batch_size": 4, "num_workers": 0, "seed": 3, "training": training}
    return make_loader(batches, **{**arguments, **options})


def test_evaluation_scores_every_clip_once_in_order(clips: Clips):
    batches = list(loader(clips, training=False))
    assert [len(batch.targets) for batch in batches] == [4, 4, 2]
    assert torch.cat([batch.indices for batch in batches]).tolist() == list(range(10))
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.inputs.shape == (len(batch.targets), int(batch.lengths.max()), 1)
        assert batch.inputs.dtype == torch.float32
        assert batch.lengths.dtype == batch.targets.dtype == batch.indices.dtype == torch.int64
        for row, index in enumerate(batch.indices.tolist()):
            waveform = torch.from_numpy(clips[index].waveform)
            assert torch.equal(batch.inputs[row, : batch.lengths[row], 0], waveform)
            assert (batch.inputs[row, batch.lengths[row] :] == 0).all()
            assert batch.targets[row] == clips[index].target


def test_training_shuffles_and_drops_an_incomplete_batch(clips: Clips):
    batches = list(loader(clips, training=True))
    assert [len(batch.targets) for batch in batches] == [4, 4]
    indices = torch.cat([batch.indices for batch in batches]).tolist()
    assert len(set(indices)) == 8
    assert indices != sorted(indices)


def test_a_split_smaller_than_a_batch_is_not_dropped(clips: Clips):
    (batch,) = loader(clips, training=True, batch_size=32)
    assert len(batch.targets) == 10


def test_the_seed_decides_order_and_augmentation(clips: Clips):
    def run(seed: int) -> list[Batch]:
        passes = make_loader(
            Batches(clips, augmentation=AUGMENT, seed=seed),
            batch_size=4,
            num_workers=0,
            seed=seed,
            training=True,
        )
        return [*passes, *passes]

    first, again, other = run(0), run(0), run(1)
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.inputs, b.inputs)
    assert [b.indices.tolist() for b in first] != [b.indices.tolist() for b in other]
    assert [b.indices.tolist() for b in first[:2]] != [b.indices.tolist() for b in first[2:]]


def test_global_randomness_is_left_alone(clips: Clips):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(loader(clips, training=True))
    assert torch.equal(torch.rand(3), expected)


def test_order_depends_on_seed_and_epoch_alone():
    uninterrupted = SeededShuffle(20, seed=5)
    orders = [list(uninterrupted) for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(20 * epoch, 20 * (epoch + 1)))
    resumed = SeededShuffle(20, seed=5)
    resumed.set_epoch(2)
    assert list(resumed) == orders[2]


def test_a_loader_survives_the_way_to_another_process(clips: Clips):
    batches = Batches(clips, augmentation=AUGMENT, seed=3)
    copy = pickle.loads(pickle.dumps(batches))
    assert torch.equal(copy.__getitems__([4, 2]).inputs, batches.__getitems__([4, 2]).inputs)


def test_workers_give_the_same_batches(clips: Clips):
    with_workers = loader(clips, training=True, num_workers=2, batch_size=2)
    assert with_workers.persistent_workers
    alone = loader(clips, training=True, batch_size=2)
    for _ in range(2):
        for there, here in zip(with_workers, alone, strict=True):
            assert there.indices.tolist() == here.indices.tolist()
            assert torch.equal(there.inputs, here.inputs)


def changed_clips(loader: DataLoader[Batch]) -> dict[int, list[float]]:
    return {
        index: row[:length, 0].tolist()
        for batch in loader
        for index, row, length in zip(
            batch.indices.tolist(), batch.inputs, batch.lengths.tolist(), strict=True
        )
    }


def test_a_clip_is_changed_alike_in_batches_of_any_size(clips: Clips):
    pairs = changed_clips(loader(clips, training=True, batch_size=2))
    fives = changed_clips(loader(clips, training=True, batch_size=5))
    assert pairs.keys() == fives.keys()
    for index, waveform in pairs.items():
        assert fives[index] == pytest.approx(waveform, abs=1e-6)


def test_a_resumed_run_continues_with_the_changes_it_would_have_had(clips: Clips):
    uninterrupted, resumed = loader(clips, training=True), loader(clips, training=True)
    first, second = changed_clips(uninterrupted), changed_clips(uninterrupted)
    resumed.sampler.set_epoch(1)
    assert changed_clips(resumed) == second
    both = first.keys() & second.keys()
    assert both
    assert all(first[index] != second[index] for index in both)


def test_random_parts_of_long_clips_depend_on_the_epoch_and_the_clip(clips: Clips):
    short = Clips(clips._store, np.arange(10), ["a", "b"], length=20)

    def parts(indices: list[int]) -> list[list[float]]:
        batches = Batches(short, random_windows=True, seed=3)
        return batches.__getitems__(indices).inputs[..., 0].tolist()

    together = parts([4, 5, 14])
    assert together == [parts([index])[0] for index in (4, 5, 14)]
    assert together[0] != together[2]
    assert Batches(short, random_windows=True, seed=3).__getitems__([14]).indices.tolist() == [4]

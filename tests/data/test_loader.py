"""Loaders: order, completeness, reproducibility, workers."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from s4audio.data import AugmentConfig, Batch, Clips
from s4audio.data.cache import Source, decoded
from s4audio.data.loader import Batches, SeededShuffle, _already_a_batch, make_loader

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
    assert all(sorted(order) == list(range(20)) for order in orders)
    resumed = SeededShuffle(20, seed=5)
    resumed.set_epoch(2)
    assert list(resumed) == orders[2]


def test_a_loader_survives_the_way_to_another_process(clips: Clips):
    batches = Batches(clips, augmentation=AUGMENT, seed=3)
    copy = pickle.loads(pickle.dumps(batches))
    assert torch.equal(copy.__getitems__([4, 2]).inputs, batches.__getitems__([4, 2]).inputs)


def test_workers_give_the_same_clips_and_their_own_randomness(clips: Clips):
    with_workers = loader(clips, training=True, num_workers=2, batch_size=2)
    assert with_workers.persistent_workers
    alone = loader(clips, training=True, batch_size=2)
    for there, here in zip(with_workers, alone, strict=True):
        assert there.indices.tolist() == here.indices.tolist()
    same_clip = Batches(clips, augmentation=AUGMENT, seed=3)
    repeated = DataLoader(
        same_clip, batch_sampler=[[0], [0]], num_workers=2, collate_fn=_already_a_batch
    )
    first, second = [batch.inputs for batch in repeated]
    assert not torch.equal(first, second)

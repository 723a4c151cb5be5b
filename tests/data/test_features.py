"""MFCC."""

from pathlib import Path

import numpy as np
import pytest
import torch

from s4audio.data import Clips
from s4audio.data.cache import Source, decoded
from s4audio.data.features import N_MFCC, Mfcc

pytest.importorskip("torchaudio")


@pytest.fixture
def clips(tmp_path: Path, write_wav) -> Clips:
    paths = [write_wav(tmp_path / f"{k}.wav", level=0.01 * (k + 1)) for k in range(6)]
    store = decoded([Source(path, path.name, "a", "train") for path in paths], 16000)
    return Clips(store, np.arange(6), ["a"], length=16000)


def test_shapes_of_the_paper(clips: Clips):
    frames, lengths = Mfcc(16000)(*clips.stack([0, 1]))
    assert frames.shape == (2, 161, 20)
    assert lengths.tolist() == [161, 161]


def test_features_are_normalised_per_coefficient(clips: Clips, tmp_path: Path):
    frames, _ = Mfcc.fitted(clips, tmp_path)(*clips.stack(range(6)))
    flat = frames.reshape(-1, N_MFCC)
    torch.testing.assert_close(flat.mean(0), torch.zeros(N_MFCC), atol=1e-3, rtol=0)
    torch.testing.assert_close(flat.std(0), torch.ones(N_MFCC), atol=1e-3, rtol=0)


def test_statistics_are_kept_for_the_same_clips_only(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected, _ = Mfcc.fitted(clips, tmp_path)(*clips.stack([0]))
    monkeypatch.setattr("s4audio.data.features._statistics", lambda *_: 1 / 0)
    again, _ = Mfcc.fitted(clips, tmp_path)(*clips.stack([0]))
    assert torch.equal(again, expected)
    clips.names[0] = "another"
    with pytest.raises(ZeroDivisionError):
        Mfcc.fitted(clips, tmp_path)

"""Levels and places of words, with models whose answers depend on one of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s4audio.data import Clips
from s4audio.data.cache import Store
from s4audio.errors import UserError
from s4audio.evaluation.robustness import (
    LEVELS_DB,
    evaluate_robustness,
    print_robustness,
    write_robustness,
)

TIME = 16_000


class Ruler(nn.Module):
    """Says "yes" when a figure of the waveform lies above a threshold, else "no"."""

    def __init__(self, figure: str, threshold: float) -> None:
        super().__init__()
        self.figure, self.threshold = figure, threshold

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        sizes = x[..., 0].abs()
        ends = torch.tensor(x.shape[1]) if lengths is None else lengths
        values = sizes.amax(1) if self.figure == "peak" else sizes.argmax(1) / ends
        return torch.stack([torch.full_like(values, self.threshold), values], dim=1)


@pytest.fixture
def clips() -> Clips:
    """Four bursts in the middle; the first is called "no", the others "yes"."""
    samples = np.zeros((4, TIME), np.int16)
    samples[:, 7_000:9_000] = 10_000  # a peak of -10.3 dB
    samples[:, 8_000] = 10_001
    ends = TIME * np.arange(4)
    labels = ["no", "yes", "yes", "yes"]
    names = [f"{n}.wav" for n in range(4)]
    store = Store(
        Path("unused"), TIME, samples.reshape(-1), ends, np.full(4, TIME), names, labels, []
    )
    return Clips(store, np.arange(4), ["no", "yes"], TIME)


def test_levels(clips: Clips) -> None:
    found = evaluate_robustness(Ruler("peak", 0.2), clips)  # type: ignore[arg-type]
    kept = {each.name: each.kept for each in found.conditions}
    assert {kept[f"peak {level:g} dB"] for level in (-30.0, -20.0)} == {0}
    assert {kept[f"peak {level:g} dB"] for level in (-10.0, 0.0)} == {3}
    assert (found.levels.kept, found.places.kept, found.clips) == (0, 3, 4)
    assert found.levels.clips == 3


def test_places(clips: Clips) -> None:
    found = evaluate_robustness(Ruler("place", 0.4), clips, batch_size=3)  # type: ignore[arg-type]
    kept = {each.name: each.kept for each in found.conditions}
    assert [kept[f"word at {place}%"] for place in (0, 25, 50, 75, 100)] == [0, 0, 3, 3, 3]
    assert (found.levels.kept, found.places.kept) == (3, 0)


class Faint(nn.Module):
    """Says "yes" while nothing of a faint hiss is missing, else "no"."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        sizes = x[..., 0].abs()
        hiss = ((sizes > 0) & (sizes < 0.02)).sum(1) / 1_600
        return torch.stack([torch.full_like(hiss, 0.999), hiss], dim=1)


def test_faint_ends_are_moved_along() -> None:
    samples = np.zeros((1, TIME), np.int16)
    samples[:, 6_000:9_000] = 10_000
    samples[:, 5_200:6_000] = samples[:, 9_000:9_800] = 400  # 28 dB quieter, 50 ms on either side
    store = Store(
        Path("unused"), TIME, samples.reshape(-1), np.zeros(1, np.int64), np.full(1, TIME),
        ["0.wav"], ["yes"], [],
    )  # fmt: skip
    faint = Clips(store, np.arange(1), ["no", "yes"], TIME)
    found = evaluate_robustness(Faint(), faint)  # type: ignore[arg-type]
    assert found.places.kept == 1


class Behind(nn.Module):
    """Says "yes" while nothing is heard behind the end of a clip, else "no"."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        ends = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
        behind = torch.arange(x.shape[1]) >= ends[:, None]
        heard = (x[..., 0].abs() * behind).amax(1)
        return torch.stack([heard, torch.full_like(heard, 1e-6)], dim=1)


def of_lengths(lengths: list[int], place: float = 0.5) -> Clips:
    """A burst of 1,000 samples in noise 21 dB below it, in clips of different lengths.

    Among so much noise the word is found only where silence behind the clip is left out.
    """
    random = np.random.default_rng(0)
    parts = [random.integers(-1500, 1500, length, np.int16) for length in lengths]
    for part in parts:
        start = round(place * (len(part) - 1000))
        part[start : start + 1000] = 10_000
        part[start + 500] = 10_001
    ends = np.cumsum([0, *lengths[:-1]])
    names = [f"{n}.wav" for n in range(len(lengths))]
    labels = ["yes"] * len(lengths)
    store = Store(
        Path("unused"), TIME, np.concatenate(parts), ends, np.array(lengths), names, labels, []
    )
    return Clips(store, np.arange(len(lengths)), ["no", "yes"])


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_places_are_places_of_each_clip(batch_size: int) -> None:
    clips = of_lengths([16_000, 6_000, 9_000, 40_000])
    ruler = Ruler("place", 0.45)
    found = evaluate_robustness(ruler, clips, batch_size=batch_size)  # type: ignore[arg-type]
    kept = {each.name: each.kept for each in found.conditions}
    assert [kept[f"word at {place}%"] for place in (0, 25, 50, 75, 100)] == [0, 0, 4, 4, 4]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_word_at_the_end_of_its_clip_is_there_already(batch_size: int) -> None:
    clips = of_lengths([16_000, 6_000, 9_000, 40_000], place=1.0)
    ruler = Ruler("place", 0.9)
    found = evaluate_robustness(ruler, clips, batch_size=batch_size)  # type: ignore[arg-type]
    assert {each.name: each.kept for each in found.conditions}["word at 100%"] == 4


@pytest.mark.parametrize("batch_size", [1, 4])
def test_nothing_moves_into_the_padding(batch_size: int) -> None:
    clips = of_lengths([16_000, 6_000, 9_000, 40_000])
    found = evaluate_robustness(Behind(), clips, batch_size=batch_size)  # type: ignore[arg-type]
    assert found.places.kept == 4


def test_report(clips: Clips, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate_robustness(Ruler("peak", 0.2), clips)  # type: ignore[arg-type]
    print_robustness(found)
    assert "3 of 4 clips are right" in capsys.readouterr().out
    write_robustness(found, tmp_path / "new")
    stored = json.loads((tmp_path / "new" / "robustness.json").read_text())
    assert stored["levels"] == {"name": "every level", "kept": 0, "clips": 3}
    assert len(stored["conditions"]) == len(LEVELS_DB) + 5
    assert "| every place | 3 of 3 |" in (tmp_path / "new" / "robustness.md").read_text()


def test_nothing_right(clips: Clips) -> None:
    rows = Clips(clips._store, np.array([0]), ["no", "yes"], TIME)
    with pytest.raises(UserError, match="none of the 1 clips"):
        evaluate_robustness(Ruler("peak", 0.2), rows)  # type: ignore[arg-type]

"""Whether a clip gets the same answer at any level, and wherever its word is in the clip.

The clips that a model gets right as they are, are played again at other levels (peak from -30 dB to
full scale) and with the word moved, whole, to other places of the clip. What counts is the share of
them that keep their answer.

The word is what `s4audio.data.boundaries` finds, and 50 ms before and behind it, as its ends are
good to that. Less would take away faint consonants, the f of "off" or the s of "six", where the
word comes to lie at an edge of the clip: its answer would change because of what is missing, not
because of its place. (Limits that leave 1 % of the energy out on either side do so.)
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s4audio.data import Clips
from s4audio.data.augment import timing
from s4audio.data.boundaries import word_boundaries
from s4audio.errors import UserError
from s4audio.evaluation.metrics import wilson_interval
from s4audio.evaluation.tables import TextTable, print_table, with_interval, write_text
from s4audio.models import SequenceClassifier
from s4audio.models.pooling import lengths_if_padded

LEVELS_DB = (-30.0, -20.0, -10.0, 0.0)
"""Peaks that are tried, relative to full scale."""

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Places of the word that are tried: 0 at the beginning of the clip, 1 at its end."""

_SILENCE = 1e-9
_MARGIN_SECONDS = 0.05


@dataclass(frozen=True)
class Condition:
    """How many answers stay the same in one condition.

    Attributes:
        name: of the condition.
        kept: clips that keep their (right) answer.
        clips: clips that are right as they are.
    """

    name: str
    kept: int
    clips: int

    @property
    def share(self) -> float:
        """Share of the answers that stay."""
        return self.kept / self.clips


@dataclass(frozen=True)
class Robustness:
    """Answers of a model under other levels and places.

    Attributes:
        conditions: each by itself.
        levels: clips that keep their answer at every level.
        places: clips that keep their answer at every place.
        clips: number of clips, right or wrong.
    """

    conditions: tuple[Condition, ...]
    levels: Condition
    places: Condition
    clips: int

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)


def evaluate_robustness(
    model: SequenceClassifier,
    clips: Clips,
    levels_db: Sequence[float] = LEVELS_DB,
    places: Sequence[float] = PLACES,
    batch_size: int = 64,
) -> Robustness:
    """Play clips at other levels and with the word at other places.

    Args:
        model: in evaluation mode, on any device, with the clips' labels and sample rate.
        clips: a split of a data set; a word stays within its own clip.
        levels_db: peaks relative to full scale, at most 0.
        places: from 0 (beginning) to 1 (end).
        batch_size: clips at a time.

    Returns:
        Counts over the clips whose answer is right as they are.

    Raises:
        UserError: there are no clips, or the model gets none right.
    """
    if len(clips) == 0:
        raise UserError("there are no clips to evaluate")
    batches = [
        range(row, min(row + batch_size, len(clips))) for row in range(0, len(clips), batch_size)
    ]
    results = [_batch(model, clips, list(rows), levels_db, places) for rows in batches]
    plain, levels, moved = (np.concatenate(part, axis=-1) for part in zip(*results, strict=True))
    if not plain.any():
        raise UserError(f"the model gets none of the {len(clips)} clips right as they are")
    right = int(plain.sum())

    def condition(name: str, kept: npt.NDArray[np.bool_]) -> Condition:
        return Condition(name, int((kept & plain).sum()), right)

    each = [
        condition(f"peak {level:g} dB", row) for level, row in zip(levels_db, levels, strict=True)
    ]
    each += [
        condition(f"word at {place:.0%}", row) for place, row in zip(places, moved, strict=True)
    ]
    return Robustness(
        conditions=tuple(each),
        levels=condition("every level", np.all(levels, axis=0)),
        places=condition("every place", np.all(moved, axis=0)),
        clips=len(clips),
    )


def print_robustness(robustness: Robustness) -> None:
    """Print the table."""
    print_table(_table(robustness))


def write_robustness(robustness: Robustness, output: Path) -> None:
    """Write robustness.json and robustness.md.

    Args:
        robustness: what to write.
        output: folder, made if missing.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "robustness.json", json.dumps(robustness.to_dict(), indent=2) + "\n")
        write_text(output / "robustness.md", _table(robustness).markdown())
    except OSError as error:
        raise UserError(f"cannot write to {output}: {error.strerror or error}") from error


def _batch(
    model: SequenceClassifier,
    clips: Clips,
    rows: list[int],
    levels_db: Sequence[float],
    places: Sequence[float],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which answers are right: as the clips are, at each level, at each place."""
    waveforms, lengths = clips.stack(rows)
    targets = torch.from_numpy(clips.targets[rows])
    peaks = waveforms.abs().amax(1, keepdim=True).clamp(min=_SILENCE)
    levelled = [waveforms / peaks * 10 ** (level / 20) for level in levels_db]
    starts, ends = _limits(waveforms, lengths, clips.sample_rate)
    room = lengths - (ends - starts)
    shifts = [(place * room).round().long() - starts for place in places]
    # What lies behind a word that moves to the end leaves the clip, not for its padding.
    moved = [timing.without_padding(timing.shift(waveforms, each), lengths) for each in shifts]

    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    mask = lengths_if_padded(lengths.to(device), waveforms.shape[1])

    def right(inputs: Tensor) -> npt.NDArray[np.bool_]:
        with torch.inference_mode():
            predictions = model(inputs.unsqueeze(-1).to(device), mask).argmax(1).cpu()
        answers: npt.NDArray[np.bool_] = (predictions == targets).numpy()
        return answers

    return right(waveforms), np.stack([*map(right, levelled)]), np.stack([*map(right, moved)])


def _limits(waveforms: Tensor, lengths: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """First sample of each word and the one behind its last, int64 (batch,), margins included."""
    margin = round(_MARGIN_SECONDS * sample_rate)
    pairs = zip(waveforms.numpy(), lengths.tolist(), strict=True)
    # A silent clip is all word: it stays as it is.
    words = [word_boundaries(each[:size], sample_rate) or (0, size) for each, size in pairs]
    starts, ends = torch.tensor(words).unbind(1)
    return (starts - margin).clamp(min=0), torch.minimum(ends + margin, lengths)


def _table(robustness: Robustness) -> TextTable:
    rows = []
    for each in (*robustness.conditions, robustness.levels, robustness.places):
        interval = wilson_interval(each.kept, each.clips)
        rows.append(
            (each.name, f"{each.kept} of {each.clips}", with_interval(each.share, interval))
        )
    right = robustness.levels.clips
    return TextTable(
        title=f"Answers that stay right ({right} of {robustness.clips} clips are right)",
        headers=("condition", "clips", "share"),
        rows=tuple(rows),
        words=1,
    )

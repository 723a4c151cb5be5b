"""Effects on when something is heard."""

import torch
from torch import Tensor
from torch.nn import functional

_FRAMES_PER_SECOND = 100
_OUTSIDE = 0.01  # share of the energy that may lie before a word, and as much behind it


def shift(waveforms: Tensor, samples: Tensor) -> Tensor:
    """Move each clip later (positive) or earlier (negative), filling with zeros.

    Args:
        waveforms: (batch, time).
        samples: int64 (batch,).
    """
    time = waveforms.shape[1]
    moved = torch.zeros_like(waveforms)
    # Copies of slices: a gather over the batch takes ten times as long.
    for row, origin, offset in zip(moved, waveforms, samples.tolist(), strict=True):
        if 0 <= offset < time:
            row[offset:] = origin[: time - offset]
        elif -time < offset < 0:
            row[:offset] = origin[-offset:]
    return moved


def place(waveforms: Tensor, lengths: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
    """Move the word of each clip to a given place, with all but 2 % of its energy.

    The word is what is left when 1 % of the clip's energy is taken off at either end, to 10 ms. A
    model that hears a stream meets words at every place of its window; data sets have them in the
    middle.

    Args:
        waveforms: (batch, time), zero behind `lengths`.
        lengths: int64 (batch,).
        positions: (batch,) in [0, 1]: 0 puts the word at the beginning of the clip, 1 at its end.
        sample_rate: in Hz.

    Returns:
        (batch, time). A clip without room for its word stays as it is.
    """
    starts, ends = find_word(waveforms, lengths, sample_rate)
    room = lengths - (ends - starts)
    return shift(waveforms, (positions * (room + 1)).long().clamp(max=room) - starts)


def find_word(waveforms: Tensor, lengths: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Where the energy of each clip begins and ends.

    Args:
        waveforms: (batch, time), zero behind `lengths`.
        lengths: int64 (batch,).
        sample_rate: in Hz.

    Returns:
        First sample and the one behind the last, int64 (batch,) each; the whole of a silent clip.
    """
    hop = max(sample_rate // _FRAMES_PER_SECOND, 1)
    rest = -waveforms.shape[1] % hop
    frames = functional.pad(waveforms, (0, rest)).view(len(waveforms), -1, hop)
    energy = torch.linalg.vector_norm(frames, dim=2).square().cumsum(1)
    total = energy[:, -1:]
    first = (energy <= _OUTSIDE * total).sum(1)
    last = (energy < (1 - _OUTSIDE) * total).sum(1)
    silent = total.squeeze(1) == 0
    starts = torch.where(silent, 0, first * hop)
    ends = torch.where(silent, lengths, torch.minimum((last + 1) * hop, lengths))
    return starts, ends


def mask(waveforms: Tensor, starts: Tensor, widths: Tensor) -> Tensor:
    """Silence `widths` samples of each clip from `starts` on.

    Args:
        waveforms: (batch, time).
        starts: int64 (batch,).
        widths: int64 (batch,); 0 leaves a clip as it is.
    """
    masked = waveforms.clone()
    for row, start, width in zip(masked, starts.tolist(), widths.tolist(), strict=True):
        row[start : start + width] = 0.0
    return masked


def without_padding(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Silence what lies behind the end of each clip.

    Args:
        waveforms: (batch, time).
        lengths: int64 (batch,).
    """
    time = waveforms.shape[1]
    if bool((lengths == time).all()):
        return waveforms
    return mask(waveforms, lengths, time - lengths)

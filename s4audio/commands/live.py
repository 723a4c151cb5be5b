"""What a terminal shows while `s4audio listen` runs: level, scores, speed."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_REFRESH_SECONDS = 0.1
_QUIETEST = -60.0
_WORDS = 5
_BAR_WIDTH = 40


@final
class LiveDisplay:
    """Meters that are drawn over themselves on a terminal; nothing on anything else.

    Args:
        labels: Names of the classes.
        console: Where to draw; standard error, because standard output is for events.
    """

    def __init__(self, labels: Sequence[str], console: Console) -> None:
        self._labels = labels
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._shown = console.is_terminal
        self._peak = 0.0
        self._next = 0.0

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Take the meters away while something else is printed on the same terminal."""
        if self._live.is_started:
            self._live.stop()
            yield
            self._live.start()
        else:
            yield

    def show(
        self,
        samples: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float64],
        status: str,
    ) -> None:
        """Draw the meters, a few times a second at most.

        Args:
            samples: Newest audio, shape (time,).
            scores: Newest scores, shape (classes,).
            status: Last line.
        """
        if not self._shown:
            return
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        if time.monotonic() < self._next:
            return
        self._live.update(meters(self._labels, self._peak, scores, status), refresh=True)
        self._next = time.monotonic() + _REFRESH_SECONDS
        self._peak = 0.0


def decibels(peak: float) -> float:
    """Level in dB relative to full scale, at least -60.

    Args:
        peak: Largest absolute sample, 1 is full scale.

    Returns:
        20 log10(peak).
    """
    return max(_QUIETEST, 20 * math.log10(peak)) if peak > 0 else _QUIETEST


def meters(
    labels: Sequence[str], peak: float, scores: npt.NDArray[np.float64], status: str
) -> Table:
    """A bar for the level, one for each of the top scores, and a line below.

    Args:
        labels: Names of the classes.
        peak: Largest absolute sample since the last drawing.
        scores: Shape (classes,), 0 to 1.
        status: Last line.

    Returns:
        The table.
    """
    table = Table.grid(padding=(0, 2))
    # Fixed widths, or the bars would jump with the names of the moment.
    table.add_column(min_width=max(map(len, labels)))
    table.add_column(min_width=len("-60 dBFS"))
    table.add_column()
    level = decibels(peak)
    table.add_row("level", f"{level:.0f} dBFS", _bar(1 - level / _QUIETEST))
    for index in np.argsort(-scores)[:_WORDS]:
        # A plain string would be read as markup: a class may be named [bold].
        table.add_row(Text(labels[index]), f"{scores[index]:.2f}", _bar(float(scores[index])))
    table.add_row("", "", status)
    return table


def _bar(share: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=_BAR_WIDTH)

"""Files that are generated in pieces: side by side, and continued where they stopped."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from rich.console import Console
from rich.progress import track

from s4audio.errors import UserError


def make_pieces(
    make: Callable[[int], None], pieces: Sequence[int], processes: int | None, description: str
) -> None:
    """Make pieces of a data set, each of which depends on its number alone.

    Args:
        make: writes a piece; a function of a module, or `functools.partial` of one. It must leave
            nothing under the final name of a piece before that is complete.
        pieces: the numbers of those that are missing.
        processes: how many at once; None for one a core. With 1, or one piece, no process is
            started.
        description: for the progress bar.

    Raises:
        UserError: a process ended early.
    """
    count = min(len(pieces), processes or os.cpu_count() or 1)
    done = _here(make, pieces) if count <= 1 else _side_by_side(make, pieces, count)
    for _ in track(
        done,
        total=len(pieces),
        description=description,
        console=Console(stderr=True),
        transient=True,
    ):
        pass


def check_processes(processes: int | None) -> None:
    """Raise ValueError unless it is None or at least 1."""
    if processes is not None and processes < 1:
        raise ValueError(f"processes must be at least 1, or None for one a core, got {processes}")


def _here(make: Callable[[int], None], pieces: Sequence[int]) -> Iterator[None]:
    for piece in pieces:
        make(piece)
        yield


def _side_by_side(make: Callable[[int], None], pieces: Sequence[int], count: int) -> Iterator[None]:
    # Forking a process that has threads is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        futures = [pool.submit(make, piece) for piece in pieces]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise UserError(
                "a generating process ended early: free memory, set processes=1, or protect the "
                'script with `if __name__ == "__main__":`'
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

"""The lists of cases. A suite is a function from sizes and threads to groups of cases."""

from collections.abc import Callable, Iterator, Sequence

from s4audio.benchmark.cases import Group
from s4audio.benchmark.suites.block import block
from s4audio.benchmark.suites.common import FULL, QUICK, Sizes
from s4audio.benchmark.suites.convolution import convolution
from s4audio.benchmark.suites.generation import generation
from s4audio.benchmark.suites.kernels import kernels
from s4audio.benchmark.suites.lengths import lengths
from s4audio.benchmark.suites.published import published
from s4audio.benchmark.suites.streaming import streaming
from s4audio.benchmark.suites.training import training
from s4audio.errors import UserError, check_count, unknown_name

__all__ = ["FULL", "QUICK", "SUITES", "Sizes", "list_groups"]

SUITES: dict[str, Callable[[Sizes, int], Iterator[Group]]] = {
    "kernels": kernels,
    "convolution": convolution,
    "block": block,
    "training": training,
    "lengths": lengths,
    "streaming": streaming,
    "generation": generation,
    "published": published,
}
"""All suites, in the order of the report."""


def list_groups(names: Sequence[str], sizes: Sizes, threads: int) -> list[Group]:
    """The groups of some suites.

    Args:
        names: of suites, in any order.
        sizes: `FULL` or `QUICK`.
        threads: of every case that does not compare threads, at least 1.

    Returns:
        all groups, in the order of the report.

    Raises:
        UserError: for an unknown suite, no threads, or ``published`` without a folder.
    """
    check_count("threads", threads)
    for name in names:
        if name not in SUITES:
            raise UserError(unknown_name("suite", name, list(SUITES)))
    chosen = [suite for name, suite in SUITES.items() if name in names]
    return [group for suite in chosen for group in suite(sizes, threads)]

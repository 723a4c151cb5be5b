"""Sizes of a run, and what the suites share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from s4audio.benchmark.cases import Case, Group

Options = dict[str, Any]

KINDS = {"s4": "S4", "s4d": "S4D", "dss": "DSS", "sgconv": "SGConv"}


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Attributes:
        channels: channels of kernels, convolutions and blocks.
        d_state: state size N.
        length: time steps.
        batch: clips of convolutions and blocks.
        layers: blocks of the networks that are trained.
        lengths: of the suite ``lengths``.
        quick: the main comparisons only, without pykeops, which compiles on first use.
        published: folder with the published files of the suite of that name, or empty.
    """

    channels: int = 128
    d_state: int = 64
    length: int = 16_000
    batch: int = 16
    layers: int = 6
    lengths: tuple[int, ...] = (1_000, 4_096, 16_384, 65_536, 262_144, 1_048_576)
    quick: bool = False
    published: str = ""

    def network(self, kind: str) -> Options:
        """Options of a network of these sizes."""
        state = {} if kind == "sgconv" else {"d_state": self.d_state}
        return {"kind": kind, "d_model": self.channels, **state}

    def gigabytes(self, full: float) -> float:
        """Memory that a case needs: `full` at full size, little otherwise."""
        return 0.0 if self.quick else full

    def kernel_title(self) -> str:
        """Channels, state and length in words."""
        return f"{self.channels} channels, N={self.d_state}, L={self.length:,}"


FULL = Sizes()
QUICK = Sizes(channels=16, length=4_000, batch=4, layers=2, lengths=(1_000, 16_000), quick=True)


def changed(case: Case, name: str, parameters: Options) -> Case:
    """The case under another name, with some parameters changed."""
    return replace(case, name=name, parameters={**case.parameters, **parameters})


def over_lengths(case: Case, lengths: tuple[int, ...]) -> list[Case]:
    """The case at every length, under one name."""
    return [changed(case, case.name, {"length": length}) for length in lengths]


def by_threads(suite: str, title: str, case: Case, threads: int) -> Iterator[Group]:
    """The case on one thread, two, four, ... and `threads`; no group on a single core."""
    if threads == 1:
        return
    powers = (2**i for i in range(threads.bit_length()) if 2**i < threads)
    cases = (
        replace(case, name=f"{count} thread{'s' if count > 1 else ''}", threads=count)
        for count in (*powers, threads)
    )
    yield Group(suite, title, tuple(cases))

"""The long convolution against the plain form, and against conv1d for short kernels."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import Sizes, changed


def convolution(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    yield _group("causal", sizes, threads, sizes.length, directions=1)
    if sizes.quick:
        return
    yield _group("bidirectional", sizes, threads, sizes.length, directions=2)
    for length in (256, 1_024):
        short = _group("causal", sizes, threads, length, directions=1)
        direct = changed(short.cases[0], "conv1d", {"form": "direct"})
        yield replace(short, cases=(*short.cases, direct))


def _group(what: str, sizes: Sizes, threads: int, length: int, directions: int) -> Group:
    parameters = {
        "form": "s4audio",
        "batch": sizes.batch,
        "channels": sizes.channels,
        "length": length,
        "directions": directions,
    }
    case = Case("s4audio", "convolution", parameters, threads)
    textbook = changed(case, "textbook", {"form": "textbook"})
    judge = replace(textbook, name="in float64", dtype="float64", judge=True)
    title = f"Convolution, {what}: batch {sizes.batch}, {sizes.channels} channels, L={length:,}"
    return Group("convolution", title, (case, textbook, judge))

"""Growth of time and memory with the length: one block, and the S4 kernel in every form."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Group
from s4audio.benchmark.suites.block import one_block
from s4audio.benchmark.suites.common import Sizes, changed, over_lengths
from s4audio.benchmark.suites.kernels import kernel

COUNTS = {"gemm": 5, "naive": 3, "keops": 4}
"""How many of the lengths, from the shortest, each form of the kernel is measured at."""


def lengths(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    narrow = replace(sizes, channels=min(64, sizes.channels), batch=1)
    s4 = one_block("S4", narrow, threads, "s4")
    title = f"One block by length: batch 1, {narrow.channels} channels, N={sizes.d_state}"
    blocks = over_lengths(s4, sizes.lengths)
    if not sizes.quick:
        blocks += over_lengths(one_block("S4D", narrow, threads, "s4d"), sizes.lengths)
        textbook = changed(s4, "S4, textbook", {"form": "textbook"})
        blocks += over_lengths(textbook, sizes.lengths[: COUNTS["naive"]])
    yield Group("lengths", title, tuple(blocks), per_sample=True, plot="block")
    if sizes.quick:
        return
    title = f"S4 kernel by length: {narrow.channels} channels, N={sizes.d_state}"
    forms = [
        case
        for form, count in COUNTS.items()
        for case in over_lengths(kernel(form, narrow, threads, "s4", form), sizes.lengths[:count])
    ]
    yield Group("lengths", title, tuple(forms), per_sample=True, plot="kernel")

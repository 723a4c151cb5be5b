"""One block against its textbook form, without its mixing, and against itself."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import KINDS, Sizes, by_threads, changed


def block(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    at = f"batch {sizes.batch}, {sizes.kernel_title()}"
    case = one_block("s4audio", sizes, threads, "s4")
    without = changed(case, "without mixing", {"form": "without mixing"})
    textbook = changed(case, "textbook", {"form": "textbook"})
    textbook = replace(textbook, gigabytes=sizes.gigabytes(14))
    if sizes.quick:
        yield Group("block", f"S4 block: {at}", (case, textbook, without))
        return
    judge = changed(case, "naive, float64", {"form": "naive"})
    half = replace(case, name="bfloat16 autocast", dtype="bfloat16")
    cases = (
        case,
        textbook,
        changed(case, "textbook keops", {"form": "textbook keops"}),
        half,
        replace(case, name="memory returned", keeps_memory=False),
        replace(judge, dtype="float64", judge=True, timed=False, gigabytes=3),
    )
    yield Group("block", f"S4 block: {at}", cases)
    yield from _by_kind(sizes, threads, at)
    yield from _against_itself(sizes, threads, case)


def one_block(name: str, sizes: Sizes, threads: int, kind: str, gated: bool = True) -> Case:
    """One block of ours, causal, without dropout; its linear unit has a gate or not."""
    parameters = {
        "form": "s4audio",
        "network": {**sizes.network(kind), "glu": gated},
        "batch": sizes.batch,
        "length": sizes.length,
    }
    return Case(name, "block", parameters, threads)


def _by_kind(sizes: Sizes, threads: int, at: str) -> Iterator[Group]:
    """Every kernel in float32 and bfloat16, and what is left of the block without its mixing."""
    for gated, unit in ((True, "with a gate"), (False, "without a gate")):
        kinds = [one_block(label, sizes, threads, kind, gated) for kind, label in KINDS.items()]
        without = changed(kinds[0], "without mixing", {"form": "without mixing"})
        cases = (without, *kinds)
        halves = tuple(
            replace(case, name=f"{case.name}, bfloat16 autocast", dtype="bfloat16")
            for case in cases
        )
        yield Group("block", f"Blocks {unit}: {at}", (*cases, *halves))


def _against_itself(sizes: Sizes, threads: int, case: Case) -> Iterator[Group]:
    at = f"batch {sizes.batch}, {sizes.kernel_title()}"
    network = {**sizes.network("s4"), "bidirectional": True}
    both = changed(case, "bidirectional", {"network": network})
    yield Group("block", f"S4 block by direction: {at}", (replace(case, name="causal"), both))
    wider = [replace(sizes, channels=channels, batch=4) for channels in (128, 32, 512)]
    widths = tuple(one_block(f"{s.channels} channels", s, threads, "s4") for s in wider)
    title = f"S4 block by width: batch 4, N={sizes.d_state}, L={sizes.length:,}"
    yield Group("block", title, widths)
    batches = [replace(sizes, batch=batch) for batch in (1, 4, 16, 32)]
    cases = tuple(one_block(f"batch {s.batch}", s, threads, "s4") for s in batches)
    yield Group("block", f"S4 block by batch: {sizes.kernel_title()}", cases, per_sample=True)
    yield from by_threads("block", f"S4 block by threads: {at}", case, threads)

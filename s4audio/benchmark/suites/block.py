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
    kinds = tuple(one_block(label, sizes, threads, kind) for kind, label in KINDS.items())
    title = f"Cost of the mixing in a block: {at}"
    yield Group("block", title, (without, *kinds))
    halves = tuple(replace(one, dtype="bfloat16") for one in (without, *kinds))
    title = f"Cost of the mixing in a block, bfloat16 autocast: {at}"
    yield Group("block", title, halves)
    yield from _against_itself(sizes, threads, case)


def one_block(name: str, sizes: Sizes, threads: int, kind: str) -> Case:
    """One block of ours, causal, with a gated linear unit and without dropout."""
    parameters = {
        "form": "s4audio",
        "network": sizes.network(kind),
        "batch": sizes.batch,
        "length": sizes.length,
    }
    return Case(name, "block", parameters, threads)


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

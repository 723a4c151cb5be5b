"""Kernel generation in every form, and the fast form at other widths and threads."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import KINDS, Sizes, by_threads

NEEDS = {"s4": (5, 12), "s4d": (5, 3), "dss": (9, 5)}
"""Memory in GB at full size: naive in float64, and the textbook form."""


def kernels(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    for kind in NEEDS:
        title = f"{KINDS[kind]} kernel: {sizes.kernel_title()}"
        yield Group("kernels", title, _forms(kind, sizes, threads))
    if sizes.quick:
        return
    four = tuple(kernel(label, sizes, threads, kind, "gemm") for kind, label in KINDS.items())
    yield Group("kernels", f"The four kernels: {sizes.kernel_title()}", four)
    wider = [replace(sizes, channels=channels) for channels in (128, 32, 512)]
    widths = tuple(kernel(f"{s.channels} channels", s, threads, "s4", "gemm") for s in wider)
    title = f"S4 kernel by width: N={sizes.d_state}, L={sizes.length:,}"
    yield Group("kernels", title, widths)
    title = f"S4 kernel by threads: {sizes.kernel_title()}"
    yield from by_threads("kernels", title, four[0], threads)


def kernel(name: str, sizes: Sizes, threads: int, kind: str, form: str) -> Case:
    """Generation of one kernel; forms are those of `s4audio.benchmark.subjects.kernel`."""
    parameters = {"form": form, "network": sizes.network(kind), "length": sizes.length}
    return Case(name, "kernel", parameters, threads)


def _forms(kind: str, sizes: Sizes, threads: int) -> tuple[Case, ...]:
    gemm = kernel("s4audio (gemm)", sizes, threads, kind, "gemm")
    naive = kernel("naive, float64", sizes, threads, kind, "naive")
    naive = replace(naive, judge=True, gigabytes=sizes.gigabytes(NEEDS[kind][0]))
    if sizes.quick:
        return (gemm, naive)
    textbook = kernel("textbook", sizes, threads, kind, "textbook")
    return (
        gemm,
        naive,
        kernel("keops, float64", sizes, threads, kind, "keops"),
        replace(textbook, gigabytes=sizes.gigabytes(NEEDS[kind][1])),
        kernel("textbook keops", sizes, threads, kind, "textbook keops"),
    )

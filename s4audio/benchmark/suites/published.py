"""The layers that the papers' authors published, beside a block of ours."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.block import one_block
from s4audio.benchmark.suites.common import KINDS, Options, Sizes
from s4audio.errors import UserError

GIGABYTES = 10.0
"""More than any of them takes at full size, with freed memory kept."""

LAYERS: dict[str, Options] = {
    "s4": {
        "module": "s4",
        "layer": "S4Block",
        "options": {"mode": "nplr", "backend": "keops", "transposed": True},
    },
    "s4d": {
        "module": "s4",
        "layer": "S4Block",
        "options": {"mode": "diag", "init": "diag-lin", "backend": "keops", "transposed": True},
    },
    "dss": {"module": "dss", "layer": "DSS", "options": {"postact": "glu"}},
    "sgconv": {"module": "gconv_standalone", "layer": "GConv", "options": {"postact": "glu"}},
}
"""File, class and options that make each layer a causal one with a gated linear unit, channels
first, without dropout."""


def published(sizes: Sizes, threads: int) -> Iterator[Group]:
    """Ours and theirs, with freed memory kept and, at full size, given back to the system.

    Args:
        sizes: of the run, with the folder of the published files.
        threads: of each case.

    Returns:
        a group for each kernel.

    Raises:
        UserError: no folder is named.
    """
    if not sizes.published:
        raise UserError(
            "the suite 'published' measures the papers' own code: name the folder of s4.py, dss.py "
            "and gconv_standalone.py with --published FOLDER"
        )
    at = f"batch {sizes.batch}, {sizes.kernel_title()}"
    for kind, label in KINDS.items():
        ours = one_block("s4audio", sizes, threads, kind)
        theirs = _published_layer(kind, sizes, threads)
        kept = (ours, theirs)
        returned = tuple(
            replace(case, name=f"{case.name}, memory returned", keeps_memory=False) for case in kept
        )
        cases = kept if sizes.quick else (*kept, *returned)
        yield Group("published", f"{label}, our block and the published layer: {at}", cases)


def _published_layer(kind: str, sizes: Sizes, threads: int) -> Case:
    size = {"d_state": sizes.d_state, "l_max": sizes.length, "dropout": 0.0, "bidirectional": False}
    parameters = {
        "folder": sizes.published,
        "module": LAYERS[kind]["module"],
        "layer": LAYERS[kind]["layer"],
        "options": {**LAYERS[kind]["options"], **size},
        "channels": sizes.channels,
        "batch": sizes.batch,
        "length": sizes.length,
    }
    gigabytes = sizes.gigabytes(GIGABYTES)
    return Case("published", "published", parameters, threads, gigabytes=gigabytes)

"""Tokens a second against the context: recurrences beside a Transformer with a cache."""

from collections.abc import Iterator

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import KINDS, Options, Sizes

CONTEXTS = (256, 1_024, 4_096, 16_384)
MOST_CACHED = 2**18
"""Tokens that a cache holds at most, over all sequences: 3 GB at full size."""

CACHES = {None: 1, "sgconv": 6}
"""What a Transformer and SGConv keep of the past, in numbers a channel, layer and token; the others
keep a state."""

CHANNELS, LAYERS = 256, 12
"""Long convolutions; a feed-forward layer follows every two, as in the published language model.
Half as many blocks of a Transformer of the same width have as many parameters."""


def generation(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    channels, layers = (64, 2) if sizes.quick else (CHANNELS, LAYERS)
    contexts, batches = (CONTEXTS[:1], (1,)) if sizes.quick else (CONTEXTS, (1, 16, 64))
    kinds = ("s4d",) if sizes.quick else ("s4d", "s4", "dss", "sgconv")
    for batch in batches:
        cases = []
        for kind in (*kinds, None):
            for context in contexts:
                if context * batch <= MOST_CACHED:
                    cases.append(_case(kind, channels, layers, context, batch, sizes))
        title = (
            f"Generation, batch {batch}, one thread: {layers // 2} blocks of {channels} channels, "
            "time a token"
        )
        yield Group(
            "generation",
            title,
            tuple(cases),
            per_sample=True,
            plot=f"generation_batch_{batch}",
            tokens=True,
        )


def _case(
    kind: str | None, channels: int, layers: int, context: int, batch: int, sizes: Sizes
) -> Case:
    """A recurrence, or a Transformer where there is no kind."""
    backbone: Options = {
        "kind": kind or "s4d",
        "d_model": channels,
        "n_layers": layers,
        "length": context,
        "norm": "layer",
        **({"d_state": 32, "version": "exp"} if kind == "dss" else {}),
    }
    network = {
        "backbone": backbone,
        "feed_forward": 4 * channels,
        "feed_forward_every": 2,
        "cutoffs": [],
    }
    parameters = {
        "form": "transformer" if kind is None else "recurrence",
        "network": network,
        "batch": batch,
        "length": context,
        "tokens": context if kind == "sgconv" else 32,
    }
    cached = CACHES.get(kind, 0) * context * batch * channels * layers * 4 / 1e9
    name = "Transformer with cache" if kind is None else KINDS[kind]
    return Case(name, "generation", parameters, gigabytes=sizes.gigabytes(1 + cached))

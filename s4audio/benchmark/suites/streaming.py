"""A trained classifier on a stream, in every form, on one thread; and many streams at once."""

from collections.abc import Iterator

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import KINDS, Options, Sizes

SECOND = 16_000
CHUNK = 160

SMALL: Options = {"d_model": 64, "n_layers": 4, "stem_stride": 16, "normalization": "standardize"}
"""The presets for keyword spotting, such as s4d-small."""


def streaming(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    layers = {"n_layers": sizes.layers, "length": SECOND}
    full = f"{sizes.layers} layers of {sizes.channels} channels, no stem"
    for kind, label in KINDS.items():
        network = {**sizes.network(kind), **layers}
        title = f"{label} on a stream, chunks of 10 ms, one thread: {full}"
        yield Group("streaming", title, _forms(network, sizes.quick), per_sample=True)
        if sizes.quick:
            return
    small = "4 layers of 64 channels, frames of 1 ms, one thread"
    kinds = tuple(stream(label, "onnx", {"kind": kind, **SMALL}) for kind, label in KINDS.items())
    yield Group("streaming", f"Small models on a stream in ONNX Runtime: {small}", kinds)
    network = {"kind": "s4d", **SMALL}
    many = tuple(
        stream(f"{count} streams", "onnx", network, batch=count, threads=threads)
        for count in (1, 4, 16)
    )
    title = f"S4D, many streams at once in ONNX Runtime: 4 layers of 64, {threads} threads"
    yield Group("streaming", title, many, per_sample=True)


def stream(
    name: str,
    form: str,
    network: Options,
    length: int = SECOND,
    batch: int = 1,
    threads: int = 1,
) -> Case:
    """One stream; forms are those of `s4audio.benchmark.subjects.streaming`."""
    parameters = {"form": form, "network": network, "length": length, "batch": batch}
    return Case(name, "streaming", parameters, threads)


def _forms(network: Options, quick: bool) -> tuple[Case, ...]:
    torch_stream = stream("PyTorch", "torch", network)
    clip_model = stream("clip model on every chunk", "re-run", network, length=CHUNK)
    if quick:  # the export takes longer than the rest of a quick run
        return torch_stream, clip_model
    stepped = stream("sample by sample in PyTorch", "stepped", network, length=CHUNK)
    others = (
        (torch_stream, clip_model)
        if network["kind"] == "sgconv"
        else (torch_stream, stepped, clip_model)
    )
    return (stream("ONNX Runtime", "onnx", network), *others)

"""Whole training steps of the Speech Commands recipes on random audio."""

from collections.abc import Iterator
from dataclasses import replace

from s4audio.benchmark.cases import Case, Group
from s4audio.benchmark.suites.common import Options, Sizes, by_threads

RECIPES: dict[str, Options] = {
    "S4, 10 words": {
        "network": {"kind": "s4", "glu": False, "dropout": 0.1},
        "optimizer": {"weight_decay": 0.0, "slow_output": True},
    },
    "S4D, 10 words": {
        "network": {"kind": "s4d", "init": "lin", "glu": False, "dropout": 0.1},
        "optimizer": {"weight_decay": 0.0, "slow_output": True},
    },
    "DSS, 10 words": {
        "network": {"kind": "dss", "glu": False, "dropout": 0.1},
        "optimizer": {"weight_decay": 0.0},
    },
    "SGConv, 10 words": {
        "network": {"kind": "sgconv", "kernel_dim": 32, "bidirectional": True},
        "optimizer": {},
    },
    "S4, 35 words": {
        "network": {"kind": "s4", "n_ssm": 2, "bidirectional": True},
        "optimizer": {},
    },
    "S4D, 35 words": {
        "network": {"kind": "s4d", "init": "lin", "n_ssm": 2, "bidirectional": True},
        "optimizer": {},
    },
}
"""What the recipes of these names say about network and optimiser beside the sizes."""

CLASSES_AND_BATCH = {"10 words": (10, 20), "35 words": (35, 16)}


def training(sizes: Sizes, threads: int) -> Iterator[Group]:
    """See the module."""
    main = training_step("S4, 10 words", sizes, threads)
    title = f"Training step: S4, 10 words, batch {main.parameters['batch']}"
    float32 = replace(main, name="float32")
    if sizes.quick:
        yield Group("training", title, (float32,))
        return
    bfloat16 = replace(main, name="bfloat16 autocast", dtype="bfloat16")
    returned = replace(main, name="float32, memory returned", keeps_memory=False)
    yield Group("training", title, (float32, bfloat16, returned))
    recipes = tuple(training_step(name, sizes, threads) for name in RECIPES)
    # Batches differ, so the recipes are compared by the sample.
    title = "Training step of the Speech Commands recipes"
    yield Group("training", title, recipes, per_sample=True)
    title = f"Training step by threads: S4, 10 words, batch {main.parameters['batch']}"
    yield from by_threads("training", title, main, threads)


def training_step(name: str, sizes: Sizes, threads: int) -> Case:
    """A step of one of `RECIPES`."""
    recipe = RECIPES[name]
    classes, batch = CLASSES_AND_BATCH[name.partition(", ")[2]]
    network = {
        **sizes.network(recipe["network"]["kind"]),
        "n_layers": sizes.layers,
        "normalization": "standardize",
        **recipe["network"],
    }
    parameters = {
        "network": network,
        "optimizer": recipe["optimizer"],
        "classes": classes,
        "batch": sizes.batch if sizes.quick else batch,
        "length": sizes.length,
    }
    return Case(name, "training", parameters, threads, gigabytes=sizes.gigabytes(8))

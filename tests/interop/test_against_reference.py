"""Kernels, layers and whole models against outputs of the papers' own code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s4audio.interop import dss_layer, from_state_spaces, sgconv_layer

GOLDEN = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-4


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, np.ndarray]]:
    with np.load(path) as file:
        arrays = dict(file)
    config = json.loads(str(arrays.pop("config")))
    state = {n.removeprefix("state."): x for n, x in arrays.items() if n.startswith("state.")}
    return config, state, {n: x for n, x in arrays.items() if not n.startswith("state.")}


def error(ours: Tensor, reference: np.ndarray) -> float:
    """Largest difference, relative to the largest reference value."""
    assert tuple(ours.shape) == reference.shape
    return float(np.abs(ours.detach().numpy() - reference).max() / np.abs(reference).max())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("s4*.npz")), ids=lambda p: p.stem)
def test_whole_model_against_reference(path: Path) -> None:
    config, state, arrays = read(path)
    model = from_state_spaces(state, config)
    for rate in config["rates"]:
        u = torch.from_numpy(arrays["u"][:, ::rate])
        with torch.no_grad():
            features, logits = model.features(u, rate=rate), model(u, rate=rate)
        assert error(features, arrays[f"features_rate{rate}"]) < TOLERANCE
        assert error(logits, arrays[f"logits_rate{rate}"]) < TOLERANCE


LAYERS: dict[str, Callable[..., nn.Module]] = {"dss": dss_layer, "sgconv": sgconv_layer}


@pytest.mark.parametrize(
    "path", sorted([*GOLDEN.glob("dss*.npz"), *GOLDEN.glob("sgconv*.npz")]), ids=lambda p: p.stem
)
def test_layer_against_reference(path: Path) -> None:
    config, state, arrays = read(path)
    layer = LAYERS[path.stem.split("_")[0]](state, config)
    assert error(layer(torch.from_numpy(arrays["u"])), arrays["y"]) < TOLERANCE


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("dss*.npz")), ids=lambda p: p.stem)
def test_dss_kernel_against_reference(path: Path) -> None:
    config, state, arrays = read(path)
    kernel = dss_layer(state, config).kernel
    assert error(kernel(config["L"]), arrays["kernel_L"]) < TOLERANCE
    assert error(kernel(2 * config["L"]), arrays["kernel_2L"]) < TOLERANCE


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("sgconv*.npz")), ids=lambda p: p.stem)
def test_sgconv_kernel_against_reference(path: Path) -> None:
    config, state, arrays = read(path)
    length = config["L"]
    k_DHL = sgconv_layer(state, config).kernel(length)
    circle = arrays["kernel"]
    assert error(k_DHL[:1], circle[..., :length]) < TOLERANCE
    if config.get("bidirectional"):
        assert error(k_DHL[1:].flip(-1), circle[..., length:]) < TOLERANCE

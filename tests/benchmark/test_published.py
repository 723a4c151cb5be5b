"""The papers' own layers, here a made-up one, beside a block of ours."""

import sys

import pytest

from s4audio.benchmark import Case
from s4audio.benchmark.subjects import published
from s4audio.benchmark.suites.published import LAYERS
from s4audio.errors import UserError

LAYER = """
from torch import nn

class Layer(nn.Module):
    def __init__(self, channels, scale):
        super().__init__()
        self.scale, self.mix = scale, nn.Conv1d(channels, channels, 1)

    def forward(self, u):
        return self.scale * self.mix(u), None
"""


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "made_up_layer.py").write_text(LAYER)
    parameters = {
        "folder": str(tmp_path),
        "module": "made_up_layer",
        "layer": "Layer",
        "options": {"scale": 2.0},
        "channels": 3,
        "batch": 2,
        "length": 5,
    }
    yield Case("published", "published", parameters)
    sys.modules.pop("made_up_layer", None)


def test_the_layer_of_the_file_is_run(case):
    probe = published.prepare(case)
    y = probe.forward()
    probe.backward(y)
    results = probe.results(y)
    assert y.shape == (2, 3, 5)
    assert set(results) == {"output", "input", "mix.weight", "mix.bias"}
    assert results["mix.bias"].abs().min() > 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"module": "another"}, r"another\.py is missing: copy it there"),
        ({"layer": "S4"}, r"made_up_layer\.py has no class S4"),
    ],
)
def test_what_is_missing_is_named(case, change, expected):
    broken = Case("published", "published", {**case.parameters, **change})
    with pytest.raises(UserError, match=expected):
        published.prepare(broken)


def test_every_kernel_has_a_layer():
    assert set(LAYERS) == {"s4", "s4d", "dss", "sgconv"}
    assert all(set(layer) == {"module", "layer", "options"} for layer in LAYERS.values())

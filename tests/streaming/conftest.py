"""Small causal classifiers whose every part does something, as after training."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from s4audio import SequenceClassifier, create_model

MakeModel = Callable[..., SequenceClassifier]


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    def make(kind: str, **options: Any) -> SequenceClassifier:
        torch.manual_seed(1)
        small = {"classes": 5, "d_model": 8, "n_layers": 2, "length": 1600}
        small |= {"kernel_dim": 16} if kind == "sgconv" else {"d_state": 8}
        small |= {"version": "exp"} if kind == "dss" else {}
        model = create_model(kind, **(small | {"normalization": "level"} | options))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
        return model.eval()

    return make

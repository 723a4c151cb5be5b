"""Training in bfloat16 autocast against training in float32."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.optimizer import OptimizerConfig, parameter_groups

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "quickstart"
SAMPLES, RATE = 3200, 16_000


def chirps(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four classes: a tone that rises or falls, low or high, anywhere in noise."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(4, (count,), generator=generator)
    time = torch.arange(SAMPLES) / RATE
    start = 0.05 * torch.rand(count, 1, generator=generator)
    level = 0.1 + 0.4 * torch.rand(count, 1, generator=generator)
    centre = torch.where(targets < 2, 500.0, 1200.0)[:, None]
    slope = torch.where(targets % 2 == 0, 3000.0, -3000.0)[:, None]
    t = time - start - 0.05
    tone = torch.sin(2 * torch.pi * (centre * t + slope * t**2 / 2)) * ((t > -0.05) & (t < 0.05))
    noise = 0.02 * torch.randn(count, SAMPLES, generator=generator)
    return (level * tone + noise)[..., None], targets


def accuracy_after_training(config: ClassifierConfig, *, bfloat16: bool) -> float:
    torch.manual_seed(0)
    model = SequenceClassifier(config, list("abcd"), RATE)
    optimizer = torch.optim.AdamW(parameter_groups(model, OptimizerConfig()))
    x, targets = chirps(640, seed=1)
    for step in range(60):
        some = slice(32 * (step % 20), 32 * (step % 20) + 32)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = torch.nn.functional.cross_entropy(model(x[some]).float(), targets[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, targets = chirps(256, seed=2)
    with torch.no_grad():
        return float((model.eval()(x).argmax(-1) == targets).float().mean())


@pytest.mark.parametrize("kind", ["s4", "sgconv"])
def test_bfloat16_training_loses_no_accuracy(kind: str) -> None:
    recipe = yaml.safe_load((RECIPES / f"{kind}.yaml").read_text())
    network = recipe["model"]["init_args"]["network"]
    config = replace(ClassifierConfig(**network), length=SAMPLES)
    high = accuracy_after_training(config, bfloat16=False)
    low = accuracy_after_training(config, bfloat16=True)
    assert high > 0.9
    assert low > high - 0.03

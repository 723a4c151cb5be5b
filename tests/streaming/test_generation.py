"""Generation: one token a step gives what the convolutions give on everything at once."""

import pytest
import torch
from torch import nn

from s4audio.errors import UserError
from s4audio.kernels import S4DKernel, SGConvKernel
from s4audio.models import ClassifierConfig
from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel
from s4audio.models.block import LongConvolution
from s4audio.streaming.generation import Generator
from s4audio.streaming.sampling import Sampling
from s4audio.streaming.token_mixing import BLOCK, make_token_mixing

KINDS = ("s4", "s4d", "dss", "sgconv")
STEPS = 160
GREEDY = Sampling(temperature=0)


def small(kind: str, norm: str = "layer", prenorm: bool = True, **options) -> AutoregressiveModel:
    torch.manual_seed(0)
    of_kind = {"sgconv": {"kernel_dim": 8}, "dss": {"version": "exp"}}.get(kind, {})
    backbone = ClassifierConfig(
        kind=kind, d_model=8, n_layers=3, d_state=8, length=60, norm=norm, prenorm=prenorm,
        glu=prenorm, **of_kind,
    )  # fmt: skip
    config = AutoregressiveConfig(backbone, feed_forward=16, feed_forward_every=2, **options)
    model = AutoregressiveModel(config, [str(i) for i in range(11)])
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize("prompt", [1, BLOCK - 1, BLOCK, 70, 130])
@pytest.mark.parametrize("kind", KINDS)
def test_against_the_convolution(kind: str, prompt: int) -> None:
    """Blocks, pages and kernels all end within the text, which is longer than the training."""
    model = small(kind, cutoffs=(5,))
    tokens = torch.randint(11, (3, STEPS))
    with torch.no_grad():
        expected = model(tokens)
    generator = Generator(model)
    log_p, memory = generator.start(tokens[:, :prompt])
    found = [log_p]
    for time in range(prompt, STEPS):
        found.append(generator.advance(tokens[:, time], memory))
    torch.testing.assert_close(torch.stack(found, 1), expected[:, prompt - 1 :], rtol=0, atol=1e-5)


@pytest.mark.parametrize("prenorm", [True, False])
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_every_form_of_block(norm: str, prenorm: bool) -> None:
    model = small("s4d", norm=norm, prenorm=prenorm)
    tokens = torch.randint(11, (2, 80))
    generator = Generator(model)
    _, memory = generator.start(tokens[:, :40])
    for time in range(40, 80):
        log_p = generator.advance(tokens[:, time], memory)
    torch.testing.assert_close(log_p, model(tokens)[:, -1].detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_remembered_does_not_grow(kind: str) -> None:
    generator = Generator(small(kind))

    def size(prompt: int, steps: int) -> int:
        log_p, memory = generator.start(torch.zeros(1, prompt, dtype=torch.int64))
        for _ in range(steps):
            log_p = generator.advance(log_p.argmax(-1), memory)
        return sum(x.numel() for state in memory.states for x in state.values())

    assert size(1, 0) == size(1, STEPS) == size(STEPS, 3)


@pytest.mark.parametrize("kernel", [S4DKernel(4, 40, d_state=8), SGConvKernel(4, 40, kernel_dim=8)])
def test_mixing_in_float64(kernel: nn.Module) -> None:
    torch.manual_seed(0)
    layer = LongConvolution(kernel).eval()
    u = torch.randn(2, 4, 300, dtype=torch.float64)
    expected = layer(u).detach()
    mixing = make_token_mixing(kernel, layer.D.detach(), torch.float64)
    state = mixing.state_after(u[..., :33])
    found = torch.stack([mixing(u[..., t], state, t - 33) for t in range(33, 300)], dim=-1)
    torch.testing.assert_close(found, expected[..., 33:], rtol=0, atol=1e-5)


def test_sequences_side_by_side_do_not_mix() -> None:
    generator = Generator(small("s4"))
    prompts = torch.randint(11, (4, 9))
    together = generator.generate(prompts, 50, GREEDY)
    alone = [generator.generate(prompt[None], 50, GREEDY)[0] for prompt in prompts]
    assert torch.equal(together, torch.stack(alone))


def test_greedy_generation_is_the_models_own_choice() -> None:
    model = small("s4d")
    new = Generator(model).generate(torch.tensor([[3, 1]]), 40, GREEDY)
    whole = torch.cat([torch.tensor([[3, 1]]), new], dim=1)
    assert torch.equal(model(whole).argmax(-1)[:, 1:-1], new)


def test_the_seed_decides() -> None:
    generator = Generator(small("s4d"))
    prompt = torch.zeros(2, 1, dtype=torch.int64)
    one, again, other = (generator.generate(prompt, 30, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.stack(list(generator.stream(prompt, 30, seed=1)), 1), one)


def test_a_model_that_is_being_trained() -> None:
    with pytest.raises(ValueError, match=r"in training mode.*model.eval\(\)"):
        Generator(small("s4d").train())


@pytest.mark.parametrize(
    ("prompt", "steps", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.int64), 5, r"tokens in \[0, 11\), got \(1, 0\)"),
        (torch.tensor([[11]]), 5, r"tokens in \[0, 11\)"),
        (torch.tensor([[-1]]), 5, r"tokens in \[0, 11\)"),
        (torch.tensor([1]), 5, r"expected a prompt \(sequences, time\)"),
        (torch.tensor([[1]]), 0, "steps is 0"),
    ],
)
def test_mistakes(prompt: torch.Tensor, steps: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Generator(small("s4d")).generate(prompt, steps)

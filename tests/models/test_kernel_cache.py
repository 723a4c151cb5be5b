"""A kernel that is kept gives what a kernel made anew gives, whatever happens to the weights."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.utils import prune

from s4audio.models import ClassifierConfig, SequenceClassifier, kernel_cache
from s4audio.models.block import LongConvolution
from s4audio.models.build import make_kernel

KINDS = ("s4", "s4d", "dss", "sgconv")


def layer(kind: str = "s4d", **options) -> LongConvolution:
    torch.manual_seed(0)
    config = ClassifierConfig(kind=kind, d_model=4, d_state=8, length=64, **options)
    return LongConvolution(make_kernel(config)).eval()


def kernels_made(convolution: LongConvolution) -> list[tuple[int, float]]:
    """Lengths and rates of the kernels that are made from here on."""
    made: list[tuple[int, float]] = []
    convolution.kernel.register_forward_pre_hook(lambda _, arguments: made.append(arguments))
    return made


def fresh(convolution: LongConvolution, u: Tensor, rate: float = 1.0) -> Tensor:
    """With gradients nothing is kept."""
    with torch.enable_grad():
        return convolution(u, rate).detach()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_kernel_for_many_inputs(kind: str, bidirectional: bool) -> None:
    convolution = layer(kind, bidirectional=bidirectional)
    made = kernels_made(convolution)
    for no_gradient in (torch.no_grad, torch.inference_mode):
        with no_gradient():
            for _ in range(3):
                u = torch.randn(2, 4, 50)
                torch.testing.assert_close(convolution(u), fresh(convolution, u), rtol=0, atol=0)
    assert len(made) == 1 + 6  # the six are of `fresh`


@torch.no_grad()
def test_another_option_of_a_live_kernel_makes_another_kernel() -> None:
    convolution = layer("s4d")
    u = torch.randn(1, 4, 50)
    before = convolution(u)
    convolution.kernel.bandlimit = 1e-6
    after = convolution(u)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, fresh(convolution, u), rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "name"), [("s4", "C"), ("s4d", "C"), ("dss", "W")])
@torch.no_grad()
def test_pruned_weights_make_another_kernel(kind: str, name: str) -> None:
    convolution = layer(kind)
    u = torch.randn(1, 4, 50)
    outputs = [convolution(u)]
    for amount in (0.5, 0.9):
        prune.random_unstructured(convolution.kernel, name, amount)
        outputs += [convolution(u), convolution(u)]
        torch.testing.assert_close(outputs[-2], outputs[-1], rtol=0, atol=0)
        torch.testing.assert_close(outputs[-1], fresh(convolution, u), rtol=0, atol=0)
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[1], outputs[3])


@torch.no_grad()
def test_another_length_or_rate_makes_another_kernel() -> None:
    convolution = layer()
    made = kernels_made(convolution)
    u = torch.randn(1, 4, 50)
    (
        convolution(u),
        convolution(u, 2.0),
        convolution(u[..., :40], 2.0),
        convolution(u[..., :40], 2.0),
    )
    assert made == [(50, 1.0), (50, 2.0), (40, 2.0)]


def old_style(convolution: LongConvolution) -> None:
    """In place and past autograd, as averages of weights are often written."""
    convolution.kernel.log_dt.data.mul_(1.01)


def skip(convolution: LongConvolution) -> None:
    convolution.D.mul_(2)


def another_checkpoint(convolution: LongConvolution) -> None:
    state = {name: value * 1.01 for name, value in convolution.state_dict().items()}
    convolution.load_state_dict(state)


@pytest.mark.parametrize("change", [old_style, skip, another_checkpoint])
@torch.no_grad()
def test_new_weights_make_a_new_kernel(change: Callable[[LongConvolution], None]) -> None:
    convolution = layer()
    u = torch.randn(1, 4, 50)
    before = convolution(u)
    change(convolution)
    after = convolution(u)
    assert not after.equal(before)
    assert after.equal(fresh(convolution, u))


@torch.no_grad()
def test_precision_of_the_weights() -> None:
    convolution = layer()
    u = torch.randn(1, 4, 50)
    single = convolution(u)
    double = convolution.double()(u.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


def test_training_after_evaluation_has_gradients() -> None:
    convolution = layer()
    u = torch.randn(1, 4, 50)
    with torch.inference_mode():
        convolution(u)
    convolution(u).sum().backward()
    assert convolution.kernel.log_dt.grad.abs().max() > 0
    made = kernels_made(convolution.train())
    with torch.no_grad():
        convolution(u), convolution(u)
    assert len(made) == 2


@torch.no_grad()
def test_copies_and_files_leave_the_kernel_out() -> None:
    model = SequenceClassifier(ClassifierConfig(kind="s4d", d_model=4, n_layers=1), ["a", "b"])
    names = set(model.state_dict())
    empty = io.BytesIO()
    torch.save(model, empty)
    expected = model.eval()(torch.zeros(1, 16_000, 1))
    assert set(model.state_dict()) == names
    used = io.BytesIO()
    torch.save(model, used)
    assert used.tell() <= empty.tell() + 1000
    assert copy.deepcopy(model)(torch.zeros(1, 16_000, 1)).equal(expected)


@torch.no_grad()
def test_very_long_kernels_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "LARGEST", 100)
    convolution = layer()
    made = kernels_made(convolution)
    convolution(torch.randn(1, 4, 50)), convolution(torch.randn(1, 4, 50))
    assert len(made) == 2

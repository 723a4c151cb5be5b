import pytest
from torch import nn

from s4audio.kernels import Kernel
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.tasks.optimizer import OptimizerConfig, build_optimizer, parameter_groups

KINDS = ("s4", "s4d", "dss", "sgconv")


def network(kind: str) -> SequenceClassifier:
    config = ClassifierConfig(kind=kind, d_model=4, n_layers=2, d_state=4, length=64)
    return SequenceClassifier(config, ["a", "b"], 16_000)


def kernel_parameters(model: nn.Module, names: str) -> set[int]:
    return {
        id(parameter)
        for kernel in model.modules()
        if isinstance(kernel, Kernel)
        for name, parameter in kernel.named_parameters()
        if name.partition(".")[0] in getattr(kernel, names)
    }


def by_name(model: nn.Module, config: OptimizerConfig) -> dict[str, dict]:
    return {group["name"]: group for group in parameter_groups(model, config)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_in_exactly_one_group(kind: str) -> None:
    model = network(kind)
    grouped = [
        id(p) for group in parameter_groups(model, OptimizerConfig()) for p in group["params"]
    ]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_parameters_have_their_rates_and_no_decay(kind: str) -> None:
    model = network(kind)
    config = OptimizerConfig(
        learning_rate=0.1, kernel_learning_rate=0.2, step_learning_rate=0.3, weight_decay=0.4
    )
    groups = by_name(model, config)
    slow = kernel_parameters(model, "slow_parameters")
    step = kernel_parameters(model, "step_parameters")
    assert slow
    assert {id(p) for p in groups["kernel"]["params"]} == slow
    assert {id(p) for p in groups.get("step", {"params": []})["params"]} == step
    assert (groups["kernel"]["lr"], groups["kernel"]["weight_decay"]) == (0.2, 0.0)
    assert (groups["network"]["lr"], groups["network"]["weight_decay"]) == (0.1, 0.4)
    if step:
        assert (groups["step"]["lr"], groups["step"]["weight_decay"]) == (0.3, 0.0)


def test_steps_follow_the_kernel_unless_told_otherwise() -> None:
    groups = by_name(network("s4"), OptimizerConfig(kernel_learning_rate=0.02))
    assert groups["step"]["lr"] == 0.02


def test_slow_output_moves_c_to_the_kernel_group() -> None:
    model = network("s4")
    outputs = {id(parameter) for name, parameter in model.named_parameters() if name.endswith(".C")}
    assert outputs
    groups = by_name(model, OptimizerConfig())
    assert outputs <= {id(p) for p in groups["network"]["params"]}
    groups = by_name(model, OptimizerConfig(slow_output=True))
    assert outputs <= {id(p) for p in groups["kernel"]["params"]}


def test_frozen_parameters_are_left_out() -> None:
    model = network("s4d")
    frozen = next(iter(model.parameters()))
    frozen.requires_grad_(False)
    grouped = [
        id(p) for group in parameter_groups(model, OptimizerConfig()) for p in group["params"]
    ]
    assert id(frozen) not in grouped
    assert len(grouped) == len(list(model.parameters())) - 1


def test_optimizer_takes_betas() -> None:
    optimizer = build_optimizer(network("s4d"), OptimizerConfig(betas=(0.5, 0.6)))
    assert {group["betas"] for group in optimizer.param_groups} == {(0.5, 0.6)}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("learning_rate", 0.0),
        ("kernel_learning_rate", -1.0),
        ("step_learning_rate", float("nan")),
        ("weight_decay", -0.1),
        ("betas", (0.9, 1.0)),
    ],
)
def test_bad_options_name_themselves(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"optimizer.{option}"):
        OptimizerConfig(**{option: value})

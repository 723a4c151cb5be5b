"""AdamW with the parameter groups that state space models need.

The kernel's own parameters (A, B, dt, ...) are trained more slowly than the rest of the network
and without weight decay; everything else, biases and norms included, follows the reference
implementation and decays. (SGConv's own code decays the weights of its kernels as well.)

Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured State Spaces" (2021),
appendix D.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW

from s4audio.kernels import Kernel


@dataclass(frozen=True)
class OptimizerConfig:
    """Learning rates and weight decay of AdamW.

    Args:
        learning_rate: Rate of everything that is not a kernel parameter, above 0.
        kernel_learning_rate: Rate of the kernel parameters (A, B, P, W, SGConv weights ...).
        step_learning_rate: Rate of the step sizes dt. None: the kernel's rate.
        weight_decay: Decoupled weight decay of everything outside the kernel, 0 or more.
        betas: Decay rates of AdamW's two running averages, each in [0, 1).
        slow_output: Train C at the kernel's rate and without weight decay too, as the first
            S4 experiments did.

    Raises:
        ValueError: A rate is not positive, or the decay or a beta is out of range.
    """

    learning_rate: float = 0.01
    kernel_learning_rate: float = 0.001
    step_learning_rate: float | None = None
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    slow_output: bool = False

    def __post_init__(self) -> None:
        for name in ("learning_rate", "kernel_learning_rate", "step_learning_rate"):
            rate = getattr(self, name)
            if rate is not None and not rate > 0:
                raise ValueError(f"optimizer.{name} is {rate}; give a number above 0")
        if not self.weight_decay >= 0:
            raise ValueError(f"optimizer.weight_decay is {self.weight_decay}; give 0 or more")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"optimizer.betas are {self.betas}; give two numbers in [0, 1)")


def parameter_groups(network: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Sort every trainable parameter into exactly one group.

    Args:
        network: Any module; its kernels are found by their type.
        config: Rates and weight decay.

    Returns:
        The non-empty ones of three groups, each with the keys `name` ("kernel", "step" or
        "network"), `params`, `lr` and `weight_decay`.
    """
    members: dict[str, list[nn.Parameter]] = {"network": [], "kernel": [], "step": []}
    special = _kernel_parameters(network, config.slow_output)
    for parameter in network.parameters():
        if parameter.requires_grad:
            members[special.get(id(parameter), "network")].append(parameter)
    step_rate = config.step_learning_rate
    rates = {
        "network": config.learning_rate,
        "kernel": config.kernel_learning_rate,
        "step": config.kernel_learning_rate if step_rate is None else step_rate,
    }
    return [
        {
            "name": name,
            "params": parameters,
            "lr": rates[name],
            "weight_decay": config.weight_decay if name == "network" else 0.0,
        }
        for name, parameters in members.items()
        if parameters
    ]


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> AdamW:
    """AdamW over the groups of `parameter_groups`."""
    return AdamW(parameter_groups(network, config), betas=config.betas)


def _kernel_parameters(network: nn.Module, slow_output: bool) -> dict[int, str]:
    """Group name of every kernel parameter with a rate of its own, by the parameter's id."""
    groups: dict[int, str] = {}
    for module in network.modules():
        if not isinstance(module, Kernel):
            continue
        slow = (*module.slow_parameters, *(("C",) if slow_output else ()))
        for name, parameter in module.named_parameters():
            # SGConv's weights are a list: "weights.0", "weights.1", ...
            attribute = name.partition(".")[0]
            if attribute in slow:
                groups[id(parameter)] = "kernel"
            elif attribute in module.step_parameters:
                groups[id(parameter)] = "step"
    return groups

"""A whole training step of a classifier on random audio: forward, loss, backward, optimiser.

Parameters of a case: ``network`` (options of `ClassifierConfig`), ``optimizer`` (options of
`OptimizerConfig`), ``batch``, ``length`` and ``classes``.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe
from s4audio.data.collate import Batch
from s4audio.models import ClassifierConfig
from s4audio.tasks import ClassificationTask, OptimizerConfig
from s4audio.tasks.optimizer import build_optimizer


def prepare(case: Case) -> Probe:
    """Build the task that `s4audio fit` trains, its optimiser and one batch.

    Args:
        case: the case.

    Returns:
        the probe; nothing is compared.
    """
    batch_size, classes = case.parameters["batch"], case.parameters["classes"]
    network = ClassifierConfig.from_dict({**case.parameters["network"], "length": case.length})
    options = OptimizerConfig(**case.parameters["optimizer"])
    task = ClassificationTask(network, [str(i) for i in range(classes)], optimizer=options)
    optimizer = build_optimizer(task.network, options)
    batch = Batch(
        inputs=0.1 * torch.randn(batch_size, case.length, network.d_input),
        lengths=torch.full((batch_size,), case.length),
        targets=torch.arange(batch_size) % classes,
        indices=torch.arange(batch_size),
    )

    def forward() -> Tensor:
        return F.cross_entropy(task(batch), batch.targets)

    def backward(loss: Tensor) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return Probe(forward, backward, results=lambda loss: {})

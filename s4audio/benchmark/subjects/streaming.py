"""A classifier on a stream of audio, without gradients.

Parameters of a case: ``network`` (options of `ClassifierConfig`), ``batch`` (streams), ``length``
(samples of a step) and ``form``: ``onnx`` and ``torch`` (pushed in chunks of 10 ms through
`Stream`), ``stepped`` (the recurrence one sample at a time in PyTorch, as the papers' code does)
and ``re-run`` (the clip model on the whole window once a chunk).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe
from s4audio.kernels import S4Kernel, StateSpaceKernel
from s4audio.models import ClassifierConfig, SequenceClassifier
from s4audio.models.block import Block
from s4audio.streaming import Stream, StreamingClassifier
from s4audio.streaming.diagonal import complex_diagonal

LABELS = [str(i) for i in range(10)]


def prepare(case: Case) -> Probe:
    """Build the model, its stream and a second of noise.

    Args:
        case: the case.

    Returns:
        a probe without backward; nothing is compared, the tests of streaming do that.
    """
    form, batch = case.parameters["form"], case.parameters["batch"]
    config = ClassifierConfig.from_dict(case.parameters["network"])
    model = SequenceClassifier(config, LABELS).eval()
    audio = 0.1 * torch.randn(batch, case.length)
    if form == "re-run":
        run = _rerun(model, audio)
    elif form == "stepped":
        run = _stepped(model, audio[0])
    else:
        run = _pushed(model, audio, in_onnx=form == "onnx", threads=case.threads)

    def forward() -> Tensor:
        with torch.no_grad():
            return run()

    return Probe(forward, None, lambda _: {})


def _pushed(
    model: SequenceClassifier, audio: Tensor, *, in_onnx: bool, threads: int
) -> Callable[[], Tensor]:
    classifier = StreamingClassifier(model)
    batch = len(audio)
    if in_onnx:
        from s4audio.export.graph import build_step, repeat

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(repeat(build_step(classifier), classifier).SerializeToString())
            stream = Stream(path, batch=batch, threads=threads)
    else:
        stream = Stream(classifier, batch=batch)
    chunks = [np.ascontiguousarray(x) for x in audio.numpy().T.reshape(-1, stream.chunk, batch)]
    pushed = [np.ascontiguousarray(chunk.T) for chunk in chunks]

    def run() -> Tensor:
        return torch.from_numpy(np.concatenate([stream.push(chunk) for chunk in pushed], axis=1))

    return run


def _rerun(model: SequenceClassifier, audio: Tensor) -> Callable[[], Tensor]:
    """One answer for the newest chunk: the clip model on the whole window that ends there."""
    window = torch.randn(len(audio), model.config.length, 1)
    window[:, -audio.shape[1] :, 0] = audio
    return lambda: model(window)


def _stepped(model: SequenceClassifier, audio_L: Tensor) -> Callable[[], Tensor]:
    """The recurrence sample by sample: state, skip, GELU, linear map and gate of each block."""
    steps = [_block_step(block) for block in model.backbone.blocks if isinstance(block, Block)]

    def run() -> Tensor:
        for sample in audio_L:
            x_1H1 = model.encoder(sample.reshape(1, 1, 1), None, 1.0).x
            for step in steps:
                x_1H1 = step(x_1H1)
        logits: Tensor = model.decoder(model.backbone.norm(x_1H1)[..., 0])
        return logits

    return run


def _block_step(block: Block) -> Callable[[Tensor], Tensor]:
    kernel, D_H = block.convolution.kernel, block.convolution.D
    assert isinstance(kernel, StateSpaceKernel)
    dense = isinstance(kernel, S4Kernel)
    if dense:
        system = kernel.recurrence()
        A, B, C = system.A.float(), system.B.float(), system.C.float()
    else:
        A, B, C = (x.to(torch.complex64) for x in complex_diagonal(kernel, 1.0))
    state = torch.zeros_like(B)

    def step(x_1H1: Tensor) -> Tensor:
        nonlocal state
        u_H1 = block.norm(x_1H1)[0]
        carried = (A @ state[..., None])[..., 0] if dense else A * state
        state = carried + B * u_H1
        y_H = (C * state).sum(-1).real + D_H * u_H1[:, 0]
        return x_1H1 + F.glu(block.linear(F.gelu(y_H)[None, :, None]), dim=1)

    return step

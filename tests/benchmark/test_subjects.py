"""What is measured does what it says: every form of a subject agrees with its judge."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from s4audio.benchmark import Case
from s4audio.benchmark.subjects import block, convolution, kernel, streaming, training
from s4audio.benchmark.suites import QUICK
from s4audio.benchmark.suites.training import RECIPES, training_step
from s4audio.benchmark.textbook import textbook_kernel
from s4audio.kernels import SGConvKernel
from s4audio.models import ClassifierConfig, SequenceClassifier

KINDS = ("s4", "s4d", "dss")
LENGTHS = (1, 64, 129)


def results(subject, case):
    """Output and gradients of a forward and a backward."""
    torch.manual_seed(0)
    probe = subject.prepare(case)
    y = probe.forward()
    probe.backward(y)
    return {name: x.detach().double() for name, x in probe.results(y).items()}


def assert_close(ours, judge, tolerance):
    assert ours["output"].shape == judge["output"].shape
    for name in ours.keys() & judge.keys():
        if ours[name].shape == judge[name].shape:
            scale = judge[name].abs().max()
            assert (ours[name] - judge[name]).abs().max() <= tolerance * scale + 1e-7, name


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["gemm", "textbook"])
def test_kernel_against_naive(form, kind, length, bidirectional):
    network = {"kind": kind, "d_model": 4, "d_state": 8, "bidirectional": bidirectional}
    naive = Case("naive", "kernel", {"network": network, "length": length, "form": "naive"})
    ours = results(kernel, replace(naive, parameters={**naive.parameters, "form": form}))
    judge = results(kernel, naive)
    assert len(judge) > 4
    assert_close(ours, judge, 2e-3)
    assert_close({"output": ours["output"]}, judge, 2e-5)


@pytest.mark.compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s4", "dss"])
def test_textbook_kernel_by_keops_against_naive(kind):
    network = {"kind": kind, "d_model": 4, "d_state": 8, "n_ssm": 2}
    naive = Case("naive", "kernel", {"network": network, "length": 64, "form": "naive"})
    parameters = {**naive.parameters, "form": "textbook keops"}
    ours = results(kernel, replace(naive, parameters=parameters))
    assert_close(ours, results(kernel, naive), 2e-3)


def test_kernel_of_sgconv():
    case = Case("x", "kernel", {"network": {"kind": "sgconv", "d_model": 4}, "length": 100})
    found = results(kernel, replace(case, parameters={**case.parameters, "form": "gemm"}))
    assert found["output"].shape == (1, 4, 100)
    with pytest.raises(ValueError, match="no textbook form of SGConvKernel"):
        textbook_kernel(SGConvKernel(4, 100), 100)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("form", "directions"), [("s4audio", 1), ("s4audio", 2), ("textbook", 1), ("direct", 1)]
)
def test_convolution_against_float64(form, directions, length):
    parameters = {"form": form, "batch": 2, "channels": 3, "length": length}
    case = Case("ours", "convolution", {**parameters, "directions": directions})
    judge = Case("judge", "convolution", {**case.parameters, "form": "textbook"}, dtype="float64")
    ours, judged = results(convolution, case), results(convolution, judge)
    assert judged["output"].shape == (1, 3, length)
    assert {"kernel", "input", "output"} == ours.keys()
    assert_close(ours, judged, 1e-5)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"glu": False}, {"n_ssm": 2}])
@pytest.mark.parametrize("kind", KINDS)
def test_block_against_textbook(kind, options):
    network = {"kind": kind, "d_model": 4, "d_state": 8, **options}
    parameters = {"network": network, "batch": 3, "length": 64}
    judge = Case("x", "block", {**parameters, "form": "naive"}, dtype="float64")
    judged = results(block, judge)
    assert judged["input"].abs().max() > 0
    for form in ("s4audio", "textbook"):
        assert_close(results(block, Case("x", "block", {**parameters, "form": form})), judged, 1e-3)


@pytest.mark.parametrize(("form", "mixes"), [("without mixing", False), ("s4audio", True)])
def test_without_mixing_no_time_step_sees_another(form, mixes):
    network = {"kind": "s4", "d_model": 4, "d_state": 8, "norm": "layer"}
    parameters = {"network": network, "batch": 2, "length": 64, "form": form}
    torch.manual_seed(0)
    probe = block.prepare(Case("x", "block", parameters))
    y = probe.forward()
    (y[..., 20] ** 2).sum().backward()
    reach = probe.results(y)["input"].abs().sum((0, 1)).nonzero().flatten().tolist()
    assert (reach == [20]) != mixes
    assert 20 in reach


@pytest.mark.parametrize("name", list(RECIPES))
def test_training_step_trains(name):
    sizes = replace(QUICK, channels=8, d_state=4, length=100, batch=4, layers=2)
    torch.manual_seed(0)
    probe = training.prepare(training_step(name, sizes, 1))
    losses = []
    for _ in range(30):
        loss = probe.forward()
        probe.backward(loss)
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < losses[0]
    assert probe.results(loss) == {}


def test_results_are_of_the_last_backward_only():
    case = Case("x", "convolution", {"form": "s4audio", "batch": 1, "channels": 1, "length": 4})
    case = replace(case, parameters={**case.parameters, "directions": 1})
    once = results(convolution, case)
    torch.manual_seed(0)
    probe = convolution.prepare(case)
    for _ in range(3):
        y = probe.forward()
        probe.backward(y)
    torch.testing.assert_close(probe.results(y)["kernel"].double(), once["kernel"])
    assert F.mse_loss(probe.results(y)["output"].double(), once["output"]) == 0


STREAM = {"d_model": 4, "n_layers": 2, "length": 320}


def stream_case(form: str, kind: str, batch: int = 1) -> Case:
    state = {} if kind == "sgconv" else {"d_state": 4}
    network = {"kind": kind, **STREAM, **state}
    parameters = {"form": form, "network": network, "length": 320, "batch": batch}
    return Case(form, "streaming", parameters)


@pytest.mark.parametrize("kind", ["s4", "s4d", "dss"])
def test_stepping_sample_by_sample_gives_the_last_frame(kind: str) -> None:
    torch.manual_seed(0)
    stepped = streaming.prepare(stream_case("stepped", kind)).forward()
    torch.manual_seed(0)
    config = ClassifierConfig.from_dict({"kind": kind, "d_state": 4, **STREAM})
    model = SequenceClassifier(config, streaming.LABELS).eval()
    audio = 0.1 * torch.randn(1, 320)
    expected = model.decoder(model.features(audio[..., None])[:, -1])
    torch.testing.assert_close(stepped, expected.detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("form", ["onnx", "torch", "re-run"])
def test_streams_answer_once_a_chunk(form: str) -> None:
    logits = streaming.prepare(stream_case(form, "sgconv", batch=2)).forward()
    assert logits.shape == ((2, 10) if form == "re-run" else (2, 2, 10))

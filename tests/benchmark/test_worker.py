"""Measuring one case, in this process and in one of its own."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from s4audio.benchmark import Case, worker
from s4audio.benchmark.memory import available, current_rss, installed, peak_rss, reset_peak
from s4audio.benchmark.probe import Probe
from s4audio.benchmark.subjects import convolution

CASE = Case(
    "ours",
    "convolution",
    {"form": "s4audio", "batch": 2, "channels": 3, "length": 50, "directions": 1},
)


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fake(monkeypatch):
    """A subject that counts its steps and takes memory."""
    steps = []

    def forward():
        steps.append("forward")
        buffer = torch.ones(25_000_000)  # 100 MB
        return buffer[:1].clone().requires_grad_()

    def backward(y):
        steps.append("backward")

    def prepare(case):
        return Probe(forward, backward, lambda y: {"output": y})

    monkeypatch.setattr(convolution, "prepare", prepare)
    return steps


def test_measure():
    measured, results = worker.measure(CASE, seconds=0.01)
    assert worker.LEAST_STEPS <= len(measured.total) <= worker.MOST_STEPS
    assert all(0 < f < t for f, t in zip(measured.forward, measured.total, strict=True))
    assert results["output"].shape == (1, 3, 50)
    assert torch.get_num_threads() == 1


def test_a_warm_up_is_not_timed(fake):
    measured, _ = worker.measure(CASE, seconds=0)
    assert fake == ["forward", "backward"] * (1 + worker.LEAST_STEPS)
    assert len(measured.total) == len(measured.forward) == worker.LEAST_STEPS


def test_no_more_steps_than_the_limit(fake, monkeypatch):
    monkeypatch.setattr(worker, "MOST_STEPS", 4)
    measured, _ = worker.measure(CASE, seconds=1e9)
    assert len(measured.total) == 4


def test_a_judge_that_is_not_timed_runs_forward_once(fake):
    measured, results = worker.measure(replace(CASE, judge=True, timed=False), seconds=1)
    assert fake == ["forward"]
    assert measured.total == []
    assert "output" in results


def test_memory_of_a_step(fake):
    measured, _ = worker.measure(CASE, seconds=0)
    if measured.above_baseline is None:
        pytest.skip("the system does not tell")
    assert 90e6 < measured.above_baseline < 200e6 or measured.memory_source == "ru_maxrss"
    assert measured.peak_rss > measured.above_baseline


def test_autocast(monkeypatch):
    seen = []

    def prepare(case):
        x = torch.ones(4, 4)
        return Probe(lambda: seen.append((x @ x).dtype) or x, None, lambda y: {})

    monkeypatch.setattr(convolution, "prepare", prepare)
    worker.measure(CASE, seconds=0)
    worker.measure(replace(CASE, dtype="bfloat16"), seconds=0)
    steps = 1 + worker.LEAST_STEPS
    assert seen == [torch.float32] * steps + [torch.bfloat16] * steps


def answered(folder, case, results=True):
    folder.mkdir(exist_ok=True)
    request = {"case": asdict(case), "seconds": 0.01, "results": results}
    (folder / "request.json").write_text(json.dumps(request))
    worker.answer(folder)
    return json.loads((folder / "measurement.json").read_text())


def test_request_and_answer(tmp_path):
    assert answered(tmp_path, CASE).keys() == {
        "forward",
        "total",
        "peak_rss",
        "above_baseline",
        "memory_source",
    }
    assert {*np.load(tmp_path / "results.npz").files} == {"kernel", "input", "output"}
    answered(tmp_path / "without", CASE, results=False)
    assert not (tmp_path / "without" / "results.npz").exists()


def test_failures_are_answers(tmp_path):
    wrong = replace(CASE, parameters={**CASE.parameters, "form": "magic"})
    assert answered(tmp_path, wrong) == {"failure": "KeyError: 'magic'"}
    network = {"kind": "s5", "d_model": 4}
    mistake = Case("x", "kernel", {"network": network, "length": 10, "form": "gemm"})
    assert answered(tmp_path, mistake)["failure"].startswith("unknown kind 's5'")


def test_memory_is_counted():
    if current_rss() is None:
        pytest.skip("the system does not tell")
    source = reset_peak()
    before = peak_rss()
    block = np.ones(10_000_000)  # 80 MB
    assert peak_rss() >= current_rss() >= block.nbytes
    if source == "VmHWM":
        assert peak_rss() - before > 70e6
        del block
        reset_peak()
        assert peak_rss() - before < 40e6
        assert 0 < available() < installed()

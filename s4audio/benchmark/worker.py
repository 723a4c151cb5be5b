"""Measures cases, each in a process of its own: `python -m s4audio.benchmark.worker`.

Reads names of folders from stdin. On Linux a fork answers each, and its exit code goes to stdout.
Elsewhere a fork must not use the system's libraries: the process itself answers the first and ends.

request.json holds the case, a budget of time and whether results are wanted. measurement.json
receives times and memory, or the reason why there are none, results.npz, if wanted, what is
compared with the judge, and log.txt what libraries print.
"""

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import torch.fx.experimental.symbolic_shapes  # else the first backward of a tensor loads it
from torch import Tensor

from s4audio.allocator import keep_freed_memory
from s4audio.benchmark.cases import Case, Measurement
from s4audio.benchmark.memory import current_rss, peak_rss, reset_peak
from s4audio.benchmark.probe import Probe
from s4audio.errors import UserError

THREADS = "OMP_NUM_THREADS"
"""For libraries that are loaded later, such as what pykeops compiles; torch is told directly."""

SEED = 0
LEAST_STEPS, MOST_STEPS = 3, 50


def main() -> None:
    """See the module."""
    for line in sys.stdin:
        if sys.platform != "linux" or os.fork() == 0:
            folder = Path(line.rstrip("\n"))
            with (folder / "log.txt").open("w") as log:
                os.dup2(log.fileno(), sys.stdout.fileno())
                os.dup2(log.fileno(), sys.stderr.fileno())
            answer(folder)
            os._exit(0)  # taking torch down would take as long as loading it
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)


def answer(folder: Path) -> None:
    """Answer the request in a folder.

    Args:
        folder: where request.json is and the answer goes.
    """
    request = json.loads((folder / "request.json").read_text())
    case = Case(**request["case"])
    os.environ[THREADS] = str(case.threads)
    if case.keeps_memory:
        keep_freed_memory()
    try:
        measurement, results = measure(case, request["seconds"])
        if request["results"]:
            arrays = {name: x.detach().double().numpy() for name, x in results.items()}
            np.savez(folder / "results.npz", **arrays)  # type: ignore[arg-type]
        values = asdict(measurement)
    except Exception as error:  # whatever fails becomes a row of the table
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        values = {"failure": kind + " ".join(str(error).split())}
    (folder / "measurement.json").write_text(json.dumps(values))


def measure(case: Case, seconds: float) -> tuple[Measurement, dict[str, Tensor]]:
    """Build a case, run it once to warm up, and time steps for as long as the budget allows.

    Args:
        case: the case.
        seconds: budget of the timed steps; at least `LEAST_STEPS` are timed, because an allocator
            that keeps memory still grows in the first.

    Returns:
        times and memory, and the tensors that are compared with the judge's.
    """
    torch.set_num_threads(case.threads)
    torch.manual_seed(SEED)
    subject = import_module(f"s4audio.benchmark.subjects.{case.subject}")
    _load_libraries()
    probe: Probe = subject.prepare(case)
    baseline, source = current_rss(), reset_peak()
    if not case.timed:
        with torch.no_grad():
            y = probe.forward()
        return _measurement([], [], baseline, source), probe.results(y)
    forward: list[float] = []
    total: list[float] = []
    y = _step(probe, case, [], [])
    while len(total) < LEAST_STEPS or (sum(total) < seconds and len(total) < MOST_STEPS):
        del y  # or two results would be alive during the next step
        y = _step(probe, case, forward, total)
    return _measurement(forward, total, baseline, source), probe.results(y)


def _step(probe: Probe, case: Case, forward: list[float], total: list[float]) -> Tensor:
    """One step; its times are added to the lists."""
    precision: AbstractContextManager[object] = nullcontext()
    if case.dtype == "bfloat16":
        precision = torch.autocast("cpu", torch.bfloat16)
    start = perf_counter()
    with precision:
        y = probe.forward()
    forward.append(perf_counter() - start)
    if probe.backward is not None:
        probe.backward(y)
    total.append(perf_counter() - start)
    return y.detach()


def _load_libraries() -> None:
    """Have torch load its matrix and Fourier libraries, which belong to no case."""
    x = torch.randn(8, 8, requires_grad=True)
    (torch.fft.irfft(torch.fft.rfft(x @ x)) @ x).sum().backward()


def _measurement(
    forward: list[float], total: list[float], baseline: int | None, source: str
) -> Measurement:
    peak = peak_rss()
    above = None if peak is None or baseline is None else max(0, peak - baseline)
    return Measurement(forward, total, peak, above, source)


if __name__ == "__main__":
    main()

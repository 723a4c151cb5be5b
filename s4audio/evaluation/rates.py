"""Zero-shot evaluation at sample rates a model never saw.

A state-space kernel is a continuous-time filter sampled with a step dt. On audio of another sample
rate the same filter is had by sampling it with the step rate * dt, where

    rate = sample rate of training / sample rate of evaluation.

Nothing is trained again. Audio of the other rate is made from the clips in two ways: by plain
decimation (every k-th sample, aliasing included: the protocol of the papers) and by band-limited
resampling. Every input is evaluated with the step rescaled and, beside it, with the step of
training (rate = 1), which shows what rescaling buys.

Source: Gu, Goel and Ré, "Efficiently modeling long sequences with structured state spaces" (2022),
section 4.3: raw speech classification at 8 kHz by a model trained at 16 kHz.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from s4audio.data import Clips
from s4audio.data.audio import decimate, resample
from s4audio.errors import UserError
from s4audio.evaluation.metrics import (
    NO_PREDICTION,
    IntArray,
    macro_f1,
    predicted_classes,
    wilson_interval,
)
from s4audio.evaluation.sweep import (
    Method,
    RateFailure,
    RateRow,
    RateSweep,
    condition,
    methods,
)
from s4audio.models import SequenceClassifier
from s4audio.models.pooling import lengths_if_padded

Waveform = npt.NDArray[np.float32]


def sweep_rates(
    model: SequenceClassifier,
    clips: Clips,
    rates: Sequence[int],
    batch_size: int = 32,
    progress: bool = True,
) -> RateSweep:
    """Evaluate one model at many sample rates, with the step rescaled and without.

    Clips are converted one at a time while batches are put together, so that memory holds one
    batch and not a converted data set. A rate at which the model raises does not end the sweep: it
    is listed under `failures`.

    Args:
        model: Classifier, on any device; its training mode is kept.
        clips: Labelled clips with the labels of the model.
        rates: Sample rates of evaluation in hertz, each once; at least one.
        batch_size: Clips in a batch at the model's own rate; fewer above it, so that a batch never
            holds more samples than there.
        progress: Whether to draw progress bars on stderr.

    Returns:
        The sweep.

    Raises:
        ValueError: If `rates` is empty or holds a rate twice or one that is not positive, or
            `batch_size` is not positive.
        UserError: If there are no clips, a clip is empty or has no label, the labels of clips and
            model differ, or no rate at all could be evaluated.
    """
    _check(model, clips, rates, batch_size)
    order = _longest_first(clips)
    targets = clips.targets
    rows: list[RateRow] = []
    predictions: list[IntArray] = []
    failures: list[RateFailure] = []
    with _evaluation_mode(model), _progress_bar(progress) as bar:
        for job in _plan(model.sample_rate, clips.sample_rate, rates):
            task = bar.add_task(condition(job.sample_rate, job.method), total=len(clips))
            try:
                for outcome in _run(model, clips, order, job, batch_size, bar, task):
                    predictions.append(outcome.predictions)
                    rows.append(_row(job, outcome, targets, len(model.labels)))
            except (RuntimeError, ValueError) as error:
                message = " ".join(str(error).split())
                failures.append(RateFailure(job.sample_rate, job.method, message))
                bar.stop_task(task)
    if not rows:
        where = condition(failures[0].sample_rate, failures[0].method)
        raise UserError(f"no rate could be evaluated; at {where}: {failures[0].message}")
    return RateSweep(
        rows=tuple(rows),
        failures=tuple(failures),
        predictions=np.stack(predictions),
        targets=targets,
        names=tuple(clips.names),
        labels=tuple(model.labels),
        model_rate=model.sample_rate,
        clips_rate=clips.sample_rate,
    )


@dataclass(frozen=True)
class _Job:
    """One way of making inputs, and the factors on the step to evaluate them with."""

    sample_rate: int
    method: Method
    factors: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What the model answered to the inputs of a job with one factor on the step."""

    factor: float
    predictions: IntArray
    seconds: float


def _check(model: SequenceClassifier, clips: Clips, rates: Sequence[int], batch_size: int) -> None:
    if not rates:
        raise ValueError("no sample rates: pass at least one, such as 16000")
    for rate in rates:
        if rate <= 0:
            raise ValueError(f"sample rate {rate}: rates are in hertz and greater than 0")
    repeated = sorted({rate for rate in rates if list(rates).count(rate) > 1})
    if repeated:
        raise ValueError(f"sample rates {repeated} are listed more than once: list each once")
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}: pass 1 or more")
    if len(clips) == 0:
        raise UserError("there are no clips to evaluate: check the folder and its split lists")
    unlabelled = np.flatnonzero(clips.targets < 0)
    if len(unlabelled):
        raise UserError(
            f"{len(unlabelled)} of {len(clips)} clips have no label, first "
            f"{clips.names[unlabelled[0]]}: evaluate labelled clips only"
        )
    if list(clips.labels) != list(model.labels):
        raise UserError(
            f"the clips have the labels {list(clips.labels)} and the model {list(model.labels)}: "
            "open the clips with the labels of the model, in its order"
        )


def _plan(model_rate: int, clips_rate: int, rates: Sequence[int]) -> list[_Job]:
    jobs = []
    for sample_rate in sorted(rates, reverse=True):
        factor = model_rate / sample_rate
        factors = (factor,) if factor == 1.0 else (factor, 1.0)
        jobs += [_Job(sample_rate, method, factors) for method in methods(clips_rate, sample_rate)]
    return jobs


def _longest_first(clips: Clips) -> IntArray:
    """Positions of the clips by length, so that batches need little padding.

    The longest come first: if memory does not suffice, it shows at once.
    """
    sizes = clips.sizes()
    if sizes.min() == 0:
        name = clips.names[int(sizes.argmin())]
        raise UserError(f"{name} holds no samples: remove it from the data set")
    return np.argsort(-sizes, kind="stable")


def _run(
    model: SequenceClassifier,
    clips: Clips,
    order: IntArray,
    job: _Job,
    batch_size: int,
    bar: Progress,
    task: TaskID,
) -> list[_Outcome]:
    """Evaluate the inputs of one job with each of its factors."""
    # Above the model's own rate clips are longer: fewer of them fill the same memory.
    size = max(1, int(batch_size * min(1.0, model.sample_rate / job.sample_rate)))
    predictions = np.full((len(job.factors), len(clips)), NO_PREDICTION, dtype=np.int64)
    seconds = [0.0] * len(job.factors)
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    for start in range(0, len(order), size):
        positions = order[start : start + size]
        inputs, lengths = _batch(clips, positions, job)
        mask = lengths_if_padded(lengths.to(device), inputs.shape[1])
        inputs = inputs.to(device)
        for index, factor in enumerate(job.factors):
            begin = time.perf_counter()
            logits = model(inputs, mask, factor).float().cpu()
            seconds[index] += time.perf_counter() - begin
            predictions[index, positions] = predicted_classes(logits)
        bar.advance(task, len(positions))
    return [
        _Outcome(factor, predictions[index], seconds[index])
        for index, factor in enumerate(job.factors)
    ]


def _batch(clips: Clips, positions: IntArray, job: _Job) -> tuple[Tensor, Tensor]:
    """Inputs (batch, time, 1), padded with zeros at the end, and their lengths (batch,)."""
    waveforms = []
    for position in positions:
        waveform = _convert(clips[int(position)].waveform, clips.sample_rate, job)
        waveforms.append(torch.from_numpy(waveform))
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    return pad_sequence(waveforms, batch_first=True).unsqueeze(-1), lengths


def _convert(waveform: Waveform, clips_rate: int, job: _Job) -> Waveform:
    if job.method == "native":
        return waveform
    if job.method == "decimation":
        return np.ascontiguousarray(decimate(waveform, clips_rate // job.sample_rate))
    return resample(waveform, clips_rate, job.sample_rate)


def _row(job: _Job, outcome: _Outcome, targets: IntArray, classes: int) -> RateRow:
    correct = int((outcome.predictions == targets).sum())
    return RateRow(
        sample_rate=job.sample_rate,
        method=job.method,
        rescaled=outcome.factor == job.factors[0],
        rate=outcome.factor,
        accuracy=correct / len(targets),
        interval=wilson_interval(correct, len(targets)),
        macro_f1=macro_f1(outcome.predictions, targets, classes),
        clips=len(targets),
        non_finite=int((outcome.predictions == NO_PREDICTION).sum()),
        seconds=outcome.seconds,
    )


@contextmanager
def _evaluation_mode(model: SequenceClassifier) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def _progress_bar(visible: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not visible,
    )

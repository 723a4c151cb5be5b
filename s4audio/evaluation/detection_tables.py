"""Tables of a stream evaluation."""

import math

import numpy as np

from s4audio.evaluation.metrics import FloatArray, wilson_interval
from s4audio.evaluation.outcome import (
    FALSE_ACCEPTS,
    confusion,
    keyword_counts,
    word_counts,
    word_latencies,
)
from s4audio.evaluation.stream_evaluation import CLOSER_TARGET, TARGETS, StreamEvaluation
from s4audio.evaluation.tables import TextTable


def tables(evaluation: StreamEvaluation) -> list[TextTable]:
    """Misses at fixed false accepts, the closer look, its words, and these in each recording."""
    found = [miss_table(evaluation), closer_table(evaluation), word_table(evaluation)]
    return [*found, condition_table(evaluation)] if 1 < len(evaluation.names) < 7 else found


def miss_table(evaluation: StreamEvaluation) -> TextTable:
    """One line a recording: miss rates at fixed false accepts an hour."""
    curves = [*zip(evaluation.names, evaluation.curves, strict=True)]
    if len(curves) > 1:
        curves.append(("all", evaluation.pooled))
    lines = []
    for name, curve in curves:
        best = [curve.best(target) for target in TARGETS]
        cells = [
            _percent(curve.keywords - int(curve.hits[index]), curve.keywords) for index in best
        ]
        thresholds = [threshold_text(curve.thresholds[index]) for index in best]
        size = (f"{curve.hours:.2f}", f"{curve.keywords:,}")
        lines.append((name, *size, *cells, thresholds[TARGETS.index(CLOSER_TARGET)]))
    pooled = evaluation.pooled
    notes = [
        "Misses in % at the best threshold with at most so many false accepts (FA) an hour, each "
        "line with its own; all: one threshold for all lines.",
    ]
    if any(outcome.timeline.negatives_from for outcome in evaluation.outcomes):
        notes.append("Hours and FA/h, here and below, are of the part without keywords.")
    hours, shortest = pooled.hours, min(curve.hours for curve in evaluation.curves)
    if shortest < 3 / min(TARGETS):
        notes.append(
            f"In {shortest:.2f} h one false accept is {1 / shortest:.1f} an hour; none at all in "
            f"{hours:.2f} h (all lines) still allows {3 / hours:.1f} an hour with 95 % confidence."
        )
    return TextTable(
        title=f"Misses of {len(evaluation.words)} keywords in a stream",
        headers=(
            "recording",
            "hours",
            "spoken",
            *(f"at {target:g} FA/h" for target in TARGETS),
            f"threshold at {CLOSER_TARGET:g}",
        ),
        rows=tuple(lines),
        words=1,
        notes=tuple(notes),
    )


def closer_table(evaluation: StreamEvaluation) -> TextTable:
    """One line a recording, all at one threshold: false accepts by cause, and latency."""
    lines = []
    for name, outcome in zip(evaluation.names, evaluation.outcomes, strict=True):
        keywords, hits = len(outcome.timeline.keywords), outcome.count("hit")
        false_accepts = int(outcome.false_accepts.sum())
        causes = [str(outcome.counted(cause)) for cause in FALSE_ACCEPTS]
        lines.append(
            (
                name,
                _percent(keywords - hits, keywords),
                f"{false_accepts / outcome.timeline.hours:.1f}",
                *causes,
                *_quantiles(outcome.latencies),
            )
        )
    return TextTable(
        title=f"Events at the threshold {threshold_text(evaluation.threshold)}",
        headers=("recording", "misses", "FA/h", *FALSE_ACCEPTS, "latency", "90 %"),
        rows=tuple(lines),
        words=1,
        notes=(
            "Misses in %; false accepts while a keyword (taken for another), an other word or none "
            "was spoken, and repeats of a hit; median and 90 % quantile of the seconds from the "
            "end of a word to its event.",
        ),
    )


def word_table(evaluation: StreamEvaluation) -> TextTable:
    """One line a keyword, all recordings together, at the closer look's threshold."""
    outcomes = evaluation.outcomes
    counts, spoken = confusion(outcomes), keyword_counts(outcomes)
    hours = evaluation.pooled.hours
    lines = []
    for row, word in enumerate(evaluation.words):
        taken = counts[row, :-1].copy()
        taken[row] = 0
        worst = int(taken.argmax())
        hits, false_accepts = word_counts(outcomes, row)
        lines.append(
            (
                word,
                f"{evaluation.words[worst]} ({taken[worst]})" if taken[worst] else "",
                str(spoken[row]),
                _missed(hits, int(spoken[row])),
                f"{false_accepts / hours:.1f}",
                _quantiles(word_latencies(outcomes, row))[0],
            )
        )
    return TextTable(
        title=f"Keywords at the threshold {threshold_text(evaluation.threshold)}, all recordings",
        headers=("word", "taken for", "spoken", "misses", "FA/h", "latency"),
        rows=tuple(lines),
        words=2,
        notes=("Misses in %, with 95 % intervals.",),
    )


def condition_table(evaluation: StreamEvaluation) -> TextTable:
    """One line a keyword, one column a recording: misses and latency."""
    lines = []
    for row, word in enumerate(evaluation.words):
        cells = []
        for outcome in evaluation.outcomes:
            spoken = int(keyword_counts([outcome])[row])
            hits, _ = word_counts([outcome], row)
            median, _ = _quantiles(word_latencies([outcome], row))
            cells.append(f"{_percent(spoken - hits, spoken)}{median and f', {median}'}")
        lines.append((word, *cells))
    return TextTable(
        title=f"Keywords at the threshold {threshold_text(evaluation.threshold)}, each recording",
        headers=("word", *evaluation.names),
        rows=tuple(lines),
        words=1,
        notes=("Misses in %, median latency in seconds.",),
    )


def threshold_text(value: float) -> str:
    """A threshold as a person reads it: "none" where no finite one is high enough."""
    return f"{value:.4f}" if math.isfinite(value) else "none"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""


def _missed(hits: int, spoken: int) -> str:
    if not spoken:
        return ""
    low, high = wilson_interval(spoken - hits, spoken)
    return f"{100 * (1 - hits / spoken):.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _quantiles(latencies: FloatArray) -> tuple[str, str]:
    if len(latencies) == 0:
        return "", ""
    median, slow = np.quantile(latencies, [0.5, 0.9])
    return f"{median:.2f}", f"{slow:.2f}"

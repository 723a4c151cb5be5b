"""Tables and files of a stream evaluation: what `s4audio evaluate --stream` prints and writes."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4audio.data.annotations import write_annotations
from s4audio.evaluation.detection_plots import (
    plot_confusion,
    plot_latencies,
    plot_tradeoff,
)
from s4audio.evaluation.detection_tables import tables
from s4audio.evaluation.metrics import wilson_interval
from s4audio.evaluation.outcome import (
    FALSE_ACCEPTS,
    Outcome,
    confusion,
    keyword_counts,
    word_counts,
    word_latencies,
)
from s4audio.evaluation.stream_evaluation import TARGETS, StreamEvaluation
from s4audio.evaluation.tables import print_table
from s4audio.evaluation.timeline_plot import plot_minute
from s4audio.evaluation.tradeoff import Curve
from s4audio.evaluation.writing import json_number, report_folder


def print_stream_report(evaluation: StreamEvaluation) -> None:
    """Print the tables on stdout."""
    for table in tables(evaluation):
        print_table(table)


def write_stream_report(evaluation: StreamEvaluation, output: Path) -> list[Path]:
    """Write tables, events, spoken words and pictures.

    Args:
        evaluation: What to write.
        output: Folder, made if missing; files of an earlier report in it are replaced.

    Returns:
        The files written.

    Raises:
        UserError: The folder or a file in it cannot be written.
    """
    spoken = [(outcome.timeline.name, outcome.timeline.spoken) for outcome in evaluation.outcomes]
    lines = [
        (name, curve)
        for name, curve in zip(evaluation.names, evaluation.curves, strict=True)
        if curve.keywords
    ]
    if len(evaluation.curves) > 1:
        lines.append(("all", evaluation.pooled))
    with report_folder(output):
        report, document = output / "report.md", output / "report.json"
        report.write_text(_markdown(evaluation), encoding="utf-8")
        document.write_text(json.dumps(_document(evaluation), indent=1), encoding="utf-8")
        return [
            report,
            document,
            write_annotations(output / "spoken.csv", spoken),
            _write_events(output / "events.csv", evaluation.outcomes),
            *plot_tradeoff(lines, TARGETS, output / "tradeoff"),
            *plot_latencies(evaluation.outcomes, output / "latency"),
            *plot_confusion(evaluation.outcomes, evaluation.threshold, output / "confusion"),
            *plot_minute(evaluation.outcomes[0], evaluation.threshold, output / "timeline"),
        ]


def _markdown(evaluation: StreamEvaluation) -> str:
    pictures = (
        "![Detection error trade-off](tradeoff.png)\n\n"
        "![Latency](latency.png)\n\n"
        "![Spoken and detected words](confusion.png)\n\n"
        "![One minute](timeline.png)\n"
    )
    parts = [table.markdown() for table in tables(evaluation)]
    return "# Stream evaluation\n\n" + "\n".join([*parts, pictures])


def _document(evaluation: StreamEvaluation) -> dict[str, object]:
    outcomes = evaluation.outcomes
    recordings = [
        {
            "name": outcome.timeline.name,
            **_curve(curve),
            "false_accepts_by_cause": {cause: outcome.counted(cause) for cause in FALSE_ACCEPTS},
            "hits": outcome.count("hit"),
            "words": _words([outcome]),
            "latencies": np.round(outcome.latencies, 3).tolist(),
        }
        for outcome, curve in zip(outcomes, evaluation.curves, strict=True)
    ]
    return {
        "smoothing": evaluation.smoothing,
        "refractory": evaluation.refractory,
        "tolerance": evaluation.tolerance,
        "threshold": json_number(evaluation.threshold),
        "recordings": recordings,
        "all": _curve(evaluation.pooled),
        "words": _words(outcomes),
        "confusion": confusion(outcomes).tolist(),
    }


def _words(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """How each keyword fares in some recordings."""
    words: list[dict[str, object]] = []
    names, counts = outcomes[0].timeline.words, keyword_counts(outcomes).tolist()
    for row, (word, spoken) in enumerate(zip(names, counts, strict=True)):
        hits, false_accepts = word_counts(outcomes, row)
        latencies = word_latencies(outcomes, row)
        words.append(
            {
                "word": word,
                "spoken": spoken,
                "hits": hits,
                "miss_interval": wilson_interval(spoken - hits, spoken),
                "false_accepts": false_accepts,
                "median_latency": round(float(np.median(latencies)), 3) if hits else None,
            }
        )
    return words


def _curve(curve: Curve) -> dict[str, object]:
    points = []
    for target in TARGETS:
        index = curve.best(target)
        misses = curve.keywords - int(curve.hits[index])
        points.append(
            {
                "false_accepts_per_hour_allowed": target,
                "threshold": json_number(float(curve.thresholds[index])),
                "miss_rate": misses / curve.keywords if curve.keywords else None,
                "miss_interval": wilson_interval(misses, curve.keywords),
                "false_accepts": int(curve.false_accepts[index]),
            }
        )
    return {
        "hours": curve.hours,
        "spoken": curve.keywords,
        "points": points,
        "curve": {
            "thresholds": [json_number(value) for value in curve.thresholds.tolist()],
            "miss_rates": curve.miss_rates.tolist(),
            "false_accepts_per_hour": curve.false_accepts_per_hour.tolist(),
        },
    }


def _write_events(path: Path, outcomes: Sequence[Outcome]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("recording", "time", "word", "score", "outcome", "during"))
        for outcome in outcomes:
            timeline, events = outcome.timeline, outcome.events
            for event, time in enumerate(outcome.times.tolist()):
                row, word = int(events.rows[event]), int(events.words[event])
                score = f"{timeline.scores[row, word]:.4f}"
                cause, during = outcome.causes[event], outcome.during[event] or ""
                writer.writerow(
                    (timeline.name, f"{time:.3f}", timeline.words[word], score, cause, during)
                )
    return path

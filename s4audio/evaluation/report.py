"""Tables, files and pictures of a rate sweep: what `s4audio evaluate` prints and writes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from s4audio.data import Clips
from s4audio.errors import UserError
from s4audio.evaluation.classes import score_table
from s4audio.evaluation.metrics import NO_PREDICTION, class_scores, confusion_matrix
from s4audio.evaluation.plots import plot_accuracy_by_rate, plot_confusion_matrix
from s4audio.evaluation.rates import sweep_rates
from s4audio.evaluation.sweep import RateRow, RateSweep, condition, kilohertz
from s4audio.evaluation.tables import (
    Cell,
    TextTable,
    flat,
    print_table,
    with_interval,
    write_csv,
    write_text,
)
from s4audio.evaluation.writing import print_then_write, report_folder
from s4audio.models import SequenceClassifier


class FailedRatesError(UserError):
    """Some rates could not be evaluated; what the others gave is printed and written."""


def evaluate(
    model: SequenceClassifier,
    clips: Clips,
    rates: Sequence[int],
    output: Path | None = None,
    batch_size: int = 32,
    progress: bool = True,
) -> RateSweep:
    """Evaluate a model at many sample rates, print the tables and write the report.

    The tables are printed before anything is written, so that a folder that cannot be written
    does not lose them.

    Args:
        model: Classifier.
        clips: Labelled clips with the labels of the model.
        rates: Sample rates of evaluation in hertz, each once; at least one.
        output: Folder for the report (made if missing, files in it replaced); None writes nothing.
        batch_size: Clips in a batch at the model's own rate.
        progress: Whether to draw progress bars on stderr.

    Returns:
        The sweep, as `sweep_rates` gives it.

    Raises:
        ValueError: As `sweep_rates`.
        UserError: As `sweep_rates`; after printing if the report cannot be written.
        FailedRatesError: After printing and writing, if some of the rates could not be evaluated.
    """
    sweep = sweep_rates(model, clips, rates, batch_size, progress)
    if output is None:
        print_report(sweep)
    else:
        print_then_write(lambda: print_report(sweep), lambda: write_report(sweep, output))
        Console().print(Text(f"The report is in {output}"), soft_wrap=True)
    if sweep.failures:
        first = sweep.failures[0]
        raise FailedRatesError(
            f"{len(sweep.failures)} of the inputs could not be evaluated, first "
            f"{condition(first.sample_rate, first.method)}: {first.message}; leave that rate out"
        )
    return sweep


def print_report(sweep: RateSweep) -> None:
    """Print the tables of a sweep on stdout."""
    print_table(rate_table(sweep))
    print_table(class_table(sweep))


def rate_table(sweep: RateSweep) -> TextTable:
    """One line for every sample rate and method: accuracy with the step rescaled and without."""
    lines = []
    for row, plain in _pairs(sweep):
        lines.append(
            (
                f"{row.sample_rate / 1000:.12g}",
                row.method,
                with_interval(row.accuracy, row.interval),
                "" if plain is None else with_interval(plain.accuracy, plain.interval),
                "" if plain is None else f"{100 * (row.accuracy - plain.accuracy):+.1f}",
                f"{100 * row.macro_f1:.1f}",
            )
        )
    notes = ["Accuracy and macro F1 (of the rescaled step) in %, with 95 % intervals."]
    for row in sweep.rows:
        if row.non_finite:
            step = "rescaled" if row.rescaled else "not rescaled"
            notes.append(
                f"WARNING: {row.non_finite} of {row.clips} clips gave logits that are not finite "
                f"at {condition(row.sample_rate, row.method)}, {step}: counted as wrong."
            )
    for failure in sweep.failures:
        where = condition(failure.sample_rate, failure.method)
        notes.append(f"FAILED: {where}: {failure.message}")
    return TextTable(
        title=f"Accuracy on {len(sweep.targets):,} clips of {len(sweep.labels)} classes by a model "
        f"trained at {kilohertz(sweep.model_rate)}",
        headers=("kHz", "input", "step rescaled", "not rescaled", "gain", "macro F1"),
        rows=tuple(lines),
        words=2,
        notes=tuple(notes),
    )


def class_table(sweep: RateSweep) -> TextTable:
    """One line for every class, at the rate nearest the model's own."""
    index = sweep.main_row()
    row = sweep.rows[index]
    scores = class_scores(sweep.predictions[index], sweep.targets, sweep.labels)
    return score_table(f"Classes at {condition(row.sample_rate, row.method)}, in %", scores)


def write_report(sweep: RateSweep, output: Path) -> list[Path]:
    """Write tables, predictions and pictures of a sweep.

    Args:
        sweep: The sweep.
        output: Folder, made if missing; files of an earlier report in it are replaced.

    Returns:
        The files written.

    Raises:
        UserError: If the folder or a file in it cannot be written.
    """
    index = sweep.main_row()
    row = sweep.rows[index]
    predictions = sweep.predictions[index]
    counts = confusion_matrix(predictions, sweep.targets, len(sweep.labels))
    scores = [asdict(s) for s in class_scores(predictions, sweep.targets, sweep.labels)]
    title = (
        f"{condition(row.sample_rate, row.method)}: "
        f"{100 * row.accuracy:.1f} % of {row.clips:,} clips right"
    )
    document = {
        "model_rate": sweep.model_rate,
        "clips_rate": sweep.clips_rate,
        "labels": sweep.labels,
        "rows": [asdict(row) for row in sweep.rows],
        "failures": [asdict(failure) for failure in sweep.failures],
        "classes_at": condition(row.sample_rate, row.method),
        "classes": scores,
        "confusion_matrix": counts.tolist(),
    }
    with report_folder(output):
        return [
            write_text(output / "report.json", json.dumps(document, indent=1, ensure_ascii=False)),
            write_text(output / "report.md", _markdown(sweep)),
            write_csv(output / "rates.csv", [flat(asdict(row)) for row in sweep.rows]),
            write_csv(output / "classes.csv", [flat(score) for score in scores]),
            write_csv(output / "predictions.csv", _prediction_rows(sweep)),
            *plot_accuracy_by_rate(sweep, output / "accuracy_by_rate"),
            *plot_confusion_matrix(
                counts, sweep.targets, sweep.labels, title, output / "confusion_matrix"
            ),
        ]


def _pairs(sweep: RateSweep) -> Iterable[tuple[RateRow, RateRow | None]]:
    """Every rescaled row with the row of the same input that is not rescaled."""
    plain = {(row.sample_rate, row.method): row for row in sweep.rows if not row.rescaled}
    for row in sweep.rows:
        if row.rescaled:
            yield row, plain.get((row.sample_rate, row.method))


def _markdown(sweep: RateSweep) -> str:
    pictures = (
        "![Accuracy against sample rate](accuracy_by_rate.png)\n\n"
        "![Confusion matrix](confusion_matrix.png)\n"
    )
    parts = [rate_table(sweep).markdown(), class_table(sweep).markdown(), pictures]
    return "# Evaluation\n\n" + "\n".join(parts)


def _prediction_rows(sweep: RateSweep) -> list[dict[str, Cell]]:
    columns = [
        condition(row.sample_rate, row.method) + ("" if row.rescaled else ", not rescaled")
        for row in sweep.rows
    ]
    rows: list[dict[str, Cell]] = []
    for clip, name in enumerate(sweep.names):
        answers: dict[str, Cell] = {"name": name, "target": sweep.labels[sweep.targets[clip]]}
        for column, found in zip(columns, sweep.predictions[:, clip], strict=True):
            answers[column] = "" if found == NO_PREDICTION else sweep.labels[found]
        rows.append(answers)
    return rows

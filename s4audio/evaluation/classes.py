"""What a classifier got right and wrong: table, files and picture, whatever it classifies."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from s4audio.evaluation.metrics import (
    NO_PREDICTION,
    ClassScore,
    IntArray,
    accuracy,
    class_scores,
    confusion_matrix,
    macro_f1,
    wilson_interval,
)
from s4audio.evaluation.plots import plot_confusion_matrix
from s4audio.evaluation.tables import (
    TextTable,
    flat,
    print_table,
    with_interval,
    write_csv,
    write_text,
)
from s4audio.evaluation.writing import print_then_write, report_folder


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier said about the rows of a split.

    Attributes:
        predictions: Predicted classes (rows,), `NO_PREDICTION` where logits are not finite.
        targets: True classes (rows,).
        names: Names of the rows.
        labels: Names of the classes.
    """

    predictions: IntArray
    targets: IntArray
    names: tuple[str, ...]
    labels: tuple[str, ...]


def score_table(title: str, scores: Sequence[ClassScore]) -> TextTable:
    """One line for every class.

    Args:
        title: Of the table.
        scores: What `class_scores` found.
    """
    lines = []
    for score in scores:
        mistaken = f"{score.mistaken_for} ({score.mistakes})" if score.mistakes else ""
        lines.append(
            (
                score.label,
                mistaken,
                str(score.clips),
                with_interval(score.recall, score.interval) if score.clips else "",
                f"{100 * score.precision:.1f}",
                f"{100 * score.f1:.1f}",
            )
        )
    return TextTable(
        title=title,
        headers=("class", "mistaken for", "count", "recall", "precision", "F1"),
        rows=tuple(lines),
        words=2,
    )


def report_classes(answers: Answers, output: Path) -> None:
    """Print the table of the classes, then write it with its data and picture.

    Args:
        answers: Of a test.
        output: Folder, made if missing; files of an earlier report in it are replaced.

    Raises:
        UserError: After printing, if the folder or a file in it cannot be written.
    """
    scores = class_scores(answers.predictions, answers.targets, answers.labels)
    correct, count = int((answers.predictions == answers.targets).sum()), len(answers.targets)
    share = with_interval(correct / count, wilson_interval(correct, count))
    table = score_table(f"{share} % of {count:,} right; classes in %", scores)
    print_then_write(lambda: print_table(table), lambda: _write(answers, scores, table, output))


def _write(answers: Answers, scores: Sequence[ClassScore], table: TextTable, output: Path) -> None:
    predictions, targets, labels = answers.predictions, answers.targets, answers.labels
    counts = confusion_matrix(predictions, targets, len(labels))
    document = {
        "labels": labels,
        "count": len(targets),
        "accuracy": accuracy(predictions, targets),
        "macro_f1": macro_f1(predictions, targets, len(labels)),
        "non_finite": int((predictions == NO_PREDICTION).sum()),
        "classes": [_row(score) for score in scores],
        "confusion_matrix": counts.tolist(),
    }
    picture = "![Confusion matrix](confusion_matrix.png)\n"
    title = f"{100 * accuracy(predictions, targets):.1f} % of {len(targets):,} right"
    with report_folder(output, "--report.output"):
        write_text(output / "report.json", json.dumps(document, indent=1, ensure_ascii=False))
        write_text(output / "report.md", f"# Evaluation\n\n{table.markdown()}\n{picture}")
        write_csv(output / "classes.csv", [flat(_row(score)) for score in scores])
        write_csv(output / "predictions.csv", _prediction_rows(answers))
        plot_confusion_matrix(counts, targets, labels, title, output / "confusion_matrix")


def _row(score: ClassScore) -> dict[str, Any]:
    """The score of a class; what is counted here need not be clips."""
    row = asdict(score)
    return {"label": row.pop("label"), "count": row.pop("clips"), **row}


def _prediction_rows(answers: Answers) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "target": answers.labels[target],
            "prediction": "" if found == NO_PREDICTION else answers.labels[found],
        }
        for name, target, found in zip(
            answers.names, answers.targets, answers.predictions, strict=True
        )
    ]

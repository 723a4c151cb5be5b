"""Evaluation: metrics, zero-shot evaluation at other sample rates, reports and plots."""

from s4audio.evaluation.classes import Answers, report_classes
from s4audio.evaluation.metrics import (
    ClassScore,
    accuracy,
    class_scores,
    confusion_matrix,
    macro_f1,
    predicted_classes,
    wilson_interval,
)
from s4audio.evaluation.plots import plot_accuracy_by_rate, plot_confusion_matrix
from s4audio.evaluation.rates import sweep_rates
from s4audio.evaluation.report import evaluate, print_report, write_report
from s4audio.evaluation.sweep import RateFailure, RateRow, RateSweep

__all__ = [
    "Answers",
    "ClassScore",
    "RateFailure",
    "RateRow",
    "RateSweep",
    "accuracy",
    "class_scores",
    "confusion_matrix",
    "evaluate",
    "macro_f1",
    "plot_accuracy_by_rate",
    "plot_confusion_matrix",
    "predicted_classes",
    "print_report",
    "report_classes",
    "sweep_rates",
    "wilson_interval",
    "write_report",
]

"""Classification metrics as plain functions of (outputs, targets).

Outputs are logits of shape (clips, classes) or predicted class indices of shape (clips,). A clip
whose logits are not finite has no prediction: it is marked `NO_PREDICTION`, counts as a wrong
answer, and appears in no column of the confusion matrix.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Outputs = Tensor | npt.NDArray[np.generic]

NO_PREDICTION = -1


@dataclass(frozen=True)
class ClassScore:
    """How one class fares.

    Attributes:
        label: Name of the class.
        clips: Number of clips that belong to the class.
        precision: Share of the clips given this label that belong to it; 0 if none was given it.
        recall: Share of the clips of this class that were given its label; 0 if it has none.
        interval: 95 % Wilson interval of the recall.
        f1: Harmonic mean of precision and recall.
        mistaken_for: The wrong label given most often to clips of this class, "" if none was.
        mistakes: How many clips of this class were given that wrong label.
    """

    label: str
    clips: int
    precision: float
    recall: float
    interval: tuple[float, float]
    f1: float
    mistaken_for: str
    mistakes: int


def predicted_classes(outputs: Outputs) -> IntArray:
    """Class indices from logits; class indices pass through.

    Args:
        outputs: Logits (clips, classes) or class indices (clips,).

    Returns:
        Class indices (clips,); `NO_PREDICTION` where a clip's logits are not all finite.

    Raises:
        ValueError: If `outputs` has another number of axes.

    Example:
        >>> predicted_classes(np.array([[0.1, 0.9], [np.nan, 0.2]]))
        array([ 1, -1])
    """
    values = outputs.detach().cpu().numpy() if isinstance(outputs, Tensor) else outputs
    if values.ndim == 1:
        return values.astype(np.int64)
    if values.ndim != 2:
        raise ValueError(
            f"outputs have shape {values.shape}: pass logits (clips, classes) or classes (clips,)"
        )
    finite = np.isfinite(values).all(axis=1)
    return np.where(finite, values.argmax(axis=1), NO_PREDICTION).astype(np.int64)


def accuracy(outputs: Outputs, targets: Outputs) -> float:
    """Share of clips whose prediction is the target.

    Args:
        outputs: Logits (clips, classes) or class indices (clips,).
        targets: True class indices (clips,).

    Returns:
        Accuracy in [0, 1].

    Example:
        >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
        0.75
    """
    predictions, truth = _aligned(outputs, targets)
    return float((predictions == truth).mean())


def macro_f1(outputs: Outputs, targets: Outputs, classes: int) -> float:
    """Unweighted mean of the F1 scores of the classes that occur.

    A class with neither a clip nor a prediction says nothing about the model and is left out.

    Args:
        outputs: Logits (clips, classes) or class indices (clips,).
        targets: True class indices (clips,).
        classes: Number of classes.

    Returns:
        Macro F1 in [0, 1].
    """
    _, _, f1, occurs = _precision_recall_f1(*_aligned(outputs, targets), classes)
    return float(f1[occurs].mean())


def confusion_matrix(outputs: Outputs, targets: Outputs, classes: int) -> IntArray:
    """Count of clips for every pair of true class and prediction.

    Args:
        outputs: Logits (clips, classes) or class indices (clips,).
        targets: True class indices (clips,).
        classes: Number of classes.

    Returns:
        Counts (classes, classes): row = true class, column = prediction. Clips without a
        prediction are in no column, so that a row may sum to less than the clips of its class.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    predictions, truth = _torch(*_aligned(outputs, targets), classes)
    counts: Tensor = multiclass_confusion_matrix(predictions, truth, num_classes=classes + 1)
    return counts[:classes, :classes].numpy().astype(np.int64)


def class_scores(outputs: Outputs, targets: Outputs, labels: Sequence[str]) -> list[ClassScore]:
    """Precision, recall and F1 of every class, in the order of the labels.

    Args:
        outputs: Logits (clips, classes) or class indices (clips,).
        targets: True class indices (clips,).
        labels: Names of the classes.

    Returns:
        One `ClassScore` a label.
    """
    predictions, truth = _aligned(outputs, targets)
    precision, recall, f1, _ = _precision_recall_f1(predictions, truth, len(labels))
    counts = confusion_matrix(predictions, truth, len(labels))
    clips = np.bincount(truth, minlength=len(labels))
    scores = []
    for index, label in enumerate(labels):
        mistakes = counts[index].copy()
        mistakes[index] = 0
        worst = int(mistakes.argmax())
        scores.append(
            ClassScore(
                label=label,
                clips=int(clips[index]),
                precision=float(precision[index]),
                recall=float(recall[index]),
                interval=wilson_interval(int(counts[index, index]), int(clips[index])),
                f1=float(f1[index]),
                mistaken_for=labels[worst] if mistakes[worst] else "",
                mistakes=int(mistakes[worst]),
            )
        )
    return scores


def wilson_interval(correct: int, clips: int) -> tuple[float, float]:
    """95 % confidence interval of a share, usable near 0 and 1 and for few clips.

    Args:
        correct: Number of right answers, from 0 to `clips`.
        clips: Number of answers; 0 gives the interval that knows nothing, (0, 1).

    Returns:
        Lower and upper bound in [0, 1].

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).

    Example:
        >>> low, high = wilson_interval(430, 453)
        >>> f"{low:.3f} {high:.3f}"
        '0.925 0.966'
    """
    if not 0 <= correct <= clips:
        raise ValueError(
            f"{correct} right answers out of {clips} clips: pass 0 <= correct <= clips"
        )
    if clips == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share = correct / clips
    centre = share + z * z / (2 * clips)
    margin = z * math.sqrt(share * (1 - share) / clips + (z / (2 * clips)) ** 2)
    scale = 1 + z * z / clips
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def _aligned(outputs: Outputs, targets: Outputs) -> tuple[IntArray, IntArray]:
    predictions, truth = predicted_classes(outputs), predicted_classes(targets)
    if len(predictions) != len(truth) or len(truth) == 0:
        raise ValueError(
            f"{len(predictions)} predictions for {len(truth)} targets: pass one each, at least one"
        )
    return predictions, truth


def _torch(predictions: IntArray, truth: IntArray, classes: int) -> tuple[Tensor, Tensor]:
    """Tensors for torchmetrics, where clips without a prediction get a class of their own."""
    marked = np.where(predictions == NO_PREDICTION, classes, predictions)
    return torch.from_numpy(marked), torch.from_numpy(truth)


def _precision_recall_f1(
    predictions: IntArray, truth: IntArray, classes: int
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Precision, recall, F1 and "occurs at all" of every class, each of shape (classes,)."""
    from torchmetrics.functional.classification import multiclass_stat_scores

    counts: Tensor = multiclass_stat_scores(
        *_torch(predictions, truth, classes), num_classes=classes + 1, average=None
    )
    # (classes, [true positive, false positive, true negative, false negative, clips])
    right, false_alarms, _, misses, _ = counts[:classes].numpy().astype(np.float64).T

    involved = right + false_alarms + misses
    return (
        _share(right, right + false_alarms),
        _share(right, right + misses),
        _share(2 * right, right + involved),
        involved > 0,
    )


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)

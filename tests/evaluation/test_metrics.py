"""Metrics against plain loops and against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from s4audio.evaluation import (
    accuracy,
    class_scores,
    confusion_matrix,
    macro_f1,
    predicted_classes,
    wilson_interval,
)

CLASSES = 4
answers = st.lists(
    st.tuples(st.integers(-1, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40
)


def split(pairs):
    predictions, targets = np.array(pairs, dtype=np.int64).T
    return predictions, targets


def naive_confusion(pairs):
    counts = [[0] * CLASSES for _ in range(CLASSES)]
    for prediction, target in pairs:
        if prediction >= 0:
            counts[target][prediction] += 1
    return counts


def naive_scores(pairs):
    """(precision, recall, f1 or None if the class does not occur) of every class."""
    scores = []
    for c in range(CLASSES):
        right = sum(p == c and t == c for p, t in pairs)
        predicted = sum(p == c for p, _ in pairs)
        true = sum(t == c for _, t in pairs)
        precision = right / predicted if predicted else 0.0
        recall = right / true if true else 0.0
        occurs = predicted + true > 0
        total = precision + recall
        f1 = (2 * precision * recall / total if total else 0.0) if occurs else None
        scores.append((precision, recall, f1))
    return scores


@given(answers)
def test_accuracy_against_loop(pairs):
    right = 0
    for prediction, target in pairs:
        right += prediction == target
    assert accuracy(*split(pairs)) == pytest.approx(right / len(pairs))


@given(answers)
def test_confusion_matrix_against_loop(pairs):
    assert confusion_matrix(*split(pairs), CLASSES).tolist() == naive_confusion(pairs)


@given(answers)
def test_macro_f1_against_loop(pairs):
    occurring = [f1 for *_, f1 in naive_scores(pairs) if f1 is not None]
    expected = sum(occurring) / len(occurring)
    assert macro_f1(*split(pairs), CLASSES) == pytest.approx(expected)


@given(answers)
def test_class_scores_against_loop(pairs):
    scores = class_scores(*split(pairs), ["a", "b", "c", "d"])
    counts = naive_confusion(pairs)
    for c, (score, expected) in enumerate(zip(scores, naive_scores(pairs), strict=True)):
        precision, recall, f1 = expected
        assert score.precision == pytest.approx(precision)
        assert score.recall == pytest.approx(recall)
        assert score.f1 == pytest.approx(f1 or 0.0)
        assert score.clips == sum(t == c for _, t in pairs)
        wrong = [0 if p == c else counts[c][p] for p in range(CLASSES)]
        assert score.mistakes == max(wrong)
        if max(wrong) == 0:
            assert score.mistaken_for == ""
        else:
            assert wrong["abcd".index(score.mistaken_for)] == max(wrong)


def test_macro_f1_against_scikit_learn():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 35, 500)
    predictions = np.where(generator.random(500) < 0.7, targets, generator.integers(0, 35, 500))
    expected = f1_score(targets, predictions, average="macro")
    assert macro_f1(predictions, targets, 35) == pytest.approx(expected)


def test_logits_and_classes_give_the_same():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, CLASSES, generator=generator)
    targets = torch.randint(CLASSES, (50,), generator=generator)
    classes = logits.argmax(dim=1)
    assert accuracy(logits, targets) == accuracy(classes, targets)
    assert accuracy(logits.numpy(), targets.numpy()) == accuracy(classes, targets)
    assert macro_f1(logits, targets, CLASSES) == macro_f1(classes, targets, CLASSES)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_logits_are_no_prediction(bad):
    logits = torch.tensor([[0.0, 1.0], [bad, 0.0], [2.0, 1.0]])
    assert predicted_classes(logits).tolist() == [1, -1, 0]
    assert accuracy(logits, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)
    assert confusion_matrix(logits, torch.tensor([1, 0, 0]), 2).tolist() == [[1, 0], [0, 1]]


def test_logits_of_wrong_shape():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\)"):
        predicted_classes(np.zeros((2, 3, 4)))


@pytest.mark.parametrize(("predictions", "targets"), [([0, 1], [0]), ([], [])])
def test_misaligned_or_no_clips(predictions, targets):
    with pytest.raises(ValueError, match="predictions for"):
        accuracy(np.array(predictions, dtype=int), np.array(targets, dtype=int))


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_solves_its_equation(case):
    """The bounds are the shares p whose distance from the observed share is z standard errors."""
    correct, clips = case
    share = correct / clips
    low, high = wilson_interval(correct, clips)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            squared_error = 1.959963984540054**2 * bound * (1 - bound) / clips
            assert (share - bound) ** 2 == pytest.approx(squared_error, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize(
    ("correct", "clips", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_of_published_examples(correct, clips, low, high):
    assert wilson_interval(correct, clips) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_of_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("correct", "clips"), [(3, 2), (-1, 2)])
def test_wilson_interval_of_impossible_counts(correct, clips):
    with pytest.raises(ValueError, match="right answers out of"):
        wilson_interval(correct, clips)

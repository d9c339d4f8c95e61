"""Metrics against oracles: scikit-learn, scipy, and sums done by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as oracle_confusion
from sklearn.metrics import precision_recall_fscore_support

from transfer_core.training.evaluation import compute_wilson_interval, confusion_matrix, score


def make_outcome(images=200, classes=5):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, images)
    logits = torch.from_numpy(generator.normal(size=(images, classes)).astype(np.float32))
    return logits, labels


def test_rows_are_actual_and_columns_predicted():
    logits, labels = make_outcome()
    predicted = logits.argmax(1).numpy()
    expected = oracle_confusion(labels, predicted, labels=range(5))
    assert (confusion_matrix(predicted, labels, 5) == expected).all()


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_wilsons(correct, images, low, high):
    """The examples of Newcombe 1998, "Two-sided confidence intervals for the single proportion"."""
    assert compute_wilson_interval(correct, images) == pytest.approx((low, high), abs=1e-4)


def test_scores_per_class_and_macro_f1_agree_with_scikit_learn():
    logits, labels = make_outcome()
    result = score(logits, labels, tuple("abcde"), (9, 9, 9, 9, 9), 0.5)
    precision, recall, f1, support = precision_recall_fscore_support(labels, logits.argmax(1))
    assert [s.precision for s in result.per_class] == pytest.approx(precision.tolist())
    assert [s.recall for s in result.per_class] == pytest.approx(recall.tolist())
    assert [s.support for s in result.per_class] == support.tolist()
    assert result.macro_f1 == pytest.approx(f1.mean())


def test_the_largest_class_is_chosen_by_training_images_and_judged_on_test_images():
    logits, labels = make_outcome(images=4, classes=2)
    result = score(logits, np.array([0, 0, 0, 1]), ("cat", "dog"), (3, 30), None)
    assert (result.majority_class, result.majority_accuracy) == ("dog", 0.25)


def test_the_sentence_says_when_saying_the_same_class_cannot_be_ruled_out():
    logits = torch.eye(2)[[0, 0, 0, 1]]
    result = score(logits, np.array([0, 0, 1, 1]), ("cat", "dog"), (3, 3), None)
    assert "3 of 4" in result.sentence
    assert "too few test images" in result.sentence

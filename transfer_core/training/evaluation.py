"""Metrics on the test split, which is used once, at the end of a run."""

from math import sqrt

import numpy as np
import torch
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional

from transfer_core.features import choose_batch_size, normalise
from transfer_core.networks import SourceNetwork
from transfer_core.system import get_device
from transfer_core.training.result import ClassMetrics, TestResult

Z_95 = 1.959964  # standard normal quantile of a two-sided 95 % interval


@torch.inference_mode()
def predict_logits(
    network: nn.Sequential, pixels: np.ndarray, source: SourceNetwork
) -> torch.Tensor:
    """Run a network in eval mode on images, on the network's device.

    Args:
        network: Its weights are float32; it is set to eval mode.
        pixels: uint8, shape (N, H, W, 3).
        source: Describes the normalisation.

    Returns:
        Logits on the processor, float32 (N, C).
    """
    network.eval()
    parts, batch, device = [], choose_batch_size(source), get_device(network)
    for start in range(0, len(pixels), batch):
        parts.append(network(normalise(pixels[start : start + batch], source, device)).cpu())
    return torch.cat(parts)


def score(
    test_logits: torch.Tensor,
    labels: np.ndarray,
    classes: tuple[str, ...],
    train_counts: tuple[int, ...],
    validation_accuracy: float | None,
) -> TestResult:
    """Compute the metrics of predictions on the test images.

    Args:
        test_logits: Logits of the test images, float32 (N, C), N at least 1.
        labels: True classes, int64 (N,).
        classes: Names of the C classes.
        train_counts: Training images of each class; they choose the largest class.
        validation_accuracy: Accuracy of the same weights, fraction in [0, 1].
    """
    predicted = test_logits.argmax(1).numpy()
    confusion = confusion_matrix(predicted, labels, len(classes))
    support, called = confusion.sum(1), confusion.sum(0)
    right = np.diag(confusion)
    precision, recall = right / np.maximum(called, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + called, 1)
    images, hits = len(labels), int(right.sum())
    low, high = compute_wilson_interval(hits, images)
    majority = int(np.argmax(train_counts))
    per_class = tuple(
        ClassMetrics(name, float(p), float(r), int(s))
        for name, p, r, s in zip(classes, precision, recall, support, strict=True)
    )
    return TestResult(
        images=images,
        accuracy=hits / images,
        low=low,
        high=high,
        majority_class=classes[majority],
        majority_accuracy=float(support[majority] / images),
        macro_f1=float(f1[support > 0].mean()),
        loss=functional.cross_entropy(test_logits, torch.from_numpy(labels)).item(),
        validation_accuracy=validation_accuracy,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        per_class=per_class,
        sentence=_describe_result(hits, images, low, high, float(support[majority] / images)),
    )


def confusion_matrix(predicted: np.ndarray, actual: np.ndarray, num_classes: int) -> np.ndarray:
    """Count how often each class was predicted for each class.

    Args:
        predicted: Predicted class indices, int64 (N,).
        actual: True class indices, int64 (N,).
        num_classes: Number of classes C; every index lies in [0, C).

    Returns:
        Images, int64 (C, C); rows are the actual class, columns the predicted one.

    Source:
        Same orientation as sklearn.metrics.confusion_matrix.
    """
    pairs = actual * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def compute_wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """Return the 95 % score interval of an accuracy, as fractions in [0, 1].

    Args:
        correct: Number of images classified correctly.
        images: Number of images, at least 1.

    Source:
        Wilson 1927, "Probable inference, the law of succession, and statistical
        inference". It assumes that the images are independent of each other.
    """
    low, high = binomtest(correct, images).proportion_ci(method="wilson")
    return float(low), float(high)


def compute_difference_interval(
    first: tuple[float, int], second: tuple[float, int]
) -> tuple[float, float]:
    """The 95 % interval of the difference of two accuracies on different images.

    Args:
        first: An accuracy in [0, 1] and the number of images it was measured on.
        second: The accuracy that is subtracted, and its images.

    Source:
        Newcombe 1998, "Interval estimation for the difference between independent
        proportions: comparison of eleven methods", the tenth, from Wilson's intervals.
    """
    (a, images_a), (b, images_b) = first, second
    low_a, high_a = compute_wilson_interval(round(a * images_a), images_a)
    low_b, high_b = compute_wilson_interval(round(b * images_b), images_b)
    return (
        a - b - sqrt((a - low_a) ** 2 + (high_b - b) ** 2),
        a - b + sqrt((high_a - a) ** 2 + (b - low_b) ** 2),
    )


def _describe_result(correct: int, images: int, low: float, high: float, majority: float) -> str:
    accuracy = correct / images
    if low > majority:
        verdict = "better than"
    elif high < majority:
        verdict = "worse than"
    else:
        verdict = "too few test images to tell it from"
    return (
        f"{correct} of {images} test images are right: {accuracy:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%}); {verdict} "
        f"always saying the same class ({majority:.1%})."
    )

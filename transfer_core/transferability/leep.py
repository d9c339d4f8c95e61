"""LEEP and energy: what the source network's own classes say about the new images."""

import numpy as np
from scipy.special import logsumexp

PSEUDO_COUNT = 0.5  # images of each class that are counted before any is seen


def compute_leep(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return each image's contribution to the cross-fitted, normalised LEEP, shape (N,).

    Their mean is 1 + LEEP / H(Y), the share of the labels' information that the source classes
    carry: 1 if they determine every label, 0 if they say nothing, below 0 if what they say in
    other folds is misleading.

    Args:
        logits: Logits of the source classes, float32 (N, S).
        labels: Class indices from 0, every class present, int64 (N,).
        folds: Fold of each image; the joint distribution is counted on the other folds.

    Source:
        Nguyen et al. 2020, "LEEP: a new measure to evaluate transferability of learned
        representations", equation 2.
    """
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = shifted / shifted.sum(1, keepdims=True)
    share = np.bincount(labels) / len(labels)
    logs = np.zeros(len(labels))
    for fold in np.unique(folds):
        held_out = folds == fold
        one_hot = np.eye(len(share))[labels[~held_out]]
        joint = one_hot.T @ probabilities[~held_out] + PSEUDO_COUNT * share[:, None]
        conditional = joint / joint.sum(0)
        logs[held_out] = np.log((probabilities[held_out] * conditional[labels[held_out]]).sum(1))
    return 1 + logs / -(share * np.log(share)).sum()


def compute_energy(logits: np.ndarray) -> float:
    """Return the mean of log sum exp of the source classes' logits.

    It is high for images like those that the network was trained on, low for others.

    Args:
        logits: Logits of the source classes, float32 (N, S).

    Source:
        Liu et al. 2020, "Energy-based out-of-distribution detection", equation 4, with the
        sign turned and temperature 1.
    """
    return float(logsumexp(logits, axis=1).mean())

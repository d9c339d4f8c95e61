"""What the source network's own classes already say about the new ones."""

import numpy as np
from scipy.special import logsumexp

PSEUDO_COUNT = 0.5  # images of each class that count before any is seen


def compute_leep(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float:
    """Share of the labels' information that the source classes carry, cross-fitted.

    The mean logarithm of the probability that the source classes give the right label, on
    the scale 1 + LEEP / H(Y): 1 if they tell every label, 0 if they tell none; below 0 if
    what they said of other folds misled.

    Args:
        logits: Logits of the source classes, float32 (N, S).
        labels: Class indices from 0, every class present, int64 (N,).
        folds: Fold of each image; the table of classes is counted on the other folds.

    Source:
        Nguyen et al. 2020, "LEEP: a new measure to evaluate transferability of learned
        representations", equation 2.
    """
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    chances = shifted / shifted.sum(1, keepdims=True)
    share = np.bincount(labels) / len(labels)
    logs = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        given = np.eye(len(share))[labels[~held]]
        joint = given.T @ chances[~held] + PSEUDO_COUNT * share[:, None]
        table = joint / joint.sum(0)
        logs[held] = np.log((chances[held] * table[labels[held]]).sum(1))
    return float(1 + logs.mean() / -(share * np.log(share)).sum())


def compute_energy(logits: np.ndarray) -> float:
    """How strongly the source classes respond: the mean of log sum exp of their logits.

    High for images like those that the network was trained on, low for others.

    Args:
        logits: Logits of the source classes, float32 (N, S).

    Source:
        Liu et al. 2020, "Energy-based out-of-distribution detection", equation 4, with the
        sign turned and temperature 1.
    """
    return float(logsumexp(logits, axis=1).mean())

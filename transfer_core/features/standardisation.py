"""Embeddings made comparable feature by feature."""

import numpy as np

SHRINKAGE = 0.1  # share of the mean variance that is added to each feature's variance


def fit_standardisation(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each feature, with deviations shrunk towards their mean.

    A feature that is nearly always 0 on these images has a tiny deviation; divided
    by it, one image on which it is not 0 would outweigh all that was learned.

    Args:
        embeddings: Of the training images, float32 (N, D).

    Returns:
        Mean and deviation, each float32 (D,); every deviation is positive.
    """
    variance = embeddings.var(0)
    deviation = np.sqrt(variance + SHRINKAGE * variance.mean() + 1e-12)
    return embeddings.mean(0), deviation.astype(np.float32)

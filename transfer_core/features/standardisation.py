"""Standardise embeddings feature by feature."""

import numpy as np

SHRINKAGE = 0.1  # share of the mean variance that is added to each feature's variance


def fit_standardisation(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute each feature's mean and standard deviation; variances are shrunk to their mean.

    A feature that is nearly always 0 has a tiny deviation. Divided by it, the one image on
    which the feature is not 0 would outweigh everything else.

    Args:
        embeddings: Embeddings of the training images, float32 (N, D).

    Returns:
        Mean and standard deviation, each float32 (D,); every deviation is positive.
    """
    variance = embeddings.var(0)
    deviation = np.sqrt(variance + SHRINKAGE * variance.mean() + 1e-12)
    return embeddings.mean(0), deviation.astype(np.float32)

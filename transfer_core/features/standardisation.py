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


def fit_unit_scaling(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute each feature's mean and divisor so that embeddings have a mean square length of 1.

    Every feature is standardised, and divided by the root of their number: a linear layer then
    learns as fast from ten thousand features as from a hundred.

    Args:
        embeddings: Embeddings of the training images, float32 (N, D).

    Returns:
        Mean and divisor, each float32 (D,); every divisor is positive.
    """
    mean, deviation = fit_standardisation(embeddings)
    return mean, deviation * np.float32(np.sqrt(embeddings.shape[1]))

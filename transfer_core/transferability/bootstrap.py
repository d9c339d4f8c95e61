"""Bootstrap: how much the measurements would vary with other images, and other classes, like these.

Each draw weighs classes and independent images at random, and averages the recorded predictions
anew; nothing is fitted again. The folds share training images, so such draws vary too little:
they are widened by sqrt(2). An accuracy of 100 % never varies, but is not certain either, so
every accuracy has a standard error of at least 1 / (N + 2).

Source:
    Rubin 1981, "The Bayesian bootstrap": exponential weights, which never lose a class or an
    image altogether.
"""

import numpy as np

from transfer_core.transferability.evidence import (
    BootstrapDraws,
    compute_skill,
    find_best,
    round_values,
)
from transfer_core.transferability.head_cross_validation import CrossValidated

BOOTSTRAP_SAMPLES = 200
WIDENING = np.sqrt(2)


class Bootstrap:
    """The draws of one sample of images, the same at every call.

    Args:
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Group of each image as numbers from 0, int64 (N,); near-duplicates share one.
        vary_classes: Whether the classes too are taken for a sample of others like them.
    """

    def __init__(self, labels: np.ndarray, groups: np.ndarray, *, vary_classes: bool) -> None:
        generator, classes = np.random.default_rng(0), int(labels.max()) + 1
        self.independent_images = len(np.unique(groups))
        of_group = generator.exponential(size=(BOOTSTRAP_SAMPLES, int(groups.max()) + 1))
        of_class = generator.exponential(size=(BOOTSTRAP_SAMPLES, classes))
        if not vary_classes:
            of_class[:] = 1
        weights = of_group[:, groups]
        in_class = np.stack([weights[:, labels == label].sum(1) for label in range(classes)], 1)
        share = of_class / of_class.sum(1, keepdims=True)
        self._balanced = weights * (share / in_class)[:, labels]  # (B, N)
        self._plain = weights / weights.sum(1, keepdims=True)

    def resample_accuracies(self, scores: list[CrossValidated]) -> np.ndarray:
        """Return the balanced accuracy of each head on each draw, shape (B, heads)."""
        draws = self._balanced @ np.stack([each.correct for each in scores], 1)
        return self._widen(draws, [each.balanced_accuracy() for each in scores])

    def estimate_errors(self, scores: list[CrossValidated]) -> np.ndarray:
        """Return the standard error of each head's balanced accuracy, shape (heads,)."""
        return self.resample_accuracies(scores).std(0)

    def resample_mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of a value of each image on each draw, shape (B,)."""
        return values.mean() + WIDENING * (self._plain @ values - values.mean())

    def _widen(self, draws: np.ndarray, means: list[float]) -> np.ndarray:
        """Centre the draws on the measured means, and add the variance that they miss."""
        noise = np.random.default_rng(1).normal(size=draws.shape)
        noise = (noise - noise.mean(0)) / (self.independent_images + 2)
        return np.array(means) + WIDENING * (draws - draws.mean(0)) + noise


def draw_predictors(
    bootstrap: Bootstrap,
    scores: list[CrossValidated],
    num_early: int,
    compared: list[CrossValidated],
    leep: np.ndarray,
) -> BootstrapDraws:
    """Return the predictors of the similarity model on each draw.

    Args:
        bootstrap: The draws.
        scores: One per kept stage, input to output.
        num_early: The first so many stages are early.
        compared: Without pre-training: random weights, and bare pixels.
        leep: Contribution of each image, from `compute_leep`, shape (N,).
    """
    accuracies = [each.balanced_accuracy() for each in scores]
    early, best = find_best(accuracies[:num_early]), find_best(accuracies)
    other = int(np.argmax([each.balanced_accuracy() for each in compared]))
    columns = [scores[early], scores[-1], scores[best], compared[other]]
    early_accuracy, top_accuracy, best_accuracy, other_accuracy = bootstrap.resample_accuracies(
        columns
    ).T
    return BootstrapDraws(
        gap=round_values(100 * (early_accuracy - top_accuracy)),
        gain=round_values(100 * (best_accuracy - other_accuracy)),
        leep=round_values(bootstrap.resample_mean(leep)),
        skill=round_values(compute_skill(best_accuracy, len(np.unique(scores[0].labels)))),
    )

"""What a run's accuracy is expected to be, after the best of several measured ones was noticed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class AccuracyPrior:
    """How the new layers of one network usually differ on a data set; see `benchmarks/panel`.

    Source:
        Empirical Bayes: Efron and Morris 1975, "Data analysis using Stein's estimator and its
        generalizations".
    """

    offsets: dict[str, float]  # by what the layer reads: its accuracy minus the mean of all
    variance: float  # of a data set's true offsets around these

    def expect(self, measured: Mapping[str, float], images: float) -> dict[str, float]:
        """Return the accuracies that runs are expected to have.

        The highest of several accuracies that were measured on few images is luck in part. So
        each difference from what is usual is shrunk, by its share of chance: by half and more
        with ten images, hardly with a thousand.

        Args:
            measured: Cross-validated accuracy by what the new layer reads, in [0, 1].
            images: Number of independent images in it.
        """
        mean = float(np.mean(list(measured.values())))
        trust = self.variance / (self.variance + mean * (1 - mean) / images + 1e-9)
        expected = {}
        for name, accuracy in measured.items():
            usual = mean + self.offsets.get(name, 0.0)
            expected[name] = float(np.clip(usual + trust * (accuracy - usual), 0, 1))
        return expected

"""Whether the difference between two runs is more than chance: on the same test images."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from transfer_core import dataset
from transfer_core.errors import RunError
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.runs.store.store import RunStore

SIGNIFICANCE_LEVEL = 0.05  # p-value from which a difference may be chance
NUM_RESAMPLES = 10_000  # of the paired bootstrap

_ImageKey = tuple[str, str, int]  # digest, class name, and which of several equal files it is


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two runs on the test images that both were tested on."""

    images: int  # that both were tested on, with the same content and the same class
    alone_first: int  # further test images of the first run, left out of the comparison
    alone_second: int  # and of the second
    both_right: int  # images
    only_first: int  # images that only the first run is right on
    only_second: int  # images that only the second run is right on
    p_value: float  # exact McNemar, two-sided
    low: float  # of the 95 % interval of the difference, in [-1, 1]
    high: float

    @property
    def accuracies(self) -> tuple[float, float]:
        """Of the first and the second run on the common images, fractions in [0, 1]."""
        first, second = self.both_right + self.only_first, self.both_right + self.only_second
        return first / self.images, second / self.images

    @property
    def difference(self) -> float:
        """Accuracy of the first run less that of the second, in [-1, 1]."""
        return (self.only_first - self.only_second) / self.images

    @property
    def may_be_chance(self) -> bool:
        """Whether equally good networks would often differ as much."""
        return self.p_value >= SIGNIFICANCE_LEVEL

    def sentence(self, first: str = "A", second: str = "B") -> str:
        """The comparison in words, for two runs of these names."""
        if not self.only_first + self.only_second:
            told = (
                f"{first} and {second} are right on the same {_format_image_count(self.both_right)}"
            )
            return f"{told} of {self.images:,}: no difference to be seen."
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.2g}"
        verdict = "may be chance" if self.may_be_chance else "is unlikely to be chance"
        return (
            f"{first} is right on {_format_image_count(self.only_first)} that {second} misses, {second} on "
            f"{self.only_second:,} that {first} misses: the difference {verdict} ({p})."
        )

    def describe_excluded(self, first: str = "A", second: str = "B") -> str:
        """Which test images could not be compared; "" if all could."""
        if not self.alone_first + self.alone_second:
            return ""
        return (
            f"Compared on the {_format_image_count(self.images)} that both were tested on. Left out, because "
            "the other was not tested on them or has them in another class: "
            f"{self.alone_first:,} of {first}, {self.alone_second:,} of {second}."
        )


def compare_runs(home: Path, first: str, second: str) -> PairedComparison:
    """Compare two finished runs image by image.

    The runs may be of two data sets, such as a data set and its mended version: images
    are the same where their files have the same content and their classes the same name.

    Args:
        home: The data folder.
        first: Id of a run.
        second: Id of the run that it is compared with.

    Raises:
        RunError: If a run is unknown or has no result, or no test image is common to both.
    """
    one, other = _mark_correct(home, first), _mark_correct(home, second)
    common = one.keys() & other.keys()
    if not common:
        raise RunError(
            "These runs were tested on different images, so they cannot be compared.",
            found=f"{_format_image_count(len(one))} of one, {len(other):,} of the other, none in common",
            remedy="Choose runs on the same data set, or train on the same one again.",
        )
    counts = Counter((one[image], other[image]) for image in common)
    only_first, only_second = counts[True, False], counts[False, True]
    low, high = compute_bootstrap_interval(only_first, only_second, len(common))
    return PairedComparison(
        images=len(common),
        alone_first=len(one) - len(common),
        alone_second=len(other) - len(common),
        both_right=counts[True, True],
        only_first=only_first,
        only_second=only_second,
        p_value=compute_mcnemar_p_value(only_first, only_second),
        low=low,
        high=high,
    )


def compute_mcnemar_p_value(only_first_correct: int, only_second_correct: int) -> float:
    """Return the probability that equally good networks differ at least as much, in [0, 1].

    Args:
        only_first_correct: Images that only the first network is right on.
        only_second_correct: Images that only the second network is right on.

    Returns:
        The two-sided p-value; 1 if the networks never differ.

    Source:
        McNemar 1947, "Note on the sampling error of the difference between correlated
        proportions or percentages", exact: a binomial test of one half. It assumes that
        the images are independent of each other.
    """
    differing = only_first_correct + only_second_correct
    return float(binomtest(only_first_correct, differing).pvalue) if differing else 1.0


def compute_bootstrap_interval(
    only_first_correct: int, only_second_correct: int, images: int
) -> tuple[float, float]:
    """The 95 % interval of the difference of two accuracies, each in [-1, 1].

    Args:
        only_first_correct: Images that only the first network is right on.
        only_second_correct: Images that only the second network is right on.
        images: Images in all, at least 1.

    Source:
        Efron 1979, "Bootstrap methods: another look at the jackknife": percentiles of the
        difference over images drawn anew with replacement, both networks' answers to an
        image together. Only the counts matter, so they are drawn, from a fixed seed.
    """
    shares = (
        np.array(
            [
                only_first_correct,
                only_second_correct,
                images - only_first_correct - only_second_correct,
            ]
        )
        / images
    )
    drawn = np.random.default_rng(0).multinomial(images, shares, NUM_RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / images, [0.025, 0.975])
    return float(low), float(high)


def _mark_correct(home: Path, run_id: str) -> dict[_ImageKey, bool]:
    """Whether a run is right on each of its test images."""
    answers = load_test_predictions(home, run_id)
    with closing(RunStore(home)) as store:
        data_set = dataset.load(home, store.get(run_id).config.data_id)
    seen, rights = Counter(), {}
    for index, right in zip(answers.images, answers.predicted == answers.labels, strict=True):
        record = data_set.records[index]
        content = record.digest, data_set.classes[record.label]
        rights[*content, seen[content]] = bool(right)
        seen[content] += 1
    return rights


def _format_image_count(count: int) -> str:
    return f"{count:,} image" + ("" if count == 1 else "s")

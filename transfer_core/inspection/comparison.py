"""Paired comparison of two runs on the test images that both were tested on."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from transfer_core import dataset
from transfer_core.errors import RunError
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.languages import _, ngettext
from transfer_core.runs import RunStore

SIGNIFICANCE_LEVEL = 0.05  # p-value at and above which a difference may be chance
NUM_RESAMPLES = 10_000  # of the paired bootstrap

_ImageKey = tuple[str, str, int]  # digest, class name, and number among equal files


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Counts of correct answers of two runs on their common test images, with a test."""

    images: int  # common test images: the same content and the same class
    alone_first: int  # test images of the first run only, left out of the comparison
    alone_second: int  # test images of the second run only, left out too
    both_right: int  # images classified correctly by both
    only_first: int  # images classified correctly by the first run only
    only_second: int  # images classified correctly by the second run only
    p_value: float  # exact McNemar, two-sided
    low: float  # of the 95 % interval of the difference, in [-1, 1]
    high: float

    @property
    def accuracies(self) -> tuple[float, float]:
        """Accuracies of the first and the second run on the common images, in [0, 1]."""
        first, second = self.both_right + self.only_first, self.both_right + self.only_second
        return first / self.images, second / self.images

    @property
    def difference(self) -> float:
        """Accuracy of the first run minus that of the second, in [-1, 1]."""
        return (self.only_first - self.only_second) / self.images

    @property
    def may_be_chance(self) -> bool:
        """Whether the difference is not significant."""
        return self.p_value >= SIGNIFICANCE_LEVEL

    def describe(self, first: str = "A", second: str = "B") -> str:
        """Describe the comparison for people; the runs have these names."""
        if not self.only_first + self.only_second:
            return _(
                "{first} and {second} are right on the same {right} of {images:,}: no difference "
                "to be seen.",
                first=first,
                second=second,
                right=_format_image_count(self.both_right),
                images=self.images,
            )
        chance = _("may be chance") if self.may_be_chance else _("is unlikely to be chance")
        return _(
            "{first} is right on {only_first} that {second} misses, {second} on {only_second:,} "
            "that {first} misses: the difference {chance} ({p}).",
            first=first,
            second=second,
            only_first=_format_image_count(self.only_first),
            only_second=self.only_second,
            chance=chance,
            p="p < 0.001" if self.p_value < 0.001 else _("p = {p:.2g}", p=self.p_value),
        )

    def describe_excluded(self, first: str = "A", second: str = "B") -> str:
        """Describe the test images that were left out; "" if none were."""
        if not self.alone_first + self.alone_second:
            return ""
        return _(
            "Compared on the {images} that both were tested on. Left out, because the other was "
            "not tested on them or has them in another class: {alone_first:,} of {first}, "
            "{alone_second:,} of {second}.",
            images=_format_image_count(self.images),
            alone_first=self.alone_first,
            alone_second=self.alone_second,
            first=first,
            second=second,
        )


def compare_runs(home: Path, first: str, second: str) -> PairedComparison:
    """Compare two finished runs image by image.

    The runs may use two data sets, such as two versions of one: images are the same if
    their files have the same content and their classes the same name.

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
            _("These runs were tested on different images, so they cannot be compared."),
            found=_(
                "{one} of one, {other:,} of the other, none in common",
                one=_format_image_count(len(one)),
                other=len(other),
            ),
            remedy=_("Choose runs on the same data set, or train on the same one again."),
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
        only_first_correct: Images classified correctly by the first network only.
        only_second_correct: Images classified correctly by the second network only.

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
    """Return the 95 % interval of the difference of two accuracies, in [-1, 1].

    Args:
        only_first_correct: Images classified correctly by the first network only.
        only_second_correct: Images classified correctly by the second network only.
        images: Number of images, at least 1.

    Source:
        Efron 1979, "Bootstrap methods: another look at the jackknife": percentiles of the
        difference over resampled images, keeping both networks' answers to an image
        together. Only the counts matter, so they are drawn, from a fixed seed.
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
    """Return whether a run classified each of its test images correctly."""
    predictions = load_test_predictions(home, run_id)
    with closing(RunStore(home)) as store:
        data_set = dataset.load(home, store.get(run_id).config.data_id)
    seen, correct = Counter(), {}
    right = predictions.predicted == predictions.labels
    for index, is_right in zip(predictions.images, right, strict=True):
        record = data_set.records[index]
        content = record.digest, data_set.classes[record.label]
        correct[*content, seen[content]] = bool(is_right)
        seen[content] += 1
    return correct


def _format_image_count(count: int) -> str:
    return ngettext("{n:,} image", "{n:,} images", count)

"""The measured voice: every option with its accuracy and its time, and the one to take."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork, trains_head_only
from transfer_core.settings import check_minutes
from transfer_core.system import Progress, ignore_progress
from transfer_core.transferability.accuracy_interval import AccuracyInterval, predict_run_accuracy
from transfer_core.transferability.cautions import has_too_few_images, is_guessing
from transfer_core.transferability.estimate import SimilarityEstimate
from transfer_core.transferability.evidence import ALL_STAGES, TransferabilityEvidence
from transfer_core.transferability.forecast_model import list_forecast_predictors
from transfer_core.transferability.options import TRAINED_ALIKE, Option, Options
from transfer_core.transferability.recommendation import (
    apply_results,
    choose_option,
    explain_recommendation,
)
from transfer_core.transferability.similarity_calibration import (
    Basis,
    Calibration,
    load_calibration,
)
from transfer_core.transferability.textbook import (
    count_images_to_learn_from,
    list_measured_strategies,
)

if TYPE_CHECKING:  # brings torch
    from transfer_core.inspection import CaseResult
    from transfer_core.timing import TimeRange

DEFAULT_MINUTES = 10.0  # that a run may take
MIN_INDEPENDENT_IMAGES = 10  # with fewer nothing is measured
CASE_NAMES = {
    "1": N_("Case 1, new last layer"),
    "3": N_("Case 3, everything trained"),
    "4-random": N_("Case 4, from random weights"),
    "4-pretrained": N_("Case 4, from pre-trained weights"),
}
TOO_FEW_TO_MEASURE = N_("Fewer than 10 different images: nothing to measure.")
TOO_FEW_TO_FORECAST = N_("Too few images to forecast it.")
NOTHING_TO_COMPARE_WITH = N_("Not forecast for this network. Train it, and see.")
NOTHING_TO_FORECAST_FROM = N_("No stage does better than guessing, so nothing can be forecast.")


def list_options(
    data_set: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    home: Path,
    *,
    minutes: float = DEFAULT_MINUTES,
    may_measure: bool = True,
    progress: Progress = ignore_progress,
) -> Options:
    """Return every option with its accuracy and time, and mark the recommended one.

    Args:
        data_set: The new images.
        source: The network to transfer from.
        estimate: The estimate, with the measurements.
        home: The data folder, with what was timed before.
        minutes: That a run may take.
        may_measure: Whether batches may be timed; False takes what was timed before.
        progress: Called with what is done, done and total; may raise to cancel.

    Raises:
        SettingsError: If the minutes are out of range.
    """
    check_minutes(minutes)
    from transfer_core.timing import forecast_options  # brings torch

    strategies = list_measured_strategies(source, estimate.evidence)
    seconds = forecast_options(
        data_set, source, strategies, home, may_measure=may_measure, progress=progress
    )
    images = sum(count_images_to_learn_from(data_set))
    options = build_options(
        source, strategies, estimate.evidence, images, len(data_set.indices("test")), seconds
    )
    return recommend(options, minutes, load_calibration(source))


def recommend(
    options: tuple[Option, ...],
    minutes: float,
    calibration: Calibration,
    results: "Mapping[str, CaseResult] | None" = None,
) -> Options:
    """Mark the option to take within the minutes, and say why.

    Args:
        options: All options, with what is expected of them.
        minutes: That a run may take.
        calibration: With the margins.
        results: What finished runs reached, by the key of their option; it replaces what was
            expected, unless the runs were shortened.
    """
    known = apply_results(options, results or {})
    chosen = choose_option(known, minutes, calibration)
    marked = tuple(replace(each, recommended=each is chosen) for each in known)
    return Options(marked, minutes, explain_recommendation(marked, minutes))


def build_options(
    source: SourceNetwork,
    strategies: Mapping[str, Strategy],
    evidence: TransferabilityEvidence,
    images: int,
    test_images: int,
    seconds: "Mapping[str, TimeRange]",
    calibration: Calibration | None = None,
) -> tuple[Option, ...]:
    """Return the options, none recommended yet.

    Args:
        source: The network to transfer from.
        strategies: From `list_measured_strategies`.
        evidence: Measurements on a sample of the images to learn from.
        images: Number of images to learn from.
        test_images: Number of images that a run is tested on.
        seconds: That the options take, as far as known.
        calibration: Replaces the network's own.
    """
    calibration = calibration or load_calibration(source)
    # Near-duplicates count once in the test as in the sample.
    tested = max(1.0, test_images * evidence.independent_images / evidence.images)
    new_layers = (*evidence.stages, evidence.all_stages)
    measured = calibration.prior.expect(
        {each.stage: each.plain_accuracy for each in new_layers}, evidence.independent_images
    )
    expected = {
        key: _predict_accuracy(measured[_get_read(strategy)], evidence, tested, calibration)
        if trains_head_only(source, strategy)
        else _forecast_accuracy(key, max(measured.values()), evidence, images, tested, calibration)
        for key, strategy in strategies.items()
    }
    return tuple(
        _make_option(
            key, strategy, source, expected[key], seconds.get(key), calibration.basis["forecasts"]
        )
        for key, strategy in strategies.items()
    )


def _make_option(
    key: str,
    strategy: Strategy,
    source: SourceNetwork,
    expected: AccuracyInterval | str,
    seconds: "TimeRange | None",
    basis: Basis,
) -> Option:
    known = None if isinstance(expected, str) else expected
    measured = trains_head_only(source, strategy)
    is_borrowed = not measured and basis.kind == "carried over"
    source_of_it = ""
    if is_borrowed:
        source_of_it = _("Carried over from {network}.", network=_(basis.network))
    return Option(
        key,
        strategy,
        name_option(key, strategy, source),
        known and known.accuracy,
        known and known.low,
        known and known.high,
        seconds and seconds.low,
        seconds and seconds.high,
        measured=measured,
        recommended=False,
        note=source_of_it if known else _(expected),
    )


def name_option(key: str, strategy: Strategy, source: SourceNetwork) -> str:
    """Return the name of an option for people."""
    if key.startswith("2-"):
        stage = _(source.format_titles((strategy.keep_through,)))
        return _("Case 2, cut after {stage}", stage=stage)
    return _(CASE_NAMES.get(key, strategy.title))


def _get_read(strategy: Strategy) -> str:
    """Return what the new layer reads: the name of a stage, or that of all together."""
    return ALL_STAGES if strategy.approach == "all stages" else strategy.keep_through


def _predict_accuracy(
    accuracy: float,
    evidence: TransferabilityEvidence,
    test_images: float,
    calibration: Calibration,
) -> AccuracyInterval | str:
    """Return what a run of a measured option is expected to reach, or why nothing is known."""
    if evidence.independent_images < MIN_INDEPENDENT_IMAGES:
        return TOO_FEW_TO_MEASURE
    return predict_run_accuracy(
        accuracy, evidence.independent_images, test_images, calibration.widening
    )


def _forecast_accuracy(
    key: str,
    best: float,
    evidence: TransferabilityEvidence,
    images: int,
    test_images: float,
    calibration: Calibration,
) -> AccuracyInterval | str:
    """Return what a run of an option that is not measured is expected to reach, or why not."""
    if evidence.independent_images < MIN_INDEPENDENT_IMAGES:
        return TOO_FEW_TO_MEASURE
    if has_too_few_images(evidence):
        return TOO_FEW_TO_FORECAST
    if is_guessing(evidence):
        return NOTHING_TO_FORECAST_FROM
    model = calibration.forecasts.get(key) or calibration.forecasts.get(TRAINED_ALIKE.get(key))
    if model is None:
        return NOTHING_TO_COMPARE_WITH
    predictors = calibration.clip_distance(list_forecast_predictors(evidence, images, best))
    return model.forecast(predictors, test_images)

"""The measured voice: every option with its accuracy and its time, and the one to take."""

from dataclasses import replace
from pathlib import Path

from transfer_core import timing
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, ignore_progress
from transfer_core.transferability.cautions import has_too_few_images
from transfer_core.transferability.estimate import SimilarityEstimate
from transfer_core.transferability.evidence import TransferabilityEvidence
from transfer_core.transferability.explanation import to_percent
from transfer_core.transferability.forecast_model import STAND_INS
from transfer_core.transferability.options import Option, Options
from transfer_core.transferability.textbook import list_measured_strategies

DEFAULT_MINUTES = 10.0  # that a person allows
MARGIN = 0.01  # a cheaper option is taken unless another is better by more
COST_ORDER = ("1", "2-", "all-stages", "last-stages", "first-stages", "3", "4-")  # cheapest first
TOO_FEW = "Too few images to say."


def list_options(
    data_set: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    home: Path,
    *,
    minutes: float = DEFAULT_MINUTES,
    progress: Progress = ignore_progress,
) -> Options:
    """Return every option with its accuracy and time, and mark the recommended one.

    Args:
        data_set: The new images.
        source: The network to transfer from.
        estimate: The estimate, with the measurements.
        home: The data folder, with what was timed before.
        minutes: That a run may take.
        progress: Called with what is done, done and total; may raise to cancel.
    """
    strategies = list_measured_strategies(source, estimate.evidence)
    seconds = _forecast_seconds(data_set, source, strategies, home, progress)
    options = tuple(
        _make_option(key, strategy, source, estimate.evidence, seconds.get(key))
        for key, strategy in strategies.items()
    )
    chosen = recommend(options, minutes)
    marked = tuple(replace(each, recommended=each.key == chosen) for each in options)
    return Options(marked, minutes, _explain(marked, minutes))


def name_option(key: str, strategy: Strategy, source: SourceNetwork) -> str:
    """Return the name of an option for people."""
    if key.startswith("2-"):
        return f"Case 2, cut after {source.format_titles((strategy.keep_through,))}"
    names = {
        "1": "Case 1, new last layer",
        "3": "Case 3, everything trained",
        "4-random": "Case 4, from random weights",
        "4-pretrained": "Case 4, from pre-trained weights",
    }
    return names.get(key, strategy.title)


def _forecast_seconds(data_set, source, strategies, home, progress) -> dict:
    forecast = getattr(timing, "forecast_options", None)
    return forecast(data_set, source, strategies, home, progress=progress) if forecast else {}


def _make_option(
    key: str,
    strategy: Strategy,
    source: SourceNetwork,
    evidence: TransferabilityEvidence,
    seconds,
) -> Option:
    measured = bool(strategy.frozen) and strategy.approach in ("textbook", "all stages")
    accuracy, low, high, note = _measure(key, strategy, evidence)
    return Option(
        key,
        strategy,
        name_option(key, strategy, source),
        accuracy,
        low,
        high,
        seconds.low if seconds else None,
        seconds.high if seconds else None,
        measured,
        recommended=False,
        note=note,
    )


def _measure(
    key: str, strategy: Strategy, evidence: TransferabilityEvidence
) -> tuple[float | None, float | None, float | None, str]:
    if has_too_few_images(evidence):
        return None, None, None, TOO_FEW
    if strategy.approach == "all stages":
        return None, None, None, "Not measured yet."
    if key == "1" or key.startswith("2-"):
        stage = next(each for each in evidence.stages if each.stage == strategy.keep_through)
        return stage.accuracy, stage.low, stage.high, ""
    accuracy = evidence.best_stage.accuracy
    best = min(max(accuracy, 0.005), 0.995)
    from math import log

    model = STAND_INS["3" if key == "4-pretrained" else key]
    return *model.forecast({"best": log(best / (1 - best))}), ""


def recommend(options: tuple[Option, ...], minutes: float) -> str | None:
    """Return the key of the most accurate option within the minutes, ties to the cheaper."""
    known = [
        each
        for each in options
        if each.accuracy is not None and (each.seconds_high or 0) <= 60 * minutes
    ]
    if not known:
        return None
    best = max(each.accuracy for each in known)
    return min((e for e in known if e.accuracy >= best - MARGIN), key=_rank_cost).key


def _rank_cost(option: Option) -> int:
    return next(i for i, start in enumerate(COST_ORDER) if option.key.startswith(start))


def _explain(options: tuple[Option, ...], minutes: float) -> str:
    chosen = next((each for each in options if each.recommended), None)
    if chosen is None:
        return "Too few images to recommend an option."
    return (
        f"{chosen.name} is expected to tell {to_percent(chosen.accuracy)}% of new images right; "
        f"of the options that fit into {minutes:g} minutes none is clearly better."
    )

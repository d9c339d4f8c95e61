"""Advice: answer both questions, choose the case and its strategy."""

from dataclasses import dataclass, replace

from transfer_core.cases import (
    Initialise,
    Similarity,
    SizeJudgement,
    Strategy,
    TransferCase,
    choose_case,
    judge_size,
    plan_strategy,
)
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.cautions import list_doubts
from transfer_core.transferability.estimate import PROBABILITY_DECIMALS, SimilarityEstimate
from transfer_core.transferability.evidence import TransferabilityEvidence
from transfer_core.transferability.explanation import is_open
from transfer_core.transferability.similarity_calibration import Calibration, load_calibration

# In the panel random weights were rarely the better start of case 4; a person may choose them.
ADVISED_INITIALISATION: Initialise = "pretrained"
MAX_TIPPING_POINTS = 30  # percentage points; a lead that must change by more is no advice
EXTRAPOLATION_ERROR_POINTS = 7  # percentage points; error of extrapolated learning curves


@dataclass(frozen=True, slots=True)
class Advice:
    """The advised case and strategy, with the two answers that they rest on."""

    size: SizeJudgement
    similarity: Similarity  # the answer that the case rests on
    case: TransferCase
    strategy: Strategy


def advise(
    data_set: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    *,
    answer: Similarity | None = None,
    size_threshold: int | None = None,
) -> Advice:
    """Answer both questions and choose the case.

    Args:
        data_set: The new images.
        source: The network to transfer from.
        estimate: The estimate for these two.
        answer: The person's answer to the similarity question; None takes the estimate's.
        size_threshold: Dividing line in images to learn from; None takes the measured one.
    """
    size = judge_size(count_images_to_learn_from(data_set), size_threshold or estimate.line)
    similarity = answer or choose_similarity(estimate, size)
    case = choose_case(size.answer, similarity)
    return Advice(size, similarity, case, choose_strategy(case, source, estimate))


def count_images_to_learn_from(data_set: DataSet) -> tuple[int, ...]:
    """Return the training and validation images of each class; test images teach nothing."""
    train, validation = data_set.counts("train"), data_set.counts("validation")
    return tuple(map(sum, zip(train, validation, strict=True)))


def choose_strategy(
    case: TransferCase,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    *,
    cut: str | None = None,
    initialise: Initialise = ADVISED_INITIALISATION,
) -> Strategy:
    """Return the strategy of a case. An option counts only in the case that it belongs to.

    Args:
        case: The case, advised or chosen.
        source: The network to transfer from.
        estimate: The estimate.
        cut: Case 2: the last stage to keep; None takes the best one measured.
        initialise: Case 4: the initial weights.
    """
    options: dict[str, str] = {}
    if case == TransferCase.SMALL_DIFFERENT:
        options["cut"] = cut or estimate.evidence.best_cut
    elif case == TransferCase.LARGE_DIFFERENT:
        options["initialise"] = initialise
    strategy = plan_strategy(case, source.stage_names, kind=source.kind, **options)
    mirror = estimate.evidence.is_flip_invariant
    return replace(strategy, optimiser=replace(strategy.optimiser, mirror=mirror))


def choose_similarity(estimate: SimilarityEstimate, size: SizeJudgement) -> Similarity:
    """Return the likelier answer, even if the estimate cannot tell."""
    probability = round(estimate.get_verdict(size.answer).probability, PROBABILITY_DECIMALS)
    return "similar" if probability >= 0.5 else "different"


def describe_verdict(estimate: SimilarityEstimate, size: SizeJudgement) -> str:
    """Say the estimate's answer in words, the same wherever people read it.

    "Very likely" needs a whole interval on one side of one half. Where no answer may be given,
    no leaning is told either.
    """
    verdict, likelier = estimate.get_verdict(size.answer), choose_similarity(estimate, size)
    probability = round(verdict.probability, PROBABILITY_DECIMALS)
    if verdict.answer == "can't tell":
        if is_open(probability) or list_doubts(estimate.evidence):
            return "can't tell"
        return f"can't tell, leaning to {likelier}"
    is_certain = max(probability, 1 - probability) >= 0.9 and not verdict.low <= 0.5 <= verdict.high
    return f"{'very likely' if is_certain else 'likely'} {likelier}"


def list_contested_cases(
    estimate: SimilarityEstimate, size: SizeJudgement
) -> tuple[TransferCase, TransferCase]:
    """Return the two cases of this size, the likelier one first."""
    likelier = choose_similarity(estimate, size)
    other = "different" if likelier == "similar" else "similar"
    return choose_case(size.answer, likelier), choose_case(size.answer, other)


def explain_what_would_change_advice(
    estimate: SimilarityEstimate, size: SizeJudgement, source: SourceNetwork
) -> tuple[str, ...]:
    """Return what would change the advice, and what more images would bring, for people."""
    changes, evidence = [], estimate.evidence
    if size.answer == "small":
        missing = size.line - size.images
        changes.append(
            f"More images: {missing:,} more would reach the line, and training everything would be "
            "advised."
        )
    else:
        changes.append(
            f"Fewer images: below the line of {size.line:,}, one new layer would be advised."
        )
    if size.answer == "small" and not list_doubts(evidence):
        changes += _describe_tipping_lead(evidence, load_calibration(source))
    if evidence.learning_curve:
        now, twice, four_times = evidence.learning_curve.expected
        changes.append(
            f"A probe reaches about {now:.0%} with your images. If its learning curve goes on as "
            f"it began, twice as many give {twice:.0%} and four times {four_times:.0%}; such "
            f"continuations are off by up to {EXTRAPOLATION_ERROR_POINTS} points."
        )
    return tuple(changes)


def _describe_tipping_lead(
    evidence: TransferabilityEvidence, calibration: Calibration
) -> tuple[str, ...]:
    """Say at which lead of an early stage the answer would tip, all else as it is."""
    predictors = calibration.clip_distance(evidence.get_predictors())
    gap, lead = calibration.top.find_decision_threshold("gap", predictors), 100 * evidence.gap
    if gap is None or abs(gap - lead) > MAX_TIPPING_POINTS:
        return ()
    has_leep = "leep" in calibration.top.weights
    kept = ", with the old classes telling as much as now," if has_leep else ""
    return (
        f"Features: your best early stage is {_describe_lead(lead)} the top; "
        f"{_describe_lead(gap)} it{kept} the answer would tip.",
    )


def _describe_lead(points: float) -> str:
    """Say how far an early stage lies above or below the top."""
    return f"{abs(points):.1f} points {'above' if points >= 0 else 'below'}"

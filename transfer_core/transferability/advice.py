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
from transfer_core.transferability.estimate import PROBABILITY_DECIMALS, SimilarityEstimate
from transfer_core.transferability.similarity_calibration import load_calibration

# In the panel random weights were rarely the better start of case 4; a person may choose them.
ADVISED_INITIALISATION: Initialise = "pretrained"
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


def describe_probability(probability: float) -> str:
    """Say a probability of "similar" in words."""
    probability = round(probability, PROBABILITY_DECIMALS)
    answer = "similar" if probability >= 0.5 else "different"
    sureness = max(probability, 1 - probability)
    if sureness < 0.6:
        return "as likely similar as not"
    how = "very likely" if sureness >= 0.9 else "likely" if sureness >= 0.8 else "more likely"
    return f"{how} {answer}"


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
    if size.answer == "small":
        calibration = load_calibration(source)
        gap = calibration.top.find_decision_threshold(
            "gap", calibration.clip_distance(evidence.get_predictors())
        )
        lead = 100 * evidence.gap
        if gap is not None and abs(gap - lead) <= 30:
            changes.append(
                f"Features: your best early stage is {_describe_lead(lead)} the top; "
                f"{_describe_lead(gap)} it the answer would tip."
            )
    if evidence.learning_curve:
        now, twice, four_times = evidence.learning_curve.expected
        changes.append(
            f"A probe reaches about {now:.0%} with your images. If its learning curve goes on as "
            f"it began, twice as many give {twice:.0%} and four times {four_times:.0%}; such "
            f"continuations are off by up to {EXTRAPOLATION_ERROR_POINTS} points."
        )
    return tuple(changes)


def _describe_lead(points: float) -> str:
    """Say how far an early stage lies above or below the top."""
    return f"{abs(points):.1f} points {'above' if points >= 0 else 'below'}"

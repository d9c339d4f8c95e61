"""Both questions answered together: size and similarity, the case, its strategy."""

from dataclasses import dataclass, replace

from transfer_core.cases import (
    UNMEASURED_OVERRIDES,
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
from transfer_core.transferability.calibration import is_calibrated, load_calibration
from transfer_core.transferability.estimate import SimilarityEstimate

# Of case 4: in the panel random weights were rarely the better start; they are offered.
ADVISED_INITIALISATION: Initialise = "pretrained"
EXTRAPOLATION_ERROR_POINTS = 7  # percentage points by which continued learning curves are off


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with a data set, and why."""

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
        size_threshold: Dividing line in images; None takes the one measured for data like this.
    """
    size = judge_size(data_set.counts(), size_threshold or estimate.line)
    similarity = answer or choose_similarity(estimate, size)
    case = choose_case(size.answer, similarity)
    return Advice(size, similarity, case, choose_strategy(case, source, estimate))


def choose_strategy(
    case: TransferCase,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    *,
    cut: str | None = None,
    initialise: Initialise = ADVISED_INITIALISATION,
) -> Strategy:
    """The strategy of a case; each option counts only in the case that it belongs to.

    Args:
        case: Advised or chosen.
        source: The network to transfer from.
        estimate: The estimate.
        cut: Of case 2: the last stage to keep; None takes the measured one.
        initialise: Of case 4: where the weights start.
    """
    options: dict[str, str] = {}
    if case == TransferCase.SMALL_DIFFERENT:
        options["cut"] = cut or estimate.evidence.best_cut
    elif case == TransferCase.LARGE_DIFFERENT:
        options["initialise"] = initialise
    strategy = plan_strategy(case, source.stage_names, **options)
    usual = (
        {}
        if strategy.frozen or is_calibrated(source)
        else UNMEASURED_OVERRIDES[strategy.initialise]
    )
    mirror = estimate.evidence.is_flip_invariant
    return replace(strategy, optimiser=replace(strategy.optimiser, mirror=mirror, **usual))


def choose_similarity(estimate: SimilarityEstimate, size: SizeJudgement) -> Similarity:
    """The likelier answer, also where the estimate cannot tell."""
    return "similar" if estimate.verdict(size.answer).probability >= 0.5 else "different"


def describe_probability(probability: float) -> str:
    """A probability of "similar" as people say it."""
    answer = "similar" if probability >= 0.5 else "different"
    sureness = max(probability, 1 - probability)
    if sureness < 0.6:
        return "as likely similar as not"
    how = "very likely" if sureness >= 0.9 else "likely" if sureness >= 0.8 else "more likely"
    return f"{how} {answer}"


def list_contested_cases(
    estimate: SimilarityEstimate, size: SizeJudgement
) -> tuple[TransferCase, TransferCase]:
    """The two cases between which only training can decide, the likelier one first."""
    likelier = choose_similarity(estimate, size)
    other = "different" if likelier == "similar" else "similar"
    return choose_case(size.answer, likelier), choose_case(size.answer, other)


def explain_what_would_change_advice(
    estimate: SimilarityEstimate, size: SizeJudgement, source: SourceNetwork
) -> tuple[str, ...]:
    """What would change the advice, and what more images would bring, for people."""
    told, readings = [], estimate.evidence
    if size.answer == "small":
        missing = size.line - size.images
        told.append(
            f"More images: {missing:,} more would reach the line, and training everything "
            "would be advised."
        )
    else:
        told.append(
            f"Fewer images: below the line of {size.line:,}, one new layer would be advised."
        )
    if size.answer == "small":
        calibration = load_calibration(source)
        gap = calibration.top.find_decision_threshold(
            "gap", calibration.clip_distance(readings.named())
        )
        lead = 100 * readings.gap
        if gap is not None and abs(gap - lead) <= 30:
            told.append(
                f"Features: your best early stage leads the top by {lead:+.1f} points; at "
                f"{gap:+.1f} points the answer would tip."
            )
    if readings.learning_curve:
        now, twice, most = readings.learning_curve.expected
        told.append(
            f"A probe reaches about {now:.0%} with your images. If its learning curve goes on as "
            f"it began, twice as many give {twice:.0%} and four times {most:.0%}; such "
            f"continuations are off by up to {EXTRAPOLATION_ERROR_POINTS} points."
        )
    return tuple(told)

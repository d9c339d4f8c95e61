"""Both questions answered together: size and similarity, the case, its strategy."""

from dataclasses import dataclass, replace

from transfer_core.cases import (
    UNMEASURED,
    Initialise,
    Similarity,
    SizeJudgement,
    Strategy,
    TransferCase,
    choose_case,
    judge_size,
    plan,
)
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.estimate import SimilarityEstimate

# Of case 4: in the panel random weights were rarely the better start; they are offered.
ADVISED_START: Initialise = "pretrained"
FEW_POINTS = 7  # percentage points by which continued learning curves are off


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
    found: SimilarityEstimate,
    *,
    answer: Similarity | None = None,
    line: int | None = None,
) -> Advice:
    """Answer both questions and choose the case.

    Args:
        data_set: The new images.
        source: The network to transfer from.
        found: The estimate for these two.
        answer: The person's answer to the similarity question; None takes the estimate's.
        line: Dividing line in images; None takes the one measured for data like this.
    """
    size = judge_size(data_set.counts(), line or found.line)
    similarity = answer or leaning(found, size)
    case = choose_case(size.answer, similarity)
    return Advice(size, similarity, case, strategy_for(case, source, found))


def strategy_for(
    case: TransferCase,
    source: SourceNetwork,
    found: SimilarityEstimate,
    *,
    cut: str | None = None,
    initialise: Initialise = ADVISED_START,
) -> Strategy:
    """The strategy of a case; each option counts only in the case that it belongs to.

    Args:
        case: Advised or chosen.
        source: The network to transfer from.
        found: The estimate.
        cut: Of case 2: the last stage to keep; None takes the measured one.
        initialise: Of case 4: where the weights start.
    """
    options: dict[str, str] = {}
    if case == TransferCase.SMALL_DIFFERENT:
        options["cut"] = cut or found.readings.best_cut
    elif case == TransferCase.LARGE_DIFFERENT:
        options["initialise"] = initialise
    strategy = plan(case, source.stage_names, **options)
    usual = {} if strategy.frozen or source.measured else UNMEASURED[strategy.initialise]
    mirror = found.readings.mirror_keeps_labels
    return replace(strategy, optimiser=replace(strategy.optimiser, mirror=mirror, **usual))


def leaning(found: SimilarityEstimate, size: SizeJudgement) -> Similarity:
    """The likelier answer, also where the estimate cannot tell."""
    return "similar" if found.verdict(size.answer).probability >= 0.5 else "different"


def in_words(probability: float) -> str:
    """A probability of "similar" as people say it."""
    answer = "similar" if probability >= 0.5 else "different"
    sureness = max(probability, 1 - probability)
    if sureness < 0.6:
        return "as likely similar as not"
    how = "very likely" if sureness >= 0.9 else "likely" if sureness >= 0.8 else "more likely"
    return f"{how} {answer}"


def contested(found: SimilarityEstimate, size: SizeJudgement) -> tuple[TransferCase, TransferCase]:
    """The two cases between which only training can decide, the likelier one first."""
    likelier = leaning(found, size)
    other = "different" if likelier == "similar" else "similar"
    return choose_case(size.answer, likelier), choose_case(size.answer, other)


def what_would_change(
    found: SimilarityEstimate, size: SizeJudgement, source: SourceNetwork
) -> tuple[str, ...]:
    """What would change the advice, and what more images would bring, for people."""
    told, readings = [], found.readings
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
        calibration = source.calibration
        gap = calibration.top.balance("gap", calibration.within(readings.named()))
        lead = 100 * readings.gap
        if gap is not None and abs(gap - lead) <= 30:
            told.append(
                f"Features: your best early stage leads the top by {lead:+.1f} points; at "
                f"{gap:+.1f} points the answer would tip."
            )
    if readings.curve:
        now, twice, most = readings.curve.expected
        told.append(
            f"A probe reaches about {now:.0%} with your images. If its learning curve goes on as "
            f"it began, twice as many give {twice:.0%} and four times {most:.0%}; such "
            f"continuations are off by up to {FEW_POINTS} points."
        )
    return tuple(told)

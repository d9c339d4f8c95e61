"""The textbook's voice: size against a line, similarity, and the case that the two point at.

Nothing here depends on how accurate an option is: that is the other voice, `option_list`.
"""

from dataclasses import dataclass

from transfer_core.cases import (
    DEFAULT_LINE,
    MAX_LINE,
    MIN_LINE,
    Initialise,
    Similarity,
    SizeJudgement,
    Strategy,
    TransferCase,
    choose_case,
    judge_size,
    list_strategies,
    plan_strategy,
)
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.cautions import list_doubts
from transfer_core.transferability.estimate import PROBABILITY_DECIMALS, SimilarityEstimate
from transfer_core.transferability.evidence import TransferabilityEvidence
from transfer_core.transferability.explanation import is_open

CERTAINTIES = {  # by whether it is certain, and the answer
    (True, "similar"): N_("very likely similar"),
    (True, "different"): N_("very likely different"),
    (False, "similar"): N_("likely similar"),
    (False, "different"): N_("likely different"),
}


@dataclass(frozen=True, slots=True)
class TextbookAnswer:
    """The case that the textbook points at, with the two answers that it rests on."""

    size: SizeJudgement
    similarity: Similarity  # the person's answer, or the likelier one
    case: TransferCase
    alternative: TransferCase | None = None  # of the other similarity, if nobody can tell


def check_line(line: int) -> None:
    """Raise a SettingsError unless the line, in images, can divide small from large."""
    if not MIN_LINE <= line <= MAX_LINE:
        raise SettingsError(
            _("The dividing line between small and large is out of range."),
            found=f"{line:,}",
            remedy=_("Put it between {low} and {high:,} images.", low=MIN_LINE, high=MAX_LINE),
        )


def apply_textbook_rule(
    data_set: DataSet,
    estimate: SimilarityEstimate,
    *,
    answer: Similarity | None = None,
    line: int = DEFAULT_LINE,
) -> TextbookAnswer:
    """Answer both questions, and return the case that they point at.

    Args:
        data_set: The new images.
        estimate: The estimate of their similarity.
        answer: The person's answer to the similarity question; None takes the likelier one.
        line: Dividing line in images to learn from; fewer are a small data set.

    Raises:
        SettingsError: If the line is out of range.
    """
    check_line(line)
    size = judge_size(count_images_to_learn_from(data_set), line)
    similarity = answer or choose_similarity(estimate)
    alternative = None
    if answer is None and estimate.answer == "can't tell":
        other = "different" if similarity == "similar" else "similar"
        alternative = choose_case(size.answer, other)
    return TextbookAnswer(size, similarity, choose_case(size.answer, similarity), alternative)


def count_images_to_learn_from(data_set: DataSet) -> tuple[int, ...]:
    """Return the training and validation images of each class; test images teach nothing."""
    train, validation = data_set.counts("train"), data_set.counts("validation")
    return tuple(map(sum, zip(train, validation, strict=True)))


def choose_similarity(estimate: SimilarityEstimate) -> Similarity:
    """Return the likelier answer, even if the estimate cannot tell."""
    probability = round(estimate.probability, PROBABILITY_DECIMALS)
    return "similar" if probability >= 0.5 else "different"


def get_textbook_key(case: TransferCase, evidence: TransferabilityEvidence) -> str:
    """Return the key of the option that is this case, cut where measurement says if it cuts."""
    return {
        TransferCase.SMALL_SIMILAR: "1",
        TransferCase.SMALL_DIFFERENT: f"2-{evidence.best_cut}",
        TransferCase.LARGE_SIMILAR: "3",
        TransferCase.LARGE_DIFFERENT: "4-random",
    }[case]


def list_measured_strategies(
    source: SourceNetwork, evidence: TransferabilityEvidence
) -> dict[str, Strategy]:
    """Return every strategy by its key, mirroring images only if that keeps their labels."""
    return {
        key: strategy.with_mirror(evidence.is_flip_invariant)
        for key, strategy in list_strategies(source.stage_names, source.kind).items()
    }


def choose_strategy(
    case: TransferCase,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    *,
    cut: str | None = None,
    initialise: Initialise = "random",
) -> Strategy:
    """Return the strategy of a case. A choice counts only in the case that it belongs to.

    Args:
        case: The case.
        source: The network to transfer from.
        estimate: The estimate.
        cut: Case 2: the last stage to keep; None takes the best early one measured.
        initialise: Case 4: the initial weights.
    """
    choices: dict[str, str] = {}
    if case == TransferCase.SMALL_DIFFERENT:
        choices["cut"] = cut or estimate.evidence.best_cut
    elif case == TransferCase.LARGE_DIFFERENT:
        choices["initialise"] = initialise
    strategy = plan_strategy(case, source.stage_names, kind=source.kind, **choices)
    return strategy.with_mirror(estimate.evidence.is_flip_invariant)


def describe_similarity(estimate: SimilarityEstimate) -> str:
    """Say the estimate's answer in words, the same wherever people read it.

    "Very likely" needs a whole interval on one side of one half. Where no answer may be given,
    no leaning is told either.
    """
    likelier = choose_similarity(estimate)
    probability = round(estimate.probability, PROBABILITY_DECIMALS)
    if estimate.answer == "can't tell":
        if is_open(probability) or list_doubts(estimate.evidence):
            return _("can't tell")
        return _("can't tell, leaning to {answer}", answer=_(likelier))
    has_one_side = not estimate.low <= 0.5 <= estimate.high
    is_certain = max(probability, 1 - probability) >= 0.9 and has_one_side
    return _(CERTAINTIES[is_certain, likelier])

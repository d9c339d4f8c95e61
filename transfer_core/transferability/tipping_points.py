"""What would change the textbook's answer, and what more images would bring, for people."""

from transfer_core.cases import SizeJudgement
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.cautions import list_doubts
from transfer_core.transferability.estimate import SimilarityEstimate
from transfer_core.transferability.evidence import TransferabilityEvidence
from transfer_core.transferability.similarity_calibration import Calibration, load_calibration

MAX_TIPPING_POINTS = 30  # percentage points; a lead that must change by more is no advice
EXTRAPOLATION_ERROR_POINTS = 7  # percentage points; error of extrapolated learning curves


def explain_what_would_change(
    estimate: SimilarityEstimate, size: SizeJudgement, source: SourceNetwork
) -> tuple[str, ...]:
    """Return what would change the textbook's case, and what more images would bring."""
    changes, evidence = [], estimate.evidence
    if size.answer == "small":
        missing = size.line - size.images
        told = _(
            "More images: with {missing:,} more the textbook calls them large.", missing=missing
        )
    else:
        told = _("Fewer images: below {line:,} the textbook calls them small.", line=size.line)
    changes.append(told)
    if not list_doubts(evidence):
        changes += _describe_tipping_lead(evidence, load_calibration(source))
    if evidence.learning_curve:
        now, twice, four_times = evidence.learning_curve.expected
        changes.append(
            _(
                "If a new layer goes on learning as it began, twice as many images bring it "
                "{twice:+.0f} points, four times as many {four_times:+.0f}; such continuations are "
                "off by up to {error} points.",
                twice=100 * (twice - now),
                four_times=100 * (four_times - now),
                error=EXTRAPOLATION_ERROR_POINTS,
            )
        )
    return tuple(changes)


def _describe_tipping_lead(
    evidence: TransferabilityEvidence, calibration: Calibration
) -> tuple[str, ...]:
    """Say at which lead of an early stage the answer would tip, all else as it is."""
    predictors = calibration.clip_distance(evidence.get_predictors())
    gap = calibration.similarity.find_decision_threshold("gap", predictors)
    lead = 100 * evidence.gap
    if gap is None or abs(gap - lead) > MAX_TIPPING_POINTS:
        return ()
    return (
        _(
            "Features: your best early stage is {now} the top. The answer would tip if it were "
            "{then} it, all else as it is.",
            now=_describe_lead(lead),
            then=_describe_lead(gap),
        ),
    )


def _describe_lead(points: float) -> str:
    """Say how far an early stage lies above or below the top."""
    text = N_("{points:.1f} points above") if points >= 0 else N_("{points:.1f} points below")
    return _(text, points=abs(points))

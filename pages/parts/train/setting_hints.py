"""Further help for settings whose default follows from the images or the network."""

from pages.parts.train.settings_form import RunSettings
from transfer_core.cases import Strategy, compute_stage_learning_rates
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, list_kept_stages, trains_head_only
from transfer_core.transferability import SimilarityEstimate, describe_flip_invariance


def describe_hints(settings: RunSettings, estimate: SimilarityEstimate) -> dict[str, str]:
    """The help texts by the names of the settings."""
    hints = {"mirror": describe_flip_invariance(estimate.evidence)}
    if rates := _describe_stage_rates(settings.source, settings.strategy):
        hints["stage_decay"] = rates
    return hints


def _describe_stage_rates(source: SourceNetwork, strategy: Strategy) -> str:
    """The learning rates that the default of "Rate of earlier stages" gives; "" if all equal."""
    settings = strategy.optimiser
    if settings.stage_decay == 1 or trains_head_only(source, strategy):
        return ""
    trained = len(list_kept_stages(source, strategy)) - len(strategy.frozen)
    first, *__, last = compute_stage_learning_rates(settings, trained + 1)
    return _(
        "Early stages hold general features and need the smallest changes: at {decay:g} the peak "
        "rates rise from {first:.1g} in the first trained stage to {last:.1g} in the new layer.",
        decay=settings.stage_decay,
        first=first,
        last=last,
    )

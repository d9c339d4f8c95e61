"""Over-fitting, under-fitting, neither, or too few images to tell."""

from transfer_core.inspection.findings import (
    MIN_ACCURACY_GAP,
    Finding,
    TrainingHistory,
    format_points,
    join_sentences,
)
from transfer_core.languages import N_, _
from transfer_core.networks import trains_head_only
from transfer_core.training import RunConfig, compute_difference_interval, compute_wilson_interval

MIN_TRAIN_ACCURACY = 0.9  # a network with less does not even fit its training images
OVERFITTING = N_("The network knows its training images partly by heart. More images help most.")


def diagnose_fit(history: TrainingHistory, config: RunConfig) -> Finding:
    """Over-fitting, under-fitting, neither, or too few images to tell."""
    if history.train_accuracy is None:
        return Finding(
            "unsure",
            _("Fit not known"),
            _(
                "The new layer trained alone was kept; its accuracy on the training images was not "
                "recorded, so over-fitting cannot be told from it."
            ),
        )
    low, high = compute_difference_interval(
        (history.train_accuracy, history.train_images),
        (history.validation_accuracy, history.validation_images),
    )
    gap = _describe_gap(history, config, low, high)
    if low > MIN_ACCURACY_GAP:
        return Finding(
            "warning",
            _("Over-fitting"),
            join_sentences(gap, _(OVERFITTING), _(_suggest_regularisation(config))),
        )
    if high > MIN_ACCURACY_GAP:
        return _describe_unsure_gap(gap, low)
    fits = Finding("good", _("No over-fitting, no under-fitting"), gap)
    return _diagnose_underfitting(history, config, gap) or fits


def _describe_unsure_gap(gap: str, low: float) -> Finding:
    """A gap that may or may not matter; chance explains it only if its interval holds 0."""
    notable = format_points(MIN_ACCURACY_GAP)
    if round(100 * low) <= 0:  # as printed
        return Finding(
            "unsure",
            _("Too few validation images to tell over-fitting"),
            join_sentences(gap, _("It may be {points} or more, or chance.", points=notable)),
        )
    return Finding(
        "unsure",
        _("Some over-fitting, how much is open"),
        join_sentences(
            gap,
            _(
                "That is more than chance, but too few validation images to tell whether it is "
                "{points} or more.",
                points=notable,
            ),
        ),
    )


def _diagnose_underfitting(history: TrainingHistory, config: RunConfig, gap: str) -> Finding | None:
    correct = round(history.train_accuracy * history.train_images)
    if compute_wilson_interval(correct, history.train_images)[1] >= MIN_TRAIN_ACCURACY:
        return None
    if is_head_only(config):
        advice = _("Train more layers (case 3) or take a larger network.")
    else:
        advice = _("Train longer, or take a larger network.")
    return Finding(
        "warning",
        _("Under-fitting"),
        join_sentences(
            gap,
            _("Even the images that it learned from are often wrong."),
            advice,
            _("And look whether the classes can be told apart at all."),
        ),
    )


def _describe_gap(history: TrainingHistory, config: RunConfig, low: float, high: float) -> str:
    trained, validated = history.train_accuracy, history.validation_accuracy
    told = N_(
        "{trained:.0%} of the training images were right in the epoch that was kept, and "
        "{validated:.0%} of the {images:,} validation images: a gap of {gap} (95 % interval {low} "
        "to {high})."
    )
    if history.is_mixture:
        told = N_(
            "{trained:.0%} of the training images were right in the last epoch, and "
            "{validated:.0%} of the {images:,} validation images with the weights that were kept, "
            "which lie between those it began with and those of the end: a gap of {gap} (95 % "
            "interval {low} to {high})."
        )
    words = _(
        told,
        trained=trained,
        validated=validated,
        images=history.validation_images,
        gap=format_points(trained - validated),
        low=format_points(low),
        high=format_points(high),
    )
    if not is_augmented(config):
        return words
    return join_sentences(
        words, _("Training images were changed at random, which makes the gap look smaller.")
    )


def is_augmented(config: RunConfig) -> bool:
    """Whether training images were augmented, which makes them harder."""
    settings = config.strategy.optimiser
    return settings.views > 0 if is_head_only(config) else settings.augment


def is_head_only(config: RunConfig) -> bool:
    return trains_head_only(config.source(), config.strategy)


def _suggest_regularisation(config: RunConfig) -> str:
    """Suggest what to try beside more images."""
    if is_head_only(config):
        if config.strategy.approach == "all stages":
            return N_(
                "Else more weight decay, or the last stage alone (case 1), which leaves fewer "
                "features."
            )
        return N_(
            "Else more weight decay, or an earlier cut (case 2), which leaves fewer features."
        )
    if is_augmented(config):
        return N_("Else more weight decay, or training the new layer alone (case 1).")
    return N_(
        "Else random crops and colours, more weight decay, or training the new layer alone "
        "(case 1)."
    )

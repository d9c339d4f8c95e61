"""Plan a run for a time: its settings, its forecast and the reasons in words."""

import math
from dataclasses import dataclass

from transfer_core.cases import Strategy
from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.timing.forecast import Forecast, describe_time_range
from transfer_core.timing.step_costs import TimeRange

MIN_EPOCH_FRACTION = 1 / 3  # of the case's default; fewer would leave the training unfinished


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run with its forecast, and the reasons for choosing it."""

    source: SourceNetwork  # at the run's input size
    strategy: Strategy
    forecast: Forecast
    estimate: TimeRange  # seconds of the similarity estimate before the run; 0 if it is done
    reasons: tuple[str, ...] = ()  # for people

    @property
    def seconds(self) -> TimeRange:
        """Seconds of the estimate and the run together."""
        return self.forecast.total + self.estimate


def compute_min_epochs(strategy: Strategy) -> int:
    """Return the smallest number of epochs that a run may be cut down to."""
    return math.ceil(MIN_EPOCH_FRACTION * strategy.optimiser.epochs)


def explain_choice(
    plan: RunPlan, network: SourceNetwork, default_strategy: Strategy, num_candidates: int
) -> tuple[str, ...]:
    """Return sentences for people: why this network, input size and number of epochs."""
    reasons = [
        _explain_network(network, num_candidates),
        _explain_size(plan.source.input_size, network, compute_min_epochs(default_strategy)),
        _explain_epochs(plan.strategy.optimiser.epochs, default_strategy.optimiser.epochs),
        _("The run then takes {time}.", time=plan.forecast.describe()),
    ]
    if plan.estimate.high:
        time = describe_time_range(plan.estimate)
        reasons.append(_("Before it, the estimate for this network takes {time}.", time=time))
    return tuple(reasons)


def _explain_network(network: SourceNetwork, num_candidates: int) -> str:
    title, accuracy = _(network.title), network.card.get("accuracy")
    if num_candidates == 1:
        return _("{network}: as chosen.", network=title)
    if not accuracy:
        others = num_candidates - 1
        return _("{network}: none of {others} other networks fits.", network=title, others=others)
    return _(
        "{network}: of {networks} networks the most accurate on ImageNet ({accuracy:.1%}) that "
        "fits.",
        network=title,
        networks=num_candidates,
        accuracy=accuracy,
    )


def _explain_size(size: int, network: SourceNetwork, min_epochs: int) -> str:
    if size == network.input_size:
        return _("Its own input size, {size} pixels.", size=size)
    return _(
        "{size} of its {own_size} pixels a side: at more, even {epochs} epochs could take too "
        "long.",
        size=size,
        own_size=network.input_size,
        epochs=min_epochs,
    )


def _explain_epochs(epochs: int, max_epochs: int) -> str:
    if epochs == max_epochs:
        return _("All {epochs} epochs that are usual for this case.", epochs=epochs)
    return _(
        "At most {epochs} epochs in place of {usual}: more could take too long.",
        epochs=epochs,
        usual=max_epochs,
    )


def make_no_fit_error(minutes: float, shortest: RunPlan) -> SettingsError:
    """Return the error for a time that even the shortest run exceeds."""
    high = shortest.seconds.high
    return SettingsError(
        _("No run fits into {minutes:g} min.", minutes=minutes),
        found=_(
            "the least, {network} at {size} pixels for {epochs} epochs, takes up to {time}",
            network=_(shortest.source.title),
            size=shortest.source.input_size,
            epochs=shortest.strategy.optimiser.epochs,
            time=describe_time_range(TimeRange(high, high)),
        ),
        remedy=_(
            "Allow {minutes:,} min or more, or take a case that trains the head only.",
            minutes=math.ceil(high / 60),
        ),
    )

"""Plan a run for a time: its settings, its forecast and the reasons in words."""

import math
from dataclasses import dataclass

from transfer_core.cases import Strategy
from transfer_core.errors import SettingsError
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
    size, epochs = plan.source.input_size, plan.strategy.optimiser.epochs
    max_epochs, accuracy = default_strategy.optimiser.epochs, network.card.get("accuracy")
    if num_candidates == 1:
        which = "as chosen"
    elif accuracy:
        which = (
            f"of {num_candidates} networks the most accurate on ImageNet ({accuracy:.1%}) that fits"
        )
    else:
        which = f"none of {num_candidates - 1} other networks fits"
    reasons = [
        f"{network.title}: {which}.",
        f"Its own input size, {size} pixels."
        if size == network.input_size
        else f"{size} of its {network.input_size} pixels a side: at more, even "
        f"{compute_min_epochs(default_strategy)} epochs could take too long.",
        f"All {epochs} epochs that are usual for this case."
        if epochs == max_epochs
        else f"At most {epochs} epochs in place of {max_epochs}: more could take too long.",
        f"The run then takes {plan.forecast.describe()}.",
    ]
    if plan.estimate.high:
        duration = describe_time_range(plan.estimate)
        reasons.append(f"Before it, the estimate for this network takes {duration}.")
    return tuple(reasons)


def make_no_fit_error(minutes: float, shortest: RunPlan) -> SettingsError:
    """Return the error for a time that even the shortest run exceeds."""
    high = shortest.seconds.high
    return SettingsError(
        f"No run fits into {minutes:g} min.",
        found=f"the least, {shortest.source.title} at {shortest.source.input_size} pixels for "
        f"{shortest.strategy.optimiser.epochs} epochs, takes up to "
        f"{describe_time_range(TimeRange(high, high))}",
        remedy=f"Allow {math.ceil(high / 60):,} min or more, or take a case that trains the head "
        "only.",
    )

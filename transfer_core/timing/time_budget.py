"""Choose network, input size and epochs so that a run ends within some minutes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, list_input_sizes, trains_head_only
from transfer_core.settings import check_minutes
from transfer_core.system import Progress, ignore_progress
from transfer_core.timing.forecast import (
    collect_costs,
    compute_forecast,
    forecast_run,
    widen,
)
from transfer_core.timing.run_plan import (
    RunPlan,
    compute_min_epochs,
    explain_choice,
    make_no_fit_error,
)
from transfer_core.timing.step_costs import StepCosts, TimeRange

MIN_SIZE_FRACTION = 1 / 2  # of the network's own input size; `list_input_sizes` has no smaller one
MAX_OVERRUN_FACTOR = 1.5  # times the allowed time; networks expected to take longer are not timed
MAX_SIMILARITY_IMAGES = 2_000  # that the similarity estimate uses
MAX_SIMILARITY_PASSES = 3  # forward passes of each of these images

StrategyFactory = Callable[[SourceNetwork], Strategy]


def plan_run_within_budget(
    minutes: float,
    data_set: DataSet,
    candidates: tuple[SourceNetwork, ...],
    build_strategy: StrategyFactory,
    home: Path,
    *,
    current_network: SourceNetwork,
    progress: Progress = ignore_progress,
) -> RunPlan:
    """Choose the best run that certainly ends within some minutes.

    First choose the network: the most accurate one on ImageNet whose longest time fits at the
    smallest input size and a third of the case's epochs. Then choose the largest input size,
    and then the most epochs. Networks that are less accurate than a lighter one are left out.
    Times of networks are first extrapolated from measured ones, in proportion to the
    multiplications per image; those that seem to fit are measured.

    Args:
        minutes: For the run, and for the similarity estimate if the network has none yet.
        data_set: The images of the run.
        candidates: Networks to choose from, at their own input size.
        build_strategy: Returns the strategy of a run on a network.
        home: The data folder.
        current_network: The network whose similarity is estimated already.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        SettingsError: If nothing fits; it says how long the shortest run takes. Also if the
            minutes are out of range.
        BusyError: If times have to be measured while a run trains in this process.

    Source:
        Kornblith, Shlens and Le 2019, "Do better ImageNet models transfer better?".
    """
    check_minutes(minutes)
    search = _BudgetSearch(data_set, build_strategy, home, current_network, 60 * minutes, progress)
    search.measure(current_network)
    front = _select_pareto_front(candidates, current_network)
    tried = [search.plan_shortest_run(current_network)] if current_network in candidates else []
    for network in front:
        # The first question is cheap; listing the input sizes builds the network.
        if search.is_too_long(network, MIN_SIZE_FRACTION * network.input_size):
            continue
        if search.is_too_long(network, list_input_sizes(network)[-1]):
            continue
        tried.append(search.plan_shortest_run(network))
        if search.fits(tried[-1]):
            plan, default = search.plan_largest_run(network), build_strategy(network)
            return replace(plan, reasons=explain_choice(plan, network, default, len(candidates)))
    lightest = min(front, key=lambda network: search.extrapolate(network, network.input_size))
    tried.append(search.plan_shortest_run(lightest))
    raise make_no_fit_error(minutes, min(tried, key=lambda plan: plan.seconds.high))


def _select_pareto_front(
    candidates: tuple[SourceNetwork, ...], current_network: SourceNetwork
) -> list[SourceNetwork]:
    """Networks that no lighter one beats in accuracy, the most accurate first."""
    front: list[SourceNetwork] = []
    for network in sorted(candidates, key=lambda each: each.card["operations"]):
        if (
            network == current_network
            or not front
            or _get_imagenet_accuracy(network) > max(map(_get_imagenet_accuracy, front))
        ):
            front.append(network)
    return sorted(front, key=_get_imagenet_accuracy, reverse=True)


def _get_imagenet_accuracy(network: SourceNetwork) -> float:
    """Top-1 accuracy on ImageNet in [0, 1]; 0 if it is not known."""
    return network.card.get("accuracy", 0.0)


@dataclass
class _BudgetSearch:
    """Plans runs, and remembers the step costs measured so far."""

    data_set: DataSet
    build_strategy: StrategyFactory
    home: Path
    current_network: SourceNetwork
    max_seconds: float
    report_progress: Progress
    measured: dict[float, tuple[StepCosts, ...]] = field(default_factory=dict)  # by operations

    def measure(self, source: SourceNetwork, pixel_fraction: float = 1) -> tuple[StepCosts, ...]:
        """Measure the step costs on a network; others are extrapolated from them.

        Args:
            source: At any input size.
            pixel_fraction: Its pixels as a fraction of those at its own input size.
        """
        self.report_progress(_("Timing a few batches, {network}", network=_(source.title)), 0, 1)
        costs = collect_costs(self.data_set, source, self.build_strategy(source), self.home)
        self.measured[source.card["operations"] * pixel_fraction] = costs
        return costs

    def extrapolate(self, network: SourceNetwork, size: float) -> float:
        """Most seconds of the shortest run on a network, from the nearest measured network."""
        operations = network.card["operations"] * (size / network.input_size) ** 2
        nearest = min(self.measured, key=lambda each: abs(math.log(each / operations)))
        default = self.build_strategy(network)
        strategy = default.with_epochs(compute_min_epochs(default))
        frozen = trains_head_only(network, strategy)
        trainings = zip(self.measured[nearest], (frozen, True), strict=False)
        costs = tuple(_scale_costs(each, operations / nearest, alone) for each, alone in trainings)
        run = compute_forecast(self.data_set, network, strategy, costs).total.high
        return run + self.forecast_estimate(network, costs[0].embed, size).high

    def forecast_estimate(self, network: SourceNetwork, forward: float, size: float) -> TimeRange:
        """Seconds of the similarity estimate, from those of a forward pass at some size."""
        if network.name == self.current_network.name:
            return TimeRange(0, 0)
        images = len(self.data_set.records) - len(self.data_set.indices("test"))
        passes = MAX_SIMILARITY_PASSES * min(MAX_SIMILARITY_IMAGES, images)
        return widen(forward * passes * (network.input_size / size) ** 2)

    def is_too_long(self, network: SourceNetwork, size: float) -> bool:
        """Whether even the shortest run seems far too long, so that it is not measured."""
        return self.extrapolate(network, size) > MAX_OVERRUN_FACTOR * self.max_seconds

    def fits(self, plan: RunPlan) -> bool:
        """Whether a run ends in time even if it takes longest."""
        return plan.seconds.high <= self.max_seconds

    def plan_run(self, network: SourceNetwork, size: int, epochs: int | None = None) -> RunPlan:
        """Plan a measured run on a network at an input size; `epochs` None is the least."""
        source, default = network.with_input_size(size), self.build_strategy(network)
        strategy = default.with_epochs(epochs or compute_min_epochs(default))
        forecast = forecast_run(
            self.data_set, source, strategy, self.home, progress=self.report_progress
        )
        costs = self.measure(source, (size / network.input_size) ** 2)
        estimate = self.forecast_estimate(network, costs[0].embed, size)
        return RunPlan(source, strategy, forecast, estimate)

    def plan_shortest_run(self, network: SourceNetwork) -> RunPlan:
        """The run at the smallest input size with the smallest number of epochs."""
        return self.plan_run(network, list_input_sizes(network)[-1])

    def plan_largest_run(self, network: SourceNetwork) -> RunPlan:
        """The run at the largest input size, then with the most epochs; the shortest one fits."""
        *larger, smallest = list_input_sizes(network)
        sizes = (size for size in larger if not self.is_too_long(network, size))
        plans = (self.plan_run(network, size) for size in (*sizes, smallest))
        best = next(plan for plan in plans if self.fits(plan))
        low, high = best.strategy.optimiser.epochs, self.build_strategy(network).optimiser.epochs
        while low < high:  # bisection: more epochs take longer
            middle = (low + high + 1) // 2
            plan = self.plan_run(network, best.source.input_size, middle)
            if self.fits(plan):
                best, low = plan, middle
            else:
                high = middle - 1
        return best


def _scale_costs(costs: StepCosts, factor: float, frozen: bool) -> StepCosts:
    """Scale the costs to a network of `factor` times the operations; a head costs the same."""
    step = costs.step if frozen else costs.step * factor
    return replace(
        costs,
        image=costs.image * factor,
        exact=costs.exact * factor,
        embed=costs.embed * factor,
        step=step,
    )

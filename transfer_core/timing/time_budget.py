"""Fit a run into a time: which network, at which input size, for how many epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.networks import SourceNetwork
from transfer_core.networks.input_sizes import list_input_sizes
from transfer_core.networks.surgery import list_kept_stages
from transfer_core.system.parallel import Progress, ignore_progress
from transfer_core.timing.forecast import (
    ZERO_SECONDS,
    Forecast,
    collect_costs,
    compute_forecast,
    describe_time_range,
    forecast_run,
)
from transfer_core.timing.measurement import StepCosts, TimeRange

MIN_EPOCH_FRACTION = 1 / 3  # of the case's usual ones; fewer would leave a training unfinished
MIN_SIZE_FRACTION = 1 / 2  # of the network's own, the least that `list_input_sizes` tries
MAX_OVERRUN_FACTOR = (
    1.5  # times as long as expected from another network, from which none is measured
)
MAX_SIMILARITY_IMAGES = 2_000  # images at most that the estimate looks at,
MAX_SIMILARITY_PASSES = 3  # which pass through the network so many times at most

StrategyFactory = Callable[[SourceNetwork], Strategy]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that ends in time, and why it is this one."""

    source: SourceNetwork  # at the input size
    strategy: Strategy
    forecast: Forecast
    estimate: TimeRange  # seconds before the run, of estimating the similarity; 0 if that is done
    reasons: tuple[str, ...] = ()  # for people

    @property
    def seconds(self) -> TimeRange:
        """All together."""
        return self.forecast.total + self.estimate


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
    """The run that is taken if it has to end within some minutes.

    Of the candidates it is the most accurate one on ImageNet whose longest time fits at the
    smallest input size and for a third of the case's epochs; then its largest input size that
    fits; then the most epochs. Networks that are less accurate than a lighter one are left out.
    How long the others take is expected from the ones measured, in proportion to the
    multiplications that an image takes; what looks as if it fits is measured.

    Args:
        minutes: That the run may take, and before it the estimate if the network had none.
        data_set: The images of the run.
        candidates: Networks to choose from, at their own input size.
        build_strategy: Gives what a run would do on a network.
        home: Where caches lie.
        current_network: The network whose similarity is estimated already.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        SettingsError: If nothing fits; it says how long the least takes.

    Source:
        Kornblith, Shlens and Le 2019, "Do better ImageNet models transfer better?".
    """
    search = _BudgetSearch(
        data_set,
        build_strategy,
        home,
        current_network,
        60 * minutes,
        progress,
    )
    search.measure(current_network)
    worth_while = _select_pareto_front(candidates, current_network)
    tried = [search.plan_shortest_run(current_network)] if current_network in candidates else []
    for network in worth_while:
        if search.is_too_long(network, MIN_SIZE_FRACTION * network.input_size):
            continue
        if search.is_too_long(network, list_input_sizes(network)[-1]):
            continue
        tried.append(search.plan_shortest_run(network))
        if search.fits(tried[-1]):
            found, usual = search.plan_largest_run(network), build_strategy(network)
            return replace(found, reasons=_explain_choice(found, network, usual, len(candidates)))
    lightest = min(worth_while, key=lambda network: search.expected(network, network.input_size))
    tried.append(search.plan_shortest_run(lightest))
    raise _make_no_fit_error(minutes, min(tried, key=lambda option: option.seconds.high))


def _select_pareto_front(
    candidates: tuple[SourceNetwork, ...], current_network: SourceNetwork
) -> list[SourceNetwork]:
    """The most accurate first, without those that are less accurate than a lighter one."""
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
    """On ImageNet; 0 where it is not known."""
    return network.card.get("accuracy", 0.0)


@dataclass
class _BudgetSearch:
    """The runs that were looked at, and what their steps cost."""

    data_set: DataSet
    build_strategy: StrategyFactory
    home: Path
    current_network: SourceNetwork
    max_seconds: float  # seconds
    report_progress: Progress
    measured: dict[float, tuple[StepCosts, ...]] = field(default_factory=dict)  # by operations

    def measure(self, source: SourceNetwork, pixel_fraction: float = 1) -> tuple[StepCosts, ...]:
        """What steps cost on a network, from which others are then expected.

        Args:
            source: At any input size.
            pixel_fraction: Of its pixels at its own input size.
        """
        costs = collect_costs(
            self.data_set, source, self.build_strategy(source), self.home, self.report_progress
        )
        self.measured[source.card["operations"] * pixel_fraction] = costs
        return costs

    def expected(self, network: SourceNetwork, size: float) -> float:
        """The longest seconds of the least run on a network, from what the nearest one took."""
        operations = network.card["operations"] * (size / network.input_size) ** 2
        nearest = min(self.measured, key=lambda each: abs(math.log(each / operations)))
        strategy = _with_max_epochs(self.build_strategy(network))
        frozen = strategy.frozen == list_kept_stages(network, strategy)
        trainings = zip(self.measured[nearest], (frozen, True), strict=False)
        costs = tuple(_scale_costs(each, operations / nearest, alone) for each, alone in trainings)
        run = compute_forecast(self.data_set, network, strategy, costs).total.high
        return run + self.estimate(network, costs[0].exact, size).high

    def estimate(self, network: SourceNetwork, forward: TimeRange, size: float) -> TimeRange:
        """Seconds of the estimate for a network, given what an image takes at some size."""
        if network.name == self.current_network.name:
            return ZERO_SECONDS
        images = len(self.data_set.records) - len(self.data_set.indices("test"))
        passes = MAX_SIMILARITY_PASSES * min(MAX_SIMILARITY_IMAGES, images)
        return forward * (passes * (network.input_size / size) ** 2)

    def is_too_long(self, network: SourceNetwork, size: float) -> bool:
        """Whether measuring is not worth while."""
        return self.expected(network, size) > MAX_OVERRUN_FACTOR * self.max_seconds

    def fits(self, option: RunPlan) -> bool:
        """Whether a run ends in time even if it takes longest."""
        return option.seconds.high <= self.max_seconds

    def plan_run(self, network: SourceNetwork, size: int, epochs: int | None = None) -> RunPlan:
        """A run on a network at a size, measured; for the fewest epochs unless told."""
        source, strategy = (
            network.with_input_size(size),
            _with_max_epochs(self.build_strategy(network), epochs),
        )
        found = forecast_run(
            self.data_set, source, strategy, self.home, progress=self.report_progress
        )
        costs = self.measure(source, (size / network.input_size) ** 2)
        return RunPlan(source, strategy, found, self.estimate(network, costs[0].exact, size))

    def plan_shortest_run(self, network: SourceNetwork) -> RunPlan:
        """The run at the smallest input size for the fewest epochs."""
        return self.plan_run(network, list_input_sizes(network)[-1])

    def plan_largest_run(self, network: SourceNetwork) -> RunPlan:
        """The run at the largest size, and then for the most epochs; the least one fits."""
        *larger, smallest = list_input_sizes(network)
        worth_while = (size for size in larger if not self.is_too_long(network, size))
        options = (self.plan_run(network, size) for size in (*worth_while, smallest))
        best = next(option for option in options if self.fits(option))
        fewest, most = best.strategy.optimiser.epochs, self.build_strategy(network).optimiser.epochs
        while fewest < most:  # bisection: more epochs take longer
            middle = (fewest + most + 1) // 2
            option = self.plan_run(network, best.source.input_size, middle)
            if self.fits(option):
                best, fewest = option, middle
            else:
                most = middle - 1
        return best


def _with_max_epochs(strategy: Strategy, epochs: int | None = None) -> Strategy:
    """The strategy for so many epochs; None is for the fewest."""
    epochs = epochs or math.ceil(MIN_EPOCH_FRACTION * strategy.optimiser.epochs)
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def _scale_costs(costs: StepCosts, factor: float, frozen: bool) -> StepCosts:
    """The costs on a network of so many times the operations; a new layer is none of them."""
    step = costs.step if frozen else costs.step * factor
    return replace(costs, image=costs.image * factor, exact=costs.exact * factor, step=step)


def _explain_choice(
    fit: RunPlan, network: SourceNetwork, default_strategy: Strategy, num_candidates: int
) -> tuple[str, ...]:
    """Why it is this run of those on so many networks, for people."""
    size, epochs, most = (
        fit.source.input_size,
        fit.strategy.optimiser.epochs,
        default_strategy.optimiser,
    )
    accuracy, fewest = (
        network.card.get("accuracy"),
        _with_max_epochs(default_strategy).optimiser.epochs,
    )
    if num_candidates == 1:
        which = "as chosen"
    elif accuracy:
        which = (
            f"of {num_candidates} networks the most accurate on ImageNet ({accuracy:.1%}) that fits"
        )
    else:
        which = f"none of {num_candidates - 1} other networks fits"
    reasons = (
        f"{network.title}: {which}.",
        f"Its own input size, {size} pixels."
        if size == network.input_size
        else f"{size} of its {network.input_size} pixels a side: at more, even {fewest} epochs "
        "could take too long.",
        f"All {epochs} epochs that are usual for this case."
        if epochs == most.epochs
        else f"At most {epochs} epochs in place of {most.epochs}: more could take too long.",
        f"The run then takes {fit.forecast.describe()}.",
    )
    if not fit.estimate.high:
        return reasons
    return (
        *reasons,
        f"Before it, the estimate for this network takes {describe_time_range(fit.estimate)}.",
    )


def _make_no_fit_error(minutes: float, shortest_run: RunPlan) -> SettingsError:
    high = shortest_run.seconds.high
    return SettingsError(
        f"No run fits into {minutes:g} min.",
        found=f"the least, {shortest_run.source.title} at {shortest_run.source.input_size} pixels for "
        f"{shortest_run.strategy.optimiser.epochs} epochs, takes up to {describe_time_range(TimeRange(high, high))}",
        remedy=f"Allow {math.ceil(high / 60):,} min or more, or take a case that trains the new "
        "layer only.",
    )

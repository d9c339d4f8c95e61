"""Fit a run into a time: which network, at which input size, for how many epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.networks import SourceNetwork
from transfer_core.networks.input_sizes import input_sizes
from transfer_core.networks.surgery import kept_stages
from transfer_core.timing.forecast import (
    NOTHING,
    Forecast,
    Progress,
    costs_of,
    forecast,
    in_words,
    reckon,
)
from transfer_core.timing.measurement import Costs, Spread

FEWEST_EPOCHS = 1 / 3  # of the case's usual ones; fewer would leave a training unfinished
SMALLEST_SIZE = 1 / 2  # of the network's own, the least that `input_sizes` tries
DOUBT = 1.5  # times as long as expected from another network, from which none is measured
ESTIMATED = 2_000  # images at most that the estimate looks at,
ESTIMATE_PASSES = 3  # which pass through the network so many times at most

Strategies = Callable[[SourceNetwork], Strategy]


@dataclass(frozen=True, slots=True)
class Fit:
    """A run that ends in time, and why it is this one."""

    source: SourceNetwork  # at the input size
    strategy: Strategy
    forecast: Forecast
    estimate: Spread  # seconds before the run, of estimating the similarity; 0 if that is done
    reasons: tuple[str, ...] = ()  # for people

    @property
    def seconds(self) -> Spread:
        """All together."""
        return self.forecast.total + self.estimate


def fit_into(
    minutes: float,
    data_set: DataSet,
    candidates: tuple[SourceNetwork, ...],
    strategies: Strategies,
    home: Path,
    *,
    present: SourceNetwork,
    progress: Progress | None = None,
) -> Fit:
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
        strategies: Gives what a run would do on a network.
        home: Where caches lie.
        present: The network whose similarity is estimated already.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        SettingsError: If nothing fits; it says how long the least takes.

    Source:
        Kornblith, Shlens and Le 2019, "Do better ImageNet models transfer better?".
    """
    search = _Search(
        data_set, strategies, home, present, 60 * minutes, progress or (lambda *report: None)
    )
    search.measure(present)
    worth_while = _undominated(candidates, present)
    tried = [search.least(present)] if present in candidates else []
    for network in worth_while:
        if search.is_too_long(network, SMALLEST_SIZE * network.input_size):
            continue
        if search.is_too_long(network, input_sizes(network)[-1]):
            continue
        tried.append(search.least(network))
        if search.fits(tried[-1]):
            found, usual = search.improved(network), strategies(network)
            return replace(found, reasons=_reasons(found, network, usual, len(candidates)))
    lightest = min(worth_while, key=lambda network: search.expected(network, network.input_size))
    tried.append(search.least(lightest))
    raise _nothing_fits(minutes, min(tried, key=lambda option: option.seconds.high))


def _undominated(
    candidates: tuple[SourceNetwork, ...], present: SourceNetwork
) -> list[SourceNetwork]:
    """The most accurate first, without those that are less accurate than a lighter one."""
    front: list[SourceNetwork] = []
    for network in sorted(candidates, key=lambda each: each.card["operations"]):
        if network == present or not front or _accuracy(network) > max(map(_accuracy, front)):
            front.append(network)
    return sorted(front, key=_accuracy, reverse=True)


def _accuracy(network: SourceNetwork) -> float:
    """On ImageNet; 0 where it is not known."""
    return network.card.get("accuracy", 0.0)


@dataclass
class _Search:
    """The runs that were looked at, and what their steps cost."""

    data_set: DataSet
    strategies: Strategies
    home: Path
    present: SourceNetwork
    limit: float  # seconds
    report: Progress
    measured: dict[float, tuple[Costs, ...]] = field(default_factory=dict)  # by operations

    def measure(self, source: SourceNetwork, share: float = 1) -> tuple[Costs, ...]:
        """What steps cost on a network, from which others are then expected.

        Args:
            source: At any input size.
            share: Of its pixels at its own input size.
        """
        costs = costs_of(self.data_set, source, self.strategies(source), self.home, self.report)
        self.measured[source.card["operations"] * share] = costs
        return costs

    def expected(self, network: SourceNetwork, size: float) -> float:
        """The longest seconds of the least run on a network, from what the nearest one took."""
        operations = network.card["operations"] * (size / network.input_size) ** 2
        nearest = min(self.measured, key=lambda each: abs(math.log(each / operations)))
        strategy = _lasting(self.strategies(network))
        frozen = strategy.frozen == kept_stages(network, strategy)
        trainings = zip(self.measured[nearest], (frozen, True), strict=False)
        costs = tuple(_scaled(each, operations / nearest, alone) for each, alone in trainings)
        run = reckon(self.data_set, network, strategy, costs).total.high
        return run + self.estimate(network, costs[0].exact, size).high

    def estimate(self, network: SourceNetwork, image: Spread, size: float) -> Spread:
        """Seconds of the estimate for a network, given what an image takes at some size."""
        if network.name == self.present.name:
            return NOTHING
        images = len(self.data_set.records) - len(self.data_set.indices("test"))
        passes = ESTIMATE_PASSES * min(ESTIMATED, images)
        return image * (passes * (network.input_size / size) ** 2)

    def is_too_long(self, network: SourceNetwork, size: float) -> bool:
        """Whether measuring is not worth while."""
        return self.expected(network, size) > DOUBT * self.limit

    def fits(self, option: Fit) -> bool:
        """Whether a run ends in time even if it takes longest."""
        return option.seconds.high <= self.limit

    def option(self, network: SourceNetwork, size: int, epochs: int | None = None) -> Fit:
        """A run on a network at a size, measured; for the fewest epochs unless told."""
        source, strategy = network.at(size), _lasting(self.strategies(network), epochs)
        found = forecast(self.data_set, source, strategy, self.home, progress=self.report)
        costs = self.measure(source, (size / network.input_size) ** 2)
        return Fit(source, strategy, found, self.estimate(network, costs[0].exact, size))

    def least(self, network: SourceNetwork) -> Fit:
        """The run at the smallest input size for the fewest epochs."""
        return self.option(network, input_sizes(network)[-1])

    def improved(self, network: SourceNetwork) -> Fit:
        """The run at the largest size, and then for the most epochs; the least one fits."""
        *larger, smallest = input_sizes(network)
        worth_while = (size for size in larger if not self.is_too_long(network, size))
        options = (self.option(network, size) for size in (*worth_while, smallest))
        best = next(option for option in options if self.fits(option))
        fewest, most = best.strategy.optimiser.epochs, self.strategies(network).optimiser.epochs
        while fewest < most:  # bisection: more epochs take longer
            middle = (fewest + most + 1) // 2
            option = self.option(network, best.source.input_size, middle)
            if self.fits(option):
                best, fewest = option, middle
            else:
                most = middle - 1
        return best


def _lasting(strategy: Strategy, epochs: int | None = None) -> Strategy:
    """The strategy for so many epochs; None is for the fewest."""
    epochs = epochs or math.ceil(FEWEST_EPOCHS * strategy.optimiser.epochs)
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def _scaled(costs: Costs, factor: float, frozen: bool) -> Costs:
    """The costs on a network of so many times the operations; a new layer is none of them."""
    step = costs.step if frozen else costs.step * factor
    return replace(costs, image=costs.image * factor, exact=costs.exact * factor, step=step)


def _reasons(fit: Fit, network: SourceNetwork, usual: Strategy, choice: int) -> tuple[str, ...]:
    """Why it is this run of those on so many networks, for people."""
    size, epochs, most = fit.source.input_size, fit.strategy.optimiser.epochs, usual.optimiser
    accuracy, fewest = network.card.get("accuracy"), _lasting(usual).optimiser.epochs
    if choice == 1:
        which = "as chosen"
    elif accuracy:
        which = f"of {choice} networks the most accurate on ImageNet ({accuracy:.1%}) that fits"
    else:
        which = f"none of {choice - 1} other networks fits"
    reasons = (
        f"{network.title}: {which}.",
        f"Its own input size, {size} pixels."
        if size == network.input_size
        else f"{size} of its {network.input_size} pixels a side: at more, even {fewest} epochs "
        "could take too long.",
        f"All {epochs} epochs that are usual for this case."
        if epochs == most.epochs
        else f"At most {epochs} epochs in place of {most.epochs}: more could take too long.",
        f"The run then takes {fit.forecast.in_words()}.",
    )
    if not fit.estimate.high:
        return reasons
    return *reasons, f"Before it, the estimate for this network takes {in_words(fit.estimate)}."


def _nothing_fits(minutes: float, least: Fit) -> SettingsError:
    high = least.seconds.high
    return SettingsError(
        f"No run fits into {minutes:g} min.",
        found=f"the least, {least.source.title} at {least.source.input_size} pixels for "
        f"{least.strategy.optimiser.epochs} epochs, takes up to {in_words(Spread(high, high))}",
        remedy=f"Allow {math.ceil(high / 60):,} min or more, or take a case that trains the new "
        "layer only.",
    )

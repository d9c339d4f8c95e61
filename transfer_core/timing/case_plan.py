"""Plan the runs of all cases side by side, shortened where they would not end in time."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError
from transfer_core.networks import SourceNetwork, trains_head_only
from transfer_core.timing.forecast import forecast_run
from transfer_core.timing.step_costs import TimeRange

MIN_EPOCHS = 2  # of a run that was shortened


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to come."""

    key: str  # of its option
    strategy: Strategy  # with fewer epochs than usual if it was shortened
    seconds: TimeRange | None  # None where nothing was timed
    usual_epochs: int

    @property
    def is_shortened(self) -> bool:
        """Whether it has fewer epochs than its case asks for."""
        return self.strategy.optimiser.epochs < self.usual_epochs


@dataclass(frozen=True, slots=True)
class CasePlan:
    """The runs of all cases, in the order in which they are performed."""

    runs: tuple[PlannedRun, ...]

    @property
    def seconds(self) -> TimeRange | None:
        """Seconds of all runs one after the other; None unless each was timed."""
        times = [run.seconds for run in self.runs]
        return None if None in times else sum(times, TimeRange(0.0, 0.0))

    @property
    def shortened(self) -> tuple[PlannedRun, ...]:
        """The runs that have fewer epochs than their case asks for."""
        return tuple(run for run in self.runs if run.is_shortened)


def plan_cases(
    data_set: DataSet,
    source: SourceNetwork,
    strategies: Mapping[str, Strategy],
    home: Path,
    *,
    minutes: float | None = None,
    seeds: int = 1,
) -> CasePlan:
    """Plan one run of each strategy; those that train more than a new layer may be shortened.

    Nothing is timed here: what was not timed before has no time, and then nothing is shortened.

    Args:
        data_set: The images.
        source: The network.
        strategies: By the keys of their options.
        home: The data folder.
        minutes: That all runs together may take; None shortens nothing.
        seeds: How often each is run.
    """

    def forecast(strategy: Strategy) -> TimeRange | None:
        with suppress(BusyError):
            return forecast_run(data_set, source, strategy, home, may_measure=False).total
        return None

    plan = _plan(strategies, {}, forecast)
    if minutes is None or plan.seconds is None or seeds * plan.seconds.high <= 60 * minutes:
        return plan
    whole = {key: each for key, each in strategies.items() if not trains_head_only(source, each)}
    shortest = _plan(strategies, dict.fromkeys(whole, MIN_EPOCHS), forecast).seconds.high
    spare, full = 60 * minutes / seeds - shortest, plan.seconds.high - shortest
    # Time grows with the epochs, so the same share of each run's epochs fills what is left.
    share = min(1.0, max(0.0, spare / full)) if full else 0.0
    epochs = {
        key: MIN_EPOCHS + int(share * max(0, each.optimiser.epochs - MIN_EPOCHS))
        for key, each in whole.items()
    }
    return _plan(strategies, epochs, forecast)


def _plan(strategies: Mapping[str, Strategy], epochs: Mapping[str, int], forecast) -> CasePlan:
    runs = []
    for key, strategy in strategies.items():
        usual = strategy.optimiser.epochs
        limited = strategy.with_epochs(min(usual, epochs.get(key, usual)))
        runs.append(PlannedRun(key, limited, forecast(limited), usual))
    return CasePlan(tuple(runs))

"""Search for runs that end within a time limit, on this network and on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.shared import caches
from pages.shared.choice import Choice
from pages.shared.layout import show_problem
from pages.shared.progress import show_timing
from transfer_core import networks
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError, SettingsError, TransferError
from transfer_core.networks import SourceNetwork, has_weights

if TYPE_CHECKING:
    from transfer_core.timing import RunPlan


def find_fits(
    minutes: int, data: DataSet, source: SourceNetwork, choice: Choice, include_downloads: bool
) -> tuple[RunPlan | None, RunPlan | None]:
    """The run on this network that ends in time, and the one on the best other network."""
    here = tuple(
        each for each in networks.list_networks() if include_downloads or has_weights(each)
    )
    own, problem = _find_fit(minutes, data, (source,), source, choice)
    best, _ = _find_fit(minutes, data, here, source, choice)
    if problem:
        show_problem(problem.problem, problem.found, problem.remedy)
    return own, best if best and best.source.name != source.name else None


def _find_fit(
    minutes: int,
    data: DataSet,
    candidates: tuple[SourceNetwork, ...],
    source: SourceNetwork,
    choice: Choice,
) -> tuple[RunPlan | None, TransferError | None]:
    """The best run on these networks that ends in time, or why there is none."""
    from transfer_core.system import get_home
    from transfer_core.timing import plan_run_within_budget

    def plan_for(network: SourceNetwork) -> Strategy:
        if network.name == source.name:
            return choice.strategy
        same = networks.plan_same_option(choice.strategy, network)
        return same.with_mirror(choice.strategy.optimiser.mirror)

    caches.get_engine()  # leaves a processor core to the pages, in the measurement as in the run
    fit, problem = None, None
    with show_timing() as report:
        try:
            fit = plan_run_within_budget(
                minutes,
                data,
                candidates,
                plan_for,
                get_home(),
                current_network=source,
                progress=report,
            )
        except (SettingsError, BusyError) as error:
            problem = error
    return fit, problem

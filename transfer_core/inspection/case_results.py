"""Finished runs on one data set and network: what each option reached, and what that recommends.

Runs of one option with several seeds make one result.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transfer_core.cases import TransferCase
from transfer_core.transferability import Options, load_calibration, recommend

if TYPE_CHECKING:  # bring torch
    from transfer_core.networks import SourceNetwork
    from transfer_core.runs import RunRecord


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one option reached, with one seed or several."""

    key: str  # of the option, from `cases.list_strategies`
    runs: tuple[str, ...]  # ids of its finished runs, by their seeds
    accuracy: float  # mean test accuracy, in [0, 1]
    low: float  # end of the 95 % interval of one run; of several, a standard deviation below
    high: float  # the other end; both in [0, 1]
    seconds: float | None  # mean time of a run
    epochs: int  # at most, of the shortest run
    usual_epochs: int  # at most, unless a run is shortened
    was_stopped: bool = False  # by a person, so that it had fewer epochs than planned

    @property
    def case(self) -> TransferCase:
        """The case of the textbook."""
        return TransferCase(int(self.key[0]))

    @property
    def is_shortened(self) -> bool:
        """Whether a run had fewer epochs than its option asks for."""
        return self.was_stopped or self.epochs < self.usual_epochs


def select_runs(
    records: Iterable[RunRecord], data_id: str, source: SourceNetwork
) -> list[RunRecord]:
    """Return the runs on these images and this network that have or will have a result."""
    return [
        record
        for record in records
        if (record.config.data_id, record.config.network) == (data_id, source.name)
        and (record.config.input_size or source.input_size) == source.input_size
        and (record.result or not record.state.is_final)
    ]


def list_usual_epochs(options: Options) -> dict[str, int]:
    """Return how many epochs each option has at most, if nobody changes it."""
    return {option.key: option.strategy.optimiser.epochs for option in options.options}


def follow_runs(
    options: Options, records: Iterable[RunRecord], data_id: str, source: SourceNetwork
) -> Options:
    """Return the options with what comparable runs reached, and recommend by that.

    Comparable are finished runs on this version of the images, so with the same split, and on
    this network at its own input size, if they were not shortened.
    """
    runs = select_runs(records, data_id, source)
    results = collect_case_results(runs, list_usual_epochs(options))
    return recommend(options.options, options.minutes, load_calibration(source), results)


def collect_case_results(
    runs: Iterable[RunRecord], usual_epochs: Mapping[str, int]
) -> dict[str, CaseResult]:
    """Group finished runs by their option; of two runs with one seed the newer counts.

    Shortened runs count only where an option has no others.

    Args:
        runs: Runs on one data set and network.
        usual_epochs: Epochs of each option when it is not shortened, by its key. Options that
            are not in it are left out.
    """
    groups: dict[str, dict[int, RunRecord]] = {}
    known = [run for run in runs if run.result and run.config.strategy.key in usual_epochs]
    full = {run.id for run in known if not _is_cut_short(run, usual_epochs)}
    has_full = {run.config.strategy.key for run in known if run.id in full}
    for run in sorted(known, key=lambda each: each.created):
        key = run.config.strategy.key
        if run.id in full or key not in has_full:
            groups.setdefault(key, {})[run.config.seed] = run
    return {
        key: _summarise(key, [by_seed[seed] for seed in sorted(by_seed)], usual_epochs[key])
        for key, by_seed in groups.items()
    }


def _is_cut_short(run: RunRecord, usual_epochs: Mapping[str, int]) -> bool:
    strategy = run.config.strategy
    return _was_stopped(run) or strategy.optimiser.epochs < usual_epochs[strategy.key]


def _was_stopped(run: RunRecord) -> bool:
    return run.state.value == "stopped"


def _summarise(key: str, runs: list[RunRecord], usual_epochs: int) -> CaseResult:
    accuracies = [run.result.accuracy for run in runs]
    times = [run.seconds for run in runs if run.seconds is not None]
    first = runs[0].result
    mean, (low, high) = statistics.mean(accuracies), (first.low, first.high)
    if len(runs) > 1:
        spread = statistics.stdev(accuracies)
        low, high = max(0.0, mean - spread), min(1.0, mean + spread)
    epochs = [run.config.strategy.optimiser.epochs for run in runs]
    return CaseResult(
        key,
        tuple(run.id for run in runs),
        mean,
        low,
        high,
        statistics.mean(times) if times else None,
        min(epochs),
        usual_epochs,
        any(map(_was_stopped, runs)),
    )

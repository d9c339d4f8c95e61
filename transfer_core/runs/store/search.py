"""Filter and sort runs by text, tag, data set, state and case."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transfer_core.languages import N_
from transfer_core.runs.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Conditions on runs; an empty field sets none."""

    text: str = ""  # words; each occurs in the name, notes, tags, data set, network or id
    tags: Collection[str] = ()  # the run has all of them
    data_ids: Collection[str] = ()  # the run is on one of them
    states: Collection[str] = ()  # the run is in one of them
    cases: Collection[int] = ()  # the run is of one of them


SortKey = Callable[[RunRecord, Mapping[str, str]], Any]


def _get_accuracy_key(run: RunRecord, _names: Mapping[str, str]) -> float:
    return -run.result.accuracy if run.result else 1.0  # runs without a result come last


SORT_KEYS: dict[str, SortKey] = {  # newest first among equals
    N_("Newest first"): lambda run, names: 0,
    N_("Oldest first"): lambda run, names: run.created,
    N_("Best test accuracy first"): _get_accuracy_key,
    N_("Name"): lambda run, names: run.name.casefold(),
    N_("Data set"): lambda run, names: names.get(run.config.data_id, "").casefold(),
    N_("Case"): lambda run, names: run.config.strategy.textbook_case or math.inf,
}


def filter_runs(
    runs: Iterable[RunRecord], run_filter: RunFilter, sort_by: str, names: Mapping[str, str]
) -> tuple[RunRecord, ...]:
    """Return the runs that match, sorted.

    Args:
        runs: Newest first.
        run_filter: The conditions.
        sort_by: One of `SORT_KEYS`.
        names: Names of the data sets by id, titles of the networks by name.
    """
    matching = [run for run in runs if _matches(run, run_filter, names)]
    return tuple(sorted(matching, key=lambda run: SORT_KEYS[sort_by](run, names)))


def _matches(run: RunRecord, run_filter: RunFilter, names: Mapping[str, str]) -> bool:
    config = run.config
    texts = [
        run.name,
        run.notes,
        *run.tags,
        names.get(config.data_id, ""),
        config.network,
        names.get(config.network, ""),
        run.id,
    ]
    text = "\n".join(texts).casefold()
    return (
        all(word in text for word in run_filter.text.casefold().split())
        and set(run_filter.tags) <= set(run.tags)
        and (not run_filter.data_ids or config.data_id in run_filter.data_ids)
        and (not run_filter.states or run.state in run_filter.states)
        and (not run_filter.cases or config.strategy.textbook_case in run_filter.cases)
    )

"""Find runs among many: by text, tag, data set, state and case, in some order."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transfer_core.runs.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs to show; what is empty asks for nothing."""

    text: str = ""  # each of its words is in the name, notes, tags, data set, network or id
    tags: Collection[str] = ()  # all of them
    data_ids: Collection[str] = ()  # one of them, as in the rest
    states: Collection[str] = ()
    cases: Collection[int] = ()


Order = Callable[[RunRecord, Mapping[str, str]], Any]


def _accuracy(run: RunRecord, _names: Mapping[str, str]) -> float:
    return -run.result["accuracy"] if run.result else 1.0  # those without one come last


ORDERS: dict[str, Order] = {  # newest first among equals
    "Newest first": lambda run, names: 0,
    "Oldest first": lambda run, names: run.created,
    "Best test accuracy first": _accuracy,
    "Name": lambda run, names: run.name.casefold(),
    "Data set": lambda run, names: names.get(run.config.data_id, "").casefold(),
    "Case": lambda run, names: run.config.strategy.case,
}


def find(
    runs: Iterable[RunRecord], wanted: Wanted, order: str, names: Mapping[str, str]
) -> tuple[RunRecord, ...]:
    """The wanted runs in this order.

    Args:
        runs: Newest first.
        wanted: Which of them.
        order: One of `ORDERS`.
        names: Of the data sets, by their ids.
    """
    found = [run for run in runs if _is_wanted(run, wanted, names)]
    return tuple(sorted(found, key=lambda run: ORDERS[order](run, names)))


def _is_wanted(run: RunRecord, wanted: Wanted, names: Mapping[str, str]) -> bool:
    config = run.config
    said = [run.name, run.notes, *run.tags, names.get(config.data_id, ""), config.network, run.id]
    text = "\n".join(said).casefold()
    return (
        all(word in text for word in wanted.text.casefold().split())
        and set(wanted.tags) <= set(run.tags)
        and (not wanted.data_ids or config.data_id in wanted.data_ids)
        and (not wanted.states or run.state in wanted.states)
        and (not wanted.cases or config.strategy.case in wanted.cases)
    )

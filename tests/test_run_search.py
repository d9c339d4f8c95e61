"""Runs found among many, and their settings side by side."""

from dataclasses import replace

import pytest
from toy_runs import make_config, make_test_result

from transfer_core.cases import TransferCase
from transfer_core.runs.store.records import RunRecord, RunState
from transfer_core.runs.store.search import SORT_KEYS, RunFilter, filter_runs
from transfer_core.training.settings_table import compare_settings

NAMES = {"one": "ants and bees", "two": "Zebras", "demonstration": "The network's title"}


def make_run(number: int, **changes) -> RunRecord:
    """A finished run; the higher its number, the newer it is."""
    made = make_config(seed=number, case=changes.pop("case", TransferCase.SMALL_SIMILAR))
    made = replace(made, data_id=changes.pop("data_id", "one"))
    record = RunRecord(
        f"{number:016x}",
        f"run {number}",
        made,
        RunState.finished,
        "",
        float(number),
        1.0,
        2.0,
        None,
        make_test_result(0.5),
        None,
        1,
        True,
    )
    return replace(record, **changes)


RUNS = [
    make_run(4, data_id="two", name="alpha", tags=("mri", "good")),
    make_run(3, case=TransferCase.LARGE_SIMILAR, result=None, state=RunState.failed),
    make_run(2, notes="mirrored by hand", tags=("mri",), result=make_test_result(0.9)),
    make_run(1, name="Zulu"),
]


def find_numbers(wanted: RunFilter, order: str = "Newest first") -> list[int]:
    return [int(record.created) for record in filter_runs(RUNS, wanted, order, NAMES)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), [4, 3, 2, 1]),
        (RunFilter(text="MIRRORED hand"), [2]),
        (RunFilter(text="zebras"), [4]),
        (RunFilter(text="network's title"), [4, 3, 2, 1]),
        (RunFilter(text="mri"), [4, 2]),
        (RunFilter(text=f"{1:016x}"), [1]),
        (RunFilter(tags=["mri", "good"]), [4]),
        (RunFilter(data_ids=["one"]), [3, 2, 1]),
        (RunFilter(states=["failed"]), [3]),
        (RunFilter(cases=[1], tags=["mri"]), [4, 2]),
        (RunFilter(text="nothing like it"), []),
    ],
)
def test_a_filter_finds_what_is_wanted_and_nothing_else(wanted, found):
    assert find_numbers(wanted) == found


@pytest.mark.parametrize(
    ("order", "sorted_as"),
    [
        ("Newest first", [4, 3, 2, 1]),
        ("Oldest first", [1, 2, 3, 4]),
        ("Best test accuracy first", [2, 4, 1, 3]),
        ("Name", [4, 2, 3, 1]),
        ("Data set", [3, 2, 1, 4]),
        ("Case", [4, 2, 1, 3]),
    ],
)
def test_an_order_sorts_and_leaves_equals_newest_first(order, sorted_as):
    assert find_numbers(RunFilter(), order) == sorted_as


def test_every_order_takes_a_run_without_a_result_or_a_known_data_set():
    for order in SORT_KEYS:
        assert len(filter_runs(RUNS, RunFilter(), order, {})) == 4


def test_settings_that_differ_are_told_apart():
    rows = compare_settings([make_config(seed=1), make_config(seed=2)])
    assert [(row.name, row.values) for row in rows if row.differs] == [("seed", ("1", "2"))]


def test_every_setting_is_told_in_words():
    rows = {
        row.name: row.values[0]
        for row in compare_settings([make_config(seed=1)], {"digits-1": "Digits"})
    }
    assert rows["case"] == "Case 1: small, similar"
    assert rows["frozen"] == "convolution, hidden"
    assert rows["data set"] == "Digits (digits)"
    assert (rows["augment"], rows["learning rate"], rows["version of torch"]) == (
        "no",
        "4",
        "2.15",
    )
    rows = compare_settings([make_config(case=TransferCase.LARGE_SIMILAR)])
    assert next(row.values for row in rows if row.name == "frozen") == ("nothing",)


def test_a_setting_that_only_one_run_has_differs():
    bare = replace(make_config(), versions={})
    (row,) = [row for row in compare_settings([make_config(), bare]) if row.differs]
    assert (row.name, row.values) == ("version of torch", ("2.15", "–"))

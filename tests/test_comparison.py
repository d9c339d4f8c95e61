"""Two runs on the same test images: counts, p-value, interval, and what cannot be compared."""

import json

import numpy as np
import pytest
from answered_runs import make_data_set, make_finished_run
from scipy import stats

from transfer_core.cli.main import main
from transfer_core.errors import RunError
from transfer_core.inspection.comparison import (
    compare_runs,
    compute_bootstrap_interval,
    compute_mcnemar_p_value,
)
from transfer_core.runs.store.store import RunStore

WRONG_FIRST = [1, 1, 0, 0, 1, 1, 1, 1]  # predicted classes; the images are four of 0, four of 1
WRONG_LATER = [0, 0, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("counts", "p_value"),
    [((12, 5), 18_804 / 2**17), ((5, 12), 18_804 / 2**17), ((0, 9), 2 / 2**9), ((30, 30), 1.0)],
)
def test_p_value_is_that_of_coins_counted_by_hand(counts, p_value):
    """18,804 = 2 (1 + 17 + 136 + 680 + 2380 + 6188): at most 5 heads of 17, or at most 5 tails."""
    assert compute_mcnemar_p_value(*counts) == pytest.approx(p_value)


def test_networks_that_never_differ_have_p_value_one():
    assert compute_mcnemar_p_value(0, 0) == 1.0


def test_interval_is_that_of_scipys_paired_bootstrap():
    first, second = (
        np.repeat([1, 1, 0, 0], [60, 22, 8, 10]),
        np.repeat([1, 0, 1, 0], [60, 22, 8, 10]),
    )
    oracle = stats.bootstrap(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert compute_bootstrap_interval(22, 8, 100) == pytest.approx(tuple(oracle), abs=0.0101)


def test_images_that_only_one_run_gets_right_are_counted(transfer_home):
    data = make_data_set(transfer_home, test_images=4)
    first, second = (make_finished_run(transfer_home, data, p) for p in (WRONG_FIRST, WRONG_LATER))
    found = compare_runs(transfer_home, first, second)
    assert (found.images, found.both_right) == (8, 4)
    assert (found.only_first, found.only_second) == (2, 2)
    assert found.accuracies == (0.75, 0.75)
    assert found.describe() == (
        "A is right on 2 images that B misses, B on 2 that A misses: "
        "the difference may be chance (p = 1)."
    )
    assert found.describe_excluded() == ""


def test_a_difference_that_is_no_chance_is_told_as_such(transfer_home):
    data = make_data_set(transfer_home, test_images=10)
    right, guessed = [0] * 10 + [1] * 10, [0] * 20
    first, second = (make_finished_run(transfer_home, data, p) for p in (right, guessed))
    found = compare_runs(transfer_home, first, second)
    assert found.difference == 0.5
    assert 0.2 < found.low < 0.5 < found.high < 0.8
    assert "the difference is unlikely to be chance (p = 0.002)" in found.describe()


def test_a_run_compared_with_itself_shows_no_difference(transfer_home):
    run = make_finished_run(transfer_home, make_data_set(transfer_home, test_images=4), WRONG_FIRST)
    found = compare_runs(transfer_home, run, run)
    assert (found.low, found.high, found.p_value) == (0, 0, 1)
    assert "same 6 images of 8" in found.describe()


def test_runs_tested_on_different_images_are_refused(transfer_home):
    one = make_finished_run(transfer_home, make_data_set(transfer_home, test_images=4), WRONG_FIRST)
    elsewhere = make_data_set(transfer_home, test_images=4, first_test_seed=500)
    other = make_finished_run(transfer_home, elsewhere, WRONG_FIRST)
    with pytest.raises(RunError, match="different images.*none in common"):
        compare_runs(transfer_home, one, other)


def test_versions_of_a_data_set_are_compared_on_the_images_that_they_share(transfer_home):
    one = make_finished_run(transfer_home, make_data_set(transfer_home, test_images=4), WRONG_FIRST)
    fewer = make_data_set(
        transfer_home, test_images=3
    )  # the last test image of each class was taken out
    other = make_finished_run(transfer_home, fewer, [0, 0, 0, 0, 1, 1])
    found = compare_runs(transfer_home, one, other)
    assert (found.images, found.alone_first, found.alone_second) == (6, 2, 0)
    assert (found.only_first, found.only_second) == (1, 2)
    assert "the 6 images that both were tested on" in found.describe_excluded()
    assert "2 of A, 0 of B" in found.describe_excluded()


def test_an_image_that_was_given_another_class_is_not_compared(transfer_home):
    one = make_finished_run(transfer_home, make_data_set(transfer_home, test_images=4), WRONG_FIRST)
    other = make_finished_run(
        transfer_home,
        make_data_set(transfer_home, test_images=4, names=("ant", "wasp")),
        WRONG_FIRST,
    )
    assert compare_runs(transfer_home, one, other).images == 4  # the ants


def test_a_run_without_a_result_is_refused(transfer_home):
    data = make_data_set(transfer_home, test_images=4)
    one = make_finished_run(transfer_home, data, WRONG_FIRST)
    waiting = RunStore(transfer_home).create(RunStore(transfer_home).get(one).config)
    with pytest.raises(RunError, match="no answers"):
        compare_runs(transfer_home, one, waiting.id)


def test_the_command_line_tells_the_same_comparison(transfer_home, capsys):
    data = make_data_set(transfer_home, test_images=4)
    first, second = (make_finished_run(transfer_home, data, p) for p in (WRONG_FIRST, WRONG_LATER))
    assert main(["compare-runs", first, second, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["only_first"], told["only_second"]) == (8, 2, 2)
    assert (told["p_value"], told["accuracy_first"], told["difference"]) == (1, 0.75, 0)
    assert f"{first} is right on 2 images that {second} misses" in told["sentence"]


def test_comparing_an_unknown_run_exits_with_2_and_what_to_do(transfer_home, capsys):
    run = make_finished_run(transfer_home, make_data_set(transfer_home, test_images=4), WRONG_FIRST)
    assert main(["compare-runs", run, "../../etc"]) == 2
    assert "There is no such run" in capsys.readouterr().err

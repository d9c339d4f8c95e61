"""The four cases side by side: runs put together, the verdict, and the plan of what to run."""

from types import SimpleNamespace

import pytest

from transfer_core.cases import TransferCase, list_strategies
from transfer_core.figures import build_case_cell, describe_result
from transfer_core.figures.decision_cells import CaseMarks
from transfer_core.inspection import (
    CaseResult,
    collect_case_results,
    find_simplest_equal,
    follow_runs,
    judge_rule,
)
from transfer_core.networks import get_network
from transfer_core.runs.store.records import RunEvent, RunState
from transfer_core.timing import TimeRange, case_plan, plan_cases
from transfer_core.training import EpochEnded, Started
from transfer_core.transferability import Option, Options

SOURCE = get_network("demonstration")
STRATEGIES = list_strategies(SOURCE.stage_names, SOURCE.kind)
FOUR = {key: STRATEGIES[key] for key in ("1", "2-conv2", "3", "4-random")}
USUAL = {key: strategy.optimiser.epochs for key, strategy in STRATEGIES.items()}


def make_run(key: str, accuracy: float | None, *, seed=0, created=0.0, epochs=None, state=None):
    strategy = STRATEGIES[key]
    strategy = strategy.with_epochs(epochs) if epochs else strategy
    result = accuracy and SimpleNamespace(
        accuracy=accuracy, low=accuracy - 0.02, high=accuracy + 0.04
    )
    return SimpleNamespace(
        id=f"{key} {seed} {created}",
        created=created,
        config=SimpleNamespace(strategy=strategy, seed=seed),
        result=result,
        seconds=10.0 + seed,
        state=state or RunState.finished,
    )


def make_case_result(key: str, accuracy: float, *, seconds=5.0, epochs=10) -> CaseResult:
    ends = accuracy - 0.02, accuracy + 0.02
    return CaseResult(key, (key,), accuracy, *ends, seconds, epochs, 10)


OPTIONS = Options(
    tuple(
        Option(key, STRATEGIES[key], key, accuracy, 0.7, 0.9, 10, 20, key == "1", key == "3")
        for key, accuracy in (("1", 0.8), ("3", 0.85), ("4-pretrained", 0.85))
    ),
    minutes=10,
    reason="",
)


def follow(runs):
    for run in runs:
        run.config.data_id, run.config.network, run.config.input_size = "data", SOURCE.name, None
    return follow_runs(OPTIONS, runs, "data", SOURCE)


def test_the_recommendation_follows_what_runs_reached():
    found = follow([make_run("1", 0.86), make_run("3", 0.82)])
    assert found.recommended.key == "1" and found.recommended.accuracy == 0.86
    assert found.recommended.low == pytest.approx(0.84)  # of the run's interval
    assert "1: 86.0% right, measured by your run" in found.reason
    assert found.find("1").expectation.accuracy == 0.8  # still told beside the result
    assert found.find("4-pretrained").accuracy == 0.82  # trained as case 3


def test_a_dearer_run_must_be_better_by_more_than_the_error_of_its_test():
    assert follow([make_run("1", 0.86), make_run("3", 0.87)]).recommended.key == "1"
    assert follow([make_run("1", 0.86), make_run("3", 0.88)]).recommended.key == "3"


@pytest.mark.parametrize("changes", [{"epochs": 2}, {"state": RunState.stopped}])
def test_shortened_runs_do_not_change_the_recommendation(changes):
    found = follow([make_run("3", 0.5, **changes)])
    assert found.recommended.key == "3" and found.find("3").runs == 0
    full = follow([make_run("3", 0.6), make_run("3", 0.5, created=1.0, **changes)])
    assert full.find("3").accuracy == 0.6  # the newer run was cut short


def test_one_run_has_its_interval_and_several_their_spread():
    runs = [make_run("1", 0.9), make_run("3", 0.8), make_run("3", 0.9, seed=1)]
    found = collect_case_results(runs, USUAL)
    assert (found["1"].low, found["1"].high) == pytest.approx((0.88, 0.94))
    assert found["3"].accuracy == pytest.approx(0.85)
    # A standard deviation to each side.
    assert (found["3"].low, found["3"].high) == pytest.approx((0.7793, 0.9207), abs=1e-4)
    assert found["3"].runs == ("3 0 0.0", "3 1 0.0") and found["3"].seconds == 10.5


def test_no_interval_reaches_beyond_all_images():
    found = collect_case_results([make_run("1", 1.0), make_run("1", 0.8, seed=1)], USUAL)
    assert found["1"].high == 1.0
    one = CaseResult("1", ("1",), 28 / 30, 0.787, 0.982, 5.0, 10, 10)
    assert describe_result(one) == "93.3% (79–98%)"


def test_of_two_runs_with_one_seed_the_newer_counts_and_runs_without_result_do_not():
    runs = [make_run("1", 0.9, created=2), make_run("1", 0.5, created=1), make_run("3", None)]
    found = collect_case_results(runs, USUAL)
    assert found.keys() == {"1"} and found["1"].accuracy == 0.9


def test_a_run_with_fewer_epochs_than_its_case_asks_for_is_told_to_be_shortened():
    found = collect_case_results([make_run("3", 0.9, epochs=2), make_run("1", 0.9)], USUAL)
    assert found["3"].is_shortened and not found["1"].is_shortened


def judge(
    accuracies: dict[str, float],
    textbook: int,
    p_value: float = 0.001,
    epochs: int = 10,
    alternative: int | None = None,
    **others,
):
    results = {
        key: make_case_result(key, accuracy, epochs=epochs) for key, accuracy in accuracies.items()
    }
    pair = SimpleNamespace(p_value=p_value, may_be_chance=p_value >= 0.05)
    other = alternative and TransferCase(alternative)
    return judge_rule(
        results, TransferCase(textbook), lambda one, two: pair, alternative=other, **others
    )


def test_the_rule_was_right_where_its_case_is_the_best():
    verdict = judge({"1": 0.9, "3": 0.8}, 1)
    assert verdict.is_right and verdict.best == "1"
    assert verdict.sentences[0].startswith("Yes: the textbook said case 1")
    assert (
        "Case 1 leads case 3 by 10.0 points, more than chance (p = 0.001)" in verdict.sentences[0]
    )


def test_the_rule_was_wrong_where_another_case_is_better_by_more_than_chance():
    verdict = judge({"1": 0.8, "3": 0.9}, 1)
    assert verdict.is_right is False and verdict.best == "3"
    assert "but case 3 is 10.0 points ahead, more than chance" in verdict.sentences[0]


def test_the_rule_was_not_wrong_where_the_lead_may_be_chance():
    verdict = judge({"1": 0.89, "3": 0.9}, 1, p_value=0.4)
    assert verdict.is_right and verdict.sentences[0].startswith("Not wrong")


def test_where_similarity_cannot_be_told_both_cases_are_the_textbooks():
    verdict = judge({"1": 0.8, "2-conv2": 0.9, "3": 0.7}, 1, alternative=2)
    assert verdict.is_right and "said case 1 or 2, and no other" in verdict.sentences[0]
    assert "Case 2 leads case 3 by 20.0 points" in verdict.sentences[0]
    assert "case 2 if not. Case 1 is likelier" in verdict.sentences[1]
    assert judge({"1": 0.8, "2-conv2": 0.9}, 1, alternative=2).is_right is None


@pytest.mark.parametrize("accuracies", [{}, {"3": 0.9, "4-random": 0.8}, {"1": 0.9}])
def test_nothing_is_judged_without_the_textbooks_case_and_another(accuracies):
    verdict = judge(accuracies, 1)
    assert verdict.is_right is None
    assert "Train the cases to see" in verdict.sentences[0]
    running = judge(accuracies, 1, is_running=True)
    assert running.is_right is None and "are being trained" in running.sentences[0]


@pytest.mark.parametrize(
    ("tuned", "p_value", "told"),
    [
        (0.9, 0.01, "gave 20.0 points over random weights"),
        (0.5, 0.01, "cost 20.0 points against random weights"),
        (0.71, 0.8, "Random weights did as well"),
    ],
)
def test_what_pre_training_gave_is_told(tuned, p_value, told):
    assert told in " ".join(judge({"3": tuned, "4-random": 0.7}, 3, p_value).sentences)


def test_of_results_that_chance_may_order_the_quickest_is_taken():
    results = {
        key: make_case_result(key, accuracy, seconds=seconds)
        for key, accuracy, seconds in (("1", 0.95, 1.0), ("2-conv2", 0.7, 0.5), ("3", 0.96, 90.0))
    }

    def compare(best: str, other: str):
        assert best == "3"
        return SimpleNamespace(may_be_chance=other == "1")

    assert find_simplest_equal(results, compare).key == "1"
    assert find_simplest_equal(results, lambda *_: SimpleNamespace(may_be_chance=False)).key == "3"
    assert find_simplest_equal({}, compare) is None


def test_cases_that_were_shortened_are_named():
    told = judge({"3": 0.9, "4-random": 0.7}, 3, epochs=4).caveat
    assert "Cases 3 and 4 were shortened: full runs may end higher." in told


@pytest.fixture
def timed(monkeypatch):
    """An epoch of training everything takes 10 s, everything else 5 s together."""

    def forecast(data, source, strategy, home, *, may_measure):
        seconds = 5.0 if strategy.frozen else 10.0 * strategy.optimiser.epochs
        return SimpleNamespace(total=TimeRange(seconds / 2, seconds))

    monkeypatch.setattr(case_plan, "forecast_run", forecast)


def test_nothing_is_shortened_if_there_is_time_enough_or_no_limit(timed, tmp_path):
    for minutes in (None, 100.0):
        plan = plan_cases(None, SOURCE, FOUR, tmp_path, minutes=minutes)
        assert [run.key for run in plan.runs] == list(FOUR) and not plan.shortened


@pytest.mark.parametrize("minutes", [3.0, 6.0])
@pytest.mark.parametrize("seeds", [1, 2])
def test_runs_that_train_everything_are_shortened_until_all_end_in_time(
    minutes, seeds, timed, tmp_path
):
    plan = plan_cases(None, SOURCE, FOUR, tmp_path, minutes=minutes, seeds=seeds)
    assert [run.key for run in plan.shortened] == ["3", "4-random"]
    assert 0.7 * 60 * minutes < seeds * plan.seconds.high <= 60 * minutes
    assert plan.runs[0].strategy == FOUR["1"]


def test_runs_are_not_shortened_below_two_epochs(timed, tmp_path):
    plan = plan_cases(None, SOURCE, FOUR, tmp_path, minutes=0.1)
    assert [run.strategy.optimiser.epochs for run in plan.shortened] == [2, 2]


def test_what_was_not_timed_has_no_time_and_is_not_shortened(monkeypatch, tmp_path):
    from transfer_core.errors import BusyError

    def refuse(*_, **__):
        raise BusyError("Busy.", found="a run", remedy="Wait.")

    monkeypatch.setattr(case_plan, "forecast_run", refuse)
    plan = plan_cases(None, SOURCE, FOUR, tmp_path, minutes=1.0)
    assert plan.seconds is None and not plan.shortened


def make_option(key: str) -> Option:
    return Option(key, STRATEGIES[key], f"Case, way {key}", 0.8, 0.7, 0.9, 5.0, 9.0, False, False)


def make_events(accuracies: list[float]) -> list[RunEvent]:
    events = [Started(10, 1, 8, 2, 5, 6, "cpu")]
    for number, accuracy in enumerate(accuracies, start=1):
        events.append(EpochEnded(number, number, 1.0, 0.5, 1.0, accuracy, True, 1.0, ()))
    return [RunEvent(number, 0.0, event) for number, event in enumerate(events, start=1)]


def test_a_cell_before_its_run_shows_what_is_expected():
    cell = build_case_cell(make_option("3"), [], {}, CaseMarks(TransferCase(3)), None)
    assert (cell.accuracy, cell.knowledge) == ("70 to 90%", "forecast, not trained · 5–9 s")
    assert cell.marks == ("textbook",) and cell.curves == () and cell.shade is None


def test_a_cell_during_its_run_shows_the_curve_so_far_and_the_epoch():
    run = make_run("4-random", None, state=RunState.training)
    cell = build_case_cell(
        make_option("4-random"), [(run, make_events([0.2, 0.3]))], {}, CaseMarks(), None
    )
    assert cell.state == "training: epoch 2 of 10"
    assert cell.curves[0].accuracies == (0.2, 0.3) and cell.curves[0].kind == "random"
    assert "case 3" in cell.note  # case 4 both ways


def test_a_cell_after_its_runs_shows_the_result_and_the_best_is_marked():
    results = {
        key: make_case_result(key, accuracy) for key, accuracy in (("3", 0.9), ("4-random", 0.7))
    }
    marks = CaseMarks(TransferCase(1), TransferCase(3))
    run = make_run("3", 0.9)
    best = build_case_cell(make_option("3"), [(run, make_events([0.9]))], results, marks, "3")
    assert best.marks == ("★ recommended before", "best measured") and best.shade == 1.0
    other = build_case_cell(make_option("4-random"), [], results, marks, "3")
    assert other.shade == 0.0 and other.note.endswith("as case 3: 90.0% (88–92%)")
    assert "case 3" not in best.note and "90.0% (88–92%)" in best.description

"""Forecasts count what a run does, and what is fitted into a time follows the stated rule."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
import torch
from test_command_line import colours, read_lines  # noqa: F401  (fixture)
from toy_runs import make_config, make_perform

from transfer_core import dataset
from transfer_core.cases import TransferCase, list_strategies, plan_strategy
from transfer_core.cli.main import main
from transfer_core.errors import BusyError, SettingsError
from transfer_core.networks import get_network, list_networks
from transfer_core.networks.input_sizes import list_input_sizes
from transfer_core.networks.kept_stages import trains_baseline
from transfer_core.networks.surgery import HEAD, adapt
from transfer_core.networks.weights_location import get_weights_status
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.perform import perform_run
from transfer_core.system.busy import mark_training, watch_for_training
from transfer_core.timing import cost_cache, strategy_costs, training_measurement
from transfer_core.timing import forecast as forecasting
from transfer_core.timing.forecast import (
    RUN_SECONDS,
    SAFETY_FACTOR,
    compute_forecast,
    describe_time_range,
    forecast_options,
    forecast_run,
)
from transfer_core.timing.measurement import measure_network_costs
from transfer_core.timing.step_costs import NetworkCosts, StepCosts, TimeRange, TrainingCosts
from transfer_core.timing.strategy_costs import (
    HEAD_FEATURES,
    compute_training_share,
    interpolate_head_costs,
)
from transfer_core.timing.time_budget import plan_run_within_budget
from transfer_core.timing.training_measurement import compute_image_cost
from transfer_core.training.events import EpochEnded, Started

SOURCE = get_network("demonstration")
FREE = StepCosts(*[0.0] * 6)  # seconds
STAGES = SOURCE.stage_names[:-1]
COSTS = NetworkCosts(
    0.1,
    0.01,
    0.01,
    dict.fromkeys(STAGES, 0.2),
    dict.fromkeys(STAGES, 0.01),
    dict.fromkeys(STAGES, 500),
)
MEASUREMENTS = {
    "measure_network_costs": COSTS,
    "measure_head_training": TrainingCosts(0.001, 0.0, 0.001, 0.0),
    "measure_whole_training": TrainingCosts(0.01, 0.01, 0.01, 0.01),
    "measure_decoding_cost": 1e-6,
}


def plan_case(source, case: int = 3):
    return plan_strategy(TransferCase(case), source.stage_names, kind=source.kind)


def limit_epochs(strategy, count: int):
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=count))


@pytest.fixture
def data(colours, transfer_home):  # noqa: F811
    return dataset.ingest(colours, home=transfer_home)


@pytest.fixture
def timed(monkeypatch):
    """Costs in proportion to a network's multiplications; returns whose were asked for."""
    asked = set()

    def costs(home, source, strategy, classes, batch, may_measure):
        asked.add(source.name)
        share = (source.input_size / get_network(source.name).input_size) ** 2
        image = 0.02 * source.card["operations"] * share  # seconds
        step = 0.001 if strategy.frozen else 3 * image * strategy.optimiser.batch_size
        return StepCosts(0.1, image, image, image, step, 0.01)

    monkeypatch.setattr(forecasting, "load_or_measure_costs", costs)
    monkeypatch.setattr(forecasting, "load_or_measure_decoding", lambda *of: 0.0)
    return asked


@pytest.fixture
def measured(monkeypatch):
    """Every measurement is done at once, with invented costs."""
    for name, value in MEASUREMENTS.items():
        monkeypatch.setattr(cost_cache, name, lambda *of, value=value: value)


def run_events(data, home, tmp_path, strategy) -> list:
    return list(
        perform_run(make_run_config(data, SOURCE, strategy, 0), tmp_path, home, lambda: False)
    )


@pytest.mark.parametrize("case", [1, 2, 3, 4])
def test_a_forecast_counts_the_steps_and_epochs_that_the_run_takes(
    case, data, transfer_home, tmp_path
):
    strategy = limit_epochs(plan_case(SOURCE, case), 4)
    # Nothing costs anything but the steps and the ends of epochs: one second each.
    costs = (replace(FREE, step=1.0, epoch=1.0), FREE)
    told = compute_forecast(
        data, SOURCE, strategy, costs[: 1 + trains_baseline(SOURCE, strategy)]
    ).training
    events = run_events(data, transfer_home, tmp_path, strategy)
    started = next(event for event in events if isinstance(event, Started))
    ended = [event for event in events if isinstance(event, EpochEnded) and event.epoch]
    taken = len(ended) * (started.steps_per_epoch + 1)
    assert taken == 4 * (started.steps_per_epoch + 1)
    expected = taken + RUN_SECONDS
    assert told.high == pytest.approx(SAFETY_FACTOR * expected)
    assert told.low == pytest.approx(expected / SAFETY_FACTOR)


def test_a_training_is_expected_to_end_between_its_earliest_stop_and_its_last_epoch(data):
    strategy = plan_case(SOURCE, 1)  # 100 epochs; from the 65th it may stop early
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, patience=15))
    told = compute_forecast(data, SOURCE, strategy, (replace(FREE, epoch=1.0),)).total
    assert told.high / SAFETY_FACTOR == pytest.approx((65 + 100) / 2 + RUN_SECONDS)
    assert told.low < 65 and told.high > 100


def test_what_is_decoded_and_embedded_already_is_not_forecast_again(data, transfer_home, tmp_path):
    strategy = limit_epochs(plan_case(SOURCE, 1), 2)
    before = forecast_run(data, SOURCE, strategy, transfer_home)
    run_events(data, transfer_home, tmp_path, strategy)
    after = forecast_run(data, SOURCE, strategy, transfer_home)
    assert before.decoding.low > 0 and before.embedding.low > 0
    assert after.decoding == after.embedding == TimeRange(0, 0)
    smaller = forecast_run(data, SOURCE.with_input_size(32), strategy, transfer_home)
    assert smaller.decoding.low > 0 and smaller.embedding.low > 0


def forbid_measuring(monkeypatch) -> None:
    for name in MEASUREMENTS:
        monkeypatch.setattr(cost_cache, name, lambda *of: pytest.fail("measured"))


@pytest.mark.parametrize("case", [1, 3])
def test_asking_again_measures_nothing(case, data, transfer_home, monkeypatch):
    before = forecast_run(data, SOURCE, plan_case(SOURCE, case), transfer_home)
    forbid_measuring(monkeypatch)
    assert forecast_run(data, SOURCE, plan_case(SOURCE, case), transfer_home) == before


def test_nothing_is_timed_beside_a_run(data, transfer_home):
    with mark_training(), pytest.raises(BusyError, match="can't be measured while a run trains"):
        forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home)
    assert not (transfer_home / "timings").exists()
    forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home)  # the run has ended


def test_beside_a_run_an_earlier_measurement_is_taken_and_stays_as_it_is(
    data, transfer_home, monkeypatch
):
    before = forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home)
    files = sorted((transfer_home / "timings").iterdir())
    for file in files:
        os.utime(file, (1, 1))  # long ago
    forbid_measuring(monkeypatch)
    with mark_training():
        assert forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home) == before
    assert [file.stat().st_mtime for file in files] == [1] * len(files)


def test_costs_are_not_kept_where_a_run_starts_while_they_are_measured(
    data, transfer_home, monkeypatch
):
    def measure(*of):
        with mark_training():  # begins and ends while the batches are timed
            return COSTS

    monkeypatch.setattr(cost_cache, "measure_network_costs", measure)
    with pytest.raises(BusyError):
        forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home)
    assert not (transfer_home / "timings").exists()


def test_a_run_that_ended_while_a_forecast_waited_for_its_turn_does_not_refuse_it(
    data, transfer_home, measured, monkeypatch
):
    class TrainsMeanwhile:
        """A lock beside which a run begins and ends while one waits for it."""

        def __enter__(self):
            with mark_training():
                pass

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(cost_cache, "_measuring", TrainsMeanwhile())
    forecast_run(data, SOURCE, plan_case(SOURCE), transfer_home)


def test_what_may_not_be_measured_is_remembered_however_old(
    data, transfer_home, measured, monkeypatch
):
    strategy = plan_case(SOURCE, 1)
    with pytest.raises(BusyError):
        forecast_run(data, SOURCE, strategy, transfer_home, may_measure=False)
    before = forecast_run(data, SOURCE, strategy, transfer_home)
    monkeypatch.setattr(cost_cache, "MAX_AGE_SECONDS", -1)
    forbid_measuring(monkeypatch)
    told = forecast_run(data, SOURCE, strategy, transfer_home, may_measure=False)
    assert told == before


def test_two_forecasts_are_never_measured_beside_each_other(
    data, transfer_home, measured, monkeypatch
):
    under_way, most, times = [], [], []

    def measure(*of):
        under_way.append(1)
        most.append(len(under_way))
        times.append(of)
        time.sleep(0.2)
        under_way.pop()
        return COSTS

    monkeypatch.setattr(cost_cache, "measure_network_costs", measure)
    strategy = plan_case(SOURCE, 1)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(forecast_run, data, SOURCE, strategy, transfer_home) for _ in range(4)]
    assert len({each.result() for each in asked}) == 1
    assert max(most) == len(times) == 1


def test_the_process_counts_as_training_while_an_engine_drives_a_run(transfer_home):
    seen = []

    def perform_run(config, directory, stop_requested):
        for event in make_perform()(config, directory, stop_requested):
            seen.append(watch_for_training()())
            yield event

    with closing(Engine(transfer_home, perform_run)) as engine:
        engine.wait(engine.submit(make_config(), name="toy"), timeout=30)
    assert seen and all(seen) and not watch_for_training()()


@pytest.mark.measures
def test_a_network_is_timed_without_its_weights_and_draws_no_random_number_of_the_process(
    data, transfer_home, monkeypatch, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    monkeypatch.setattr(training_measurement, "TRAINING_SECONDS", 0.1)
    monkeypatch.setattr(strategy_costs, "HEAD_FEATURES", (256, 1_024))
    source = get_network("shufflenet_v2_x0_5")
    assert get_weights_status(source) == "download"
    before = torch.random.get_rng_state()
    told = forecast_run(data, source, plan_case(source), transfer_home)
    assert 0 < told.total.low < told.total.high
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_fit_follows_the_rule_network_then_size_then_epochs(data, transfer_home, timed):
    candidates, minutes = list_networks(), 3

    def fits(source, count: int) -> bool:
        strategy = limit_epochs(plan_case(source), count)
        estimate = 0.0
        if source.name != SOURCE.name:
            image = 0.02 * source.card["operations"]
            estimate = SAFETY_FACTOR * image * 3 * (len(data.records) - len(data.indices("test")))
        took = forecast_run(data, source, strategy, transfer_home).total.high + estimate
        return took <= 60 * minutes

    found = plan_run_within_budget(
        minutes, data, candidates, plan_case, transfer_home, current_network=SOURCE
    )
    own, size = get_network(found.source.name), found.source.input_size
    count = found.strategy.optimiser.epochs
    assert fits(found.source, count)
    assert len(timed) < 12  # of 81
    better = [n for n in candidates if n.card.get("accuracy", 0) > own.card["accuracy"]]
    assert better and not any(
        fits(n.with_input_size(list_input_sizes(n)[-1]), 10) for n in better[::6]
    )
    assert not any(
        fits(own.with_input_size(larger), 10) for larger in list_input_sizes(own) if larger > size
    )
    assert count == 30 or not fits(found.source, count + 1)
    assert own.title in found.reasons[0]


def test_the_least_time_is_told_where_nothing_fits_and_then_suffices(data, transfer_home, timed):
    candidates = tuple(get_network(name) for name in ("resnet50", "vit_b_32"))
    with pytest.raises(SettingsError, match="No run fits into 0.2 min") as told:
        plan_run_within_budget(
            0.2, data, candidates, plan_case, transfer_home, current_network=SOURCE
        )
    least = int("".join(c for c in told.value.remedy.split(" min")[0] if c.isdigit()))
    found = plan_run_within_budget(
        least, data, candidates, plan_case, transfer_home, current_network=SOURCE
    )
    assert found.seconds.high <= 60 * least
    with pytest.raises(SettingsError):
        plan_run_within_budget(
            least - 1, data, candidates, plan_case, transfer_home, current_network=SOURCE
        )


def test_with_time_to_spare_nothing_is_given_up(data, transfer_home, timed):
    found = plan_run_within_budget(
        10_000, data, (SOURCE,), plan_case, transfer_home, current_network=SOURCE
    )
    assert found.source == SOURCE and found.strategy == plan_case(SOURCE)
    assert "Its own input size" in found.reasons[1] and "All 30 epochs" in found.reasons[2]


def test_an_image_costs_the_slope_between_two_batches_within_bounds():
    # The optimiser takes 1 s, each image 0.1 s: 1.2 s for 2 images, 7.4 s for 64.
    assert compute_image_cost(1.2, 7.4, 64) == pytest.approx(0.1)
    assert compute_image_cost(7.4, 7.4, 64) == pytest.approx(7.4 / 64 / 2)  # noise hides the slope
    assert compute_image_cost(0.0, 6.4, 64) == pytest.approx(0.1)  # a step cannot cost less than 0


def test_a_head_costs_what_lies_on_the_line_through_the_two_timed_heads():
    few, many = TrainingCosts(1.0, 0.0, 0.1, 0.0), TrainingCosts(3.0, 0.0, 0.1, 0.0)
    low, high = HEAD_FEATURES
    steps = [interpolate_head_costs(n, few, many).step for n in (1, low, (low + high) // 2, high)]
    assert steps == [1, 1, 2, 3]
    assert interpolate_head_costs(2 * high, few, few).step == 1


def test_partial_tuning_saves_the_gradients_that_it_does_not_need():
    shares, kept = {"a": 0.25, "b": 0.25, "c": 0.5}, ("a", "b", "c")
    whole = 0.25 * 2 + 0.25 * 3 + 0.5 * 3  # the images need no gradient
    assert compute_training_share(shares, kept, ()) == 1
    last = compute_training_share(shares, kept, ("a", "b"))
    assert last == pytest.approx((0.25 + 0.25 + 0.5 * 2) / whole)
    first = compute_training_share(shares, kept, ("b", "c"))
    assert first == pytest.approx((0.25 * 2 + 0.25 * 2 + 0.5 * 2) / whole)


def test_all_options_are_forecast_from_what_was_timed_once(data, transfer_home, monkeypatch):
    calls = []
    for name, value in MEASUREMENTS.items():
        monkeypatch.setattr(
            cost_cache, name, lambda *of, name=name, value=value: calls.append(name) or value
        )
    strategies = list_strategies(SOURCE.stage_names, SOURCE.kind)
    told = forecast_options(data, SOURCE, strategies, transfer_home)
    assert list(told) == list(strategies)
    assert sorted(calls) == sorted([*MEASUREMENTS, "measure_head_training"])  # two heads
    assert all(0 < each.low < each.high <= 3 * each.low for each in told.values())
    assert told["4-pretrained"] == told["3"]
    assert told["2-conv1"].high < told["1"].high <= told["all-stages"].high
    assert told["last-stages"].high < told["first-stages"].high < told["3"].high
    for key, each in told.items():
        alone = forecast_run(data, SOURCE, strategies[key], transfer_home).total
        assert each == pytest.approx(alone)


def test_an_option_that_cannot_be_timed_now_is_left_out(data, transfer_home, measured):
    strategies = list_strategies(SOURCE.stage_names, SOURCE.kind)
    heads = {key: each for key, each in strategies.items() if each.frozen == ("conv1",)}
    forecast_options(data, SOURCE, heads, transfer_home)
    with mark_training():
        told = forecast_options(data, SOURCE, strategies, transfer_home)
    assert list(told) == ["1", "2-fc1", "2-conv3", "2-conv2", "2-conv1", "all-stages"]


def test_the_measured_costs_are_those_of_the_parts_of_a_network():
    costs = measure_network_costs(SOURCE)
    stages = SOURCE.stage_names[:-1]
    assert tuple(costs.shares) == tuple(costs.checks) == tuple(costs.features) == stages
    assert sum(costs.shares.values()) == pytest.approx(1)
    for cut in stages:
        strategy = list_strategies(SOURCE.stage_names, SOURCE.kind)[
            "1" if cut == stages[-1] else f"2-{cut}"
        ]
        head = adapt(SOURCE, replace(strategy, initialise="random"), 2, seed=0).get_submodule(HEAD)
        assert costs.features[cut] == head.linear.in_features


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0.2, "1 s"),
        (8.4, 21, "8 s to 20 s"),
        (25, 200, "25 s to 3.5 min"),
        (900, 4_800, "15 min to 1 h 20 min"),
        (7_100, 7_300, "2 h"),
    ],
)
def test_times_are_told_as_coarsely_as_they_are_known(low, high, words):
    assert describe_time_range(TimeRange(low, high)) == words


def test_the_command_line_fits_a_run_into_minutes_and_tells_why(
    colours,  # noqa: F811
    transfer_home,
    capsys,
):
    arguments = ["--minutes", "30", "--case", "1", "--network", "demonstration"]
    assert main(["train", str(colours), *arguments, "--json"]) == 0
    events = read_lines(capsys)
    assert events[0]["event"] == "fitted" and "Demonstration network" in events[0]["reasons"][0]
    assert events[-1]["event"] == "finished"
    assert main(["train", str(colours), "--case", "1", "--minutes", "1e-9"]) == 2
    assert "No run fits into 1e-09 min" in capsys.readouterr().err

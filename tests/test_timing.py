"""Forecasts count what a run does, and what is fitted into a time follows the stated rule."""

from dataclasses import replace

import pytest
from test_command_line import colours, lines  # noqa: F401  (fixture)

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan
from transfer_core.cli.main import main
from transfer_core.errors import SettingsError
from transfer_core.networks import catalog, get
from transfer_core.networks.input_sizes import input_sizes
from transfer_core.runs.perform import perform, run_config
from transfer_core.timing import cost_cache
from transfer_core.timing import forecast as forecasting
from transfer_core.timing.forecast import MARGIN, epochs, forecast, in_words, reckon
from transfer_core.timing.measurement import Costs, Spread, extrapolated
from transfer_core.timing.time_budget import fit_into
from transfer_core.training.events import Ended, EpochEnded, Started

SOURCE = get("demonstration")
ONCE = Spread(1, 1)  # second


def strategy_of(source, case: int = 3):
    return plan(TransferCase(case), source.stage_names)


def limited(strategy, count: int):
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=count))


@pytest.fixture
def data(colours, transfer_home):  # noqa: F811
    return dataset.ingest(colours, home=transfer_home)


@pytest.fixture
def timed(monkeypatch):
    """Costs in proportion to a network's multiplications; returns whose were asked for."""
    asked = set()

    def costs(home, source, strategy, classes, number_format):
        asked.add(source.name)
        share = (source.input_size / get(source.name).input_size) ** 2
        image = 0.02 * source.card["operations"] * share  # seconds
        step = 0.001 if strategy.frozen else 3 * image * strategy.optimiser.batch_size
        return Costs(*(Spread(v, v) for v in (0.1, image, image, step, 0.01)))

    monkeypatch.setattr(forecasting, "costs", costs)
    monkeypatch.setattr(forecasting, "decoding_costs", lambda *of: Spread(0, 0))
    return asked


def performed(data, home, tmp_path, strategy) -> list:
    return list(perform(run_config(data, SOURCE, strategy, 0), tmp_path, home, lambda: False))


@pytest.mark.parametrize("case", [1, 2, 3, 4])
def test_a_forecast_counts_the_steps_and_epochs_that_the_run_takes(
    case, data, transfer_home, tmp_path
):
    strategy = limited(strategy_of(SOURCE, case), 4)
    # Nothing costs anything but the steps and the ends of epochs: one second each.
    free = Costs(Spread(0, 0), Spread(0, 0), Spread(0, 0), ONCE, ONCE)
    costs = (free, replace(free, step=Spread(0, 0), epoch=Spread(0, 0)))
    told = reckon(data, SOURCE, strategy, costs[: 1 + strategy.fall_back]).training
    events = performed(data, transfer_home, tmp_path, strategy)
    started = next(event for event in events if isinstance(event, Started))
    ended = [event for event in events if isinstance(event, EpochEnded) and event.epoch]
    taken = len(ended) * (started.steps_per_epoch + 1)
    assert told.high == pytest.approx(MARGIN * 4 * (started.steps_per_epoch + 1))
    assert told.low <= taken <= told.high


@pytest.mark.parametrize("case", [1, 3])
def test_a_training_takes_no_fewer_epochs_than_forecast(case, data, transfer_home, tmp_path):
    strategy = strategy_of(SOURCE, case)
    optimiser = replace(strategy.optimiser, epochs=8, patience=2)
    strategy = replace(strategy, optimiser=optimiser)
    events = performed(data, transfer_home, tmp_path, strategy)
    taken = next(event.epochs for event in events if isinstance(event, Ended))
    least, most = epochs(optimiser, strategy.fall_back)
    assert (least, most) == ((2, 8) if strategy.fall_back else (3, 8))
    assert least <= taken <= most


def test_what_is_decoded_and_embedded_already_is_not_forecast_again(data, transfer_home, tmp_path):
    strategy = limited(strategy_of(SOURCE, 1), 2)
    before = forecast(data, SOURCE, strategy, transfer_home)
    performed(data, transfer_home, tmp_path, strategy)
    after = forecast(data, SOURCE, strategy, transfer_home)
    assert before.decoding.low > 0 and before.embedding.low > 0
    assert after.decoding == after.embedding == Spread(0, 0)
    smaller = forecast(data, SOURCE.at(32), strategy, transfer_home)
    assert smaller.decoding.low > 0 and smaller.embedding.low > 0


def test_asking_again_measures_nothing(data, transfer_home, monkeypatch):
    before = forecast(data, SOURCE, strategy_of(SOURCE), transfer_home)
    monkeypatch.setattr(cost_cache, "measure", None)
    monkeypatch.setattr(cost_cache, "decoding", None)
    assert forecast(data, SOURCE, strategy_of(SOURCE), transfer_home) == before


def test_a_network_is_timed_without_its_weights(data, transfer_home, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    source = get("shufflenet_v2_x0_5")
    assert source.weights == "download"
    told = forecast(data, source, strategy_of(source), transfer_home)
    assert 0 < told.total.low < told.total.high


def test_a_fit_follows_the_rule_network_then_size_then_epochs(data, transfer_home, timed):
    candidates, minutes = catalog(), 3

    def fits(source, count: int) -> bool:
        strategy = limited(strategy_of(source), count)
        estimate = 0.0
        if source.name != SOURCE.name:
            image = 0.02 * source.card["operations"]
            estimate = image * 3 * (len(data.records) - len(data.indices("test")))
        took = forecast(data, source, strategy, transfer_home).total.high + estimate
        return took <= 60 * minutes

    found = fit_into(minutes, data, candidates, strategy_of, transfer_home, present=SOURCE)
    own, size = get(found.source.name), found.source.input_size
    count = found.strategy.optimiser.epochs
    assert fits(found.source, count)
    assert len(timed) < 12  # of 81
    better = [n for n in candidates if n.card.get("accuracy", 0) > own.card["accuracy"]]
    assert better and not any(fits(n.at(input_sizes(n)[-1]), 10) for n in better[::6])
    assert not any(fits(own.at(larger), 10) for larger in input_sizes(own) if larger > size)
    assert count == 30 or not fits(found.source, count + 1)
    assert own.title in found.reasons[0]


def test_the_least_time_is_told_where_nothing_fits_and_then_suffices(data, transfer_home, timed):
    candidates = tuple(get(name) for name in ("resnet50", "vit_b_32"))
    with pytest.raises(SettingsError, match="No run fits into 0.2 min") as told:
        fit_into(0.2, data, candidates, strategy_of, transfer_home, present=SOURCE)
    least = int("".join(c for c in told.value.remedy.split(" min")[0] if c.isdigit()))
    found = fit_into(least, data, candidates, strategy_of, transfer_home, present=SOURCE)
    assert found.seconds.high <= 60 * least
    with pytest.raises(SettingsError):
        fit_into(least - 1, data, candidates, strategy_of, transfer_home, present=SOURCE)


def test_with_time_to_spare_nothing_is_given_up(data, transfer_home, timed):
    found = fit_into(10_000, data, (SOURCE,), strategy_of, transfer_home, present=SOURCE)
    assert found.source == SOURCE and found.strategy == strategy_of(SOURCE)
    assert "Its own input size" in found.reasons[1] and "All 30 epochs" in found.reasons[2]


def test_a_step_on_a_whole_batch_lies_between_proportion_and_a_straight_line():
    # The optimiser takes 1 s, each image 0.1 s: 1.2 s for 2 images, 1.8 s for 8.
    told = extrapolated(Spread(1.2, 1.2), Spread(1.8, 1.8), 8, 64)
    assert told.low == pytest.approx(1 + 64 * 0.1) and told.high == pytest.approx(1.8 * 64 / 8)
    assert extrapolated(Spread(1.2, 1.2), Spread(1.8, 1.8), 64, 64) == Spread(1.8, 1.8)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0.2, "1 s"), (8.4, 21, "8 s to 20 s"), (25, 200, "25 s to 3.5 min"),
        (900, 4_800, "15 min to 1 h 20 min"), (7_100, 7_300, "2 h"),
    ],
)  # fmt: skip
def test_times_are_told_as_coarsely_as_they_are_known(low, high, words):
    assert in_words(Spread(low, high)) == words


def test_the_command_line_tells_minutes_for_each_case(colours, transfer_home, capsys):  # noqa: F811
    assert main(["decide", str(colours), "--minutes", "--json"]) == 0
    (told,) = lines(capsys)
    assert list(told["minutes"]) == ["1", "2", "3", "4"]
    assert all(0 < low < high for low, high in told["minutes"].values())


def test_the_command_line_fits_a_run_into_minutes_and_tells_why(
    colours,  # noqa: F811
    transfer_home,
    capsys,
):
    arguments = ["--minutes", "30", "--case", "1", "--network", "demonstration"]
    assert main(["train", str(colours), *arguments, "--json"]) == 0
    events = lines(capsys)
    assert events[0]["event"] == "fitted" and "Demonstration network" in events[0]["reasons"][0]
    assert events[-1]["event"] == "finished"
    assert main(["train", str(colours), "--case", "1", "--minutes", "0"]) == 2
    assert "No run fits into 0 min" in capsys.readouterr().err

"""The options: what is expected of each, which one is recommended, and what is said about it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from toy_readings import make_evidence

from transfer_core.inspection.case_results import CaseResult
from transfer_core.networks import get_network
from transfer_core.timing.step_costs import TimeRange
from transfer_core.transferability.accuracy_interval import predict_run_accuracy
from transfer_core.transferability.accuracy_prior import AccuracyPrior
from transfer_core.transferability.forecast_model import ForecastModel, list_forecast_predictors
from transfer_core.transferability.option_list import build_options, recommend
from transfer_core.transferability.recommendation import NOTHING_KNOWN, compare_voices, fits
from transfer_core.transferability.similarity_calibration import load_calibration
from transfer_core.transferability.textbook import list_measured_strategies

SOURCE = get_network("demonstration")
STAGES = SOURCE.stage_names[:-1]
CALIBRATION = replace(
    load_calibration(SOURCE),
    prior=AccuracyPrior({}, 1e9),  # accuracies as they were measured
    margin=0.01,
    forecast_margin=0.01,
    forecasts={
        key: ForecastModel(gain, {"best": 1.0}, 0.3)
        for key, gain in (
            ("3", 0.5),
            ("4-random", -1.0),
            ("last-stages", 0.0),
            ("first-stages", 0.0),
        )
    },
)


def measure(accuracies: dict[str, float], together: float, **others):
    """Evidence in which stages have these accuracies, and the others guess among 4 classes."""
    evidence = make_evidence(together=together, **others)
    stages = tuple(
        replace(
            evidence.top,
            stage=name,
            accuracy=accuracies.get(name, 0.25),
            plain_accuracy=accuracies.get(name, 0.25),
            low=accuracies.get(name, 0.25) - 0.05,
        )
        for name in STAGES
    )
    return replace(evidence, stages=stages)


def list_toy_options(evidence, minutes=10, seconds=None, calibration=CALIBRATION, tested=100):
    strategies = list_measured_strategies(SOURCE, evidence)
    if seconds is None:
        seconds = {key: TimeRange(10, 20) for key in strategies}
    options = build_options(SOURCE, strategies, evidence, 400, tested, seconds, calibration)
    return recommend(options, minutes, calibration)


def test_every_option_has_an_accuracy_an_interval_and_a_time():
    found = list_toy_options(measure({"fc1": 0.8}, 0.82))
    assert [option.key for option in found.options][:2] == ["1", f"2-{STAGES[-2]}"]
    for option in found.options:
        assert 0 <= option.low < option.accuracy < option.high <= 1
        assert (option.seconds_low, option.seconds_high) == (10, 20)
        frozen_only = option.key[0] in "12" or option.key == "all-stages"
        assert option.measured == frozen_only
    assert found.find("4-pretrained").accuracy == found.find("3").accuracy
    assert found.find("2-conv2").name == "Case 2, cut after Convolution 2"


@pytest.mark.parametrize(
    ("accuracies", "together", "seconds_of_3", "key"),
    [
        ({STAGES[-1]: 0.8}, 0.8, 9_999, "1"),
        ({STAGES[-1]: 0.8, "conv2": 0.85}, 0.8, 9_999, "2-conv2"),
        ({STAGES[-1]: 0.8, "conv2": 0.805}, 0.8, 9_999, "1"),  # noise
        ({STAGES[-1]: 0.8, "conv1": 0.855, "conv2": 0.85}, 0.8, 9_999, "2-conv2"),  # the deepest
        ({STAGES[-1]: 0.8}, 0.85, 9_999, "all-stages"),
        ({STAGES[-1]: 0.8}, 0.8, 60, "3"),
        ({STAGES[-1]: 0.999}, 0.999, 60, "1"),  # what is forecast to gain is noise
    ],
)
def test_the_most_accurate_within_the_minutes_is_recommended_and_ties_go_to_the_cheaper(
    accuracies, together, seconds_of_3, key
):
    evidence = measure(accuracies, together)
    seconds = {name: TimeRange(1, 2) for name in list_measured_strategies(SOURCE, evidence)}
    slow = TimeRange(seconds_of_3 / 2, seconds_of_3)
    found = list_toy_options(evidence, seconds=seconds | {"3": slow, "4-pretrained": slow})
    assert found.recommended.key == key


@pytest.mark.parametrize("name", ["demonstration", "efficientnet_lite0", "resnet18"])
def test_the_pages_words_on_how_small_a_lead_counts_are_those_of_the_calibrations(name):
    """Half a point between measured ways, and none of a forecast: see lessons/options.md."""
    calibration = load_calibration(get_network(name))
    assert (calibration.margin, calibration.forecast_margin) == (0.005, 0.0)


def test_a_forecast_that_is_recommended_names_the_measured_way_that_may_do_as_well():
    words = "A forecast is rough, and a cheaper way may do as well: Case 1"
    found = list_toy_options(measure({STAGES[-1]: 0.8}, 0.8))
    assert found.recommended.key == "3" and words in found.reason
    measured = list_toy_options(measure({STAGES[-1]: 0.999}, 0.999))
    assert measured.recommended.measured and "rough" not in measured.reason
    sure = replace(CALIBRATION, forecasts={"3": ForecastModel(3.0, {"best": 1.0}, 0.01)})
    far = list_toy_options(measure({STAGES[-1]: 0.5}, 0.5), calibration=sure, tested=9_999)
    assert far.recommended.key == "3" and "rough" not in far.reason


def test_an_option_that_was_not_timed_fits_only_if_it_is_measured():
    found = list_toy_options(measure({STAGES[-1]: 0.8}, 0.8), seconds={})
    assert found.recommended.key == "1"
    assert "how long it takes is not known" in found.reason
    assert list_toy_options(measure({STAGES[-1]: 0.8}, 0.8)).recommended.key == "3"


def test_minutes_that_nothing_fits_into_recommend_nothing():
    found = list_toy_options(measure({STAGES[-1]: 0.8}, 0.8), minutes=0.01)
    assert found.recommended is None


@settings(deadline=None)
@given(some.floats(0, 1), some.integers(1, 3_000), some.floats(1, 3_000), some.floats(1, 3))
def test_an_interval_is_never_a_point_and_holds_its_accuracy(accuracy, images, tested, widening):
    found = predict_run_accuracy(accuracy, images, tested, widening)
    assert 0 <= found.low <= found.accuracy <= found.high <= 1
    assert found.high - found.low > 1e-4


def test_the_best_of_many_equal_options_is_not_taken_at_its_word_on_few_images():
    """Seven options that are right for 60 %: the best of seven measurements looks better."""
    prior, draw = AccuracyPrior({}, 0.003), np.random.default_rng(0)
    names = [f"stage{n}" for n in range(7)]
    best, expected = [], []
    for _ in range(500):
        measured = dict(zip(names, draw.binomial(50, 0.6, 7) / 50, strict=True))
        best.append(max(measured.values()))
        expected.append(max(prior.expect(measured, 50).values()))
    assert np.mean(best) > 0.68 and abs(np.mean(expected) - 0.6) < 0.04


def test_many_images_outweigh_what_is_usual_and_few_do_not():
    prior = AccuracyPrior({"early": -0.1, "top": 0.1}, 0.01)
    measured = {"early": 0.8, "top": 0.7}
    few, many = prior.expect(measured, 10), prior.expect(measured, 10_000)
    assert few["top"] > few["early"] and many["early"] > many["top"]
    assert many == pytest.approx(measured, abs=0.001)
    assert prior.expect({"early": 1.0, "top": 1.0}, 10) == pytest.approx({"early": 1, "top": 1})


@settings(deadline=None)
@given(some.lists(some.floats(0, 1), min_size=2, max_size=8), some.floats(1, 5_000))
def test_what_is_expected_is_an_accuracy(values, images):
    measured = {f"stage{n}": value for n, value in enumerate(values)}
    expected = AccuracyPrior({"stage0": 0.3}, 0.003).expect(measured, images)
    assert expected.keys() == measured.keys()
    assert all(0 <= value <= 1 for value in expected.values())


def test_intervals_of_measured_options_hold_as_many_results_as_they_say():
    draw = np.random.default_rng(0)
    held = []
    for truth in draw.uniform(0.5, 0.95, 2_000):
        found = predict_run_accuracy(draw.binomial(300, truth) / 300, 300, 200)
        held.append(found.low <= draw.binomial(200, truth) / 200 <= found.high)
    assert 0.77 < np.mean(held) < 0.83


def test_forecasts_are_wider_on_fewer_test_images_and_where_they_are_carried_over():
    evidence = make_evidence()
    predictors = list_forecast_predictors(evidence, 400, 0.8)
    model = CALIBRATION.forecasts["3"]
    few, many = (model.forecast(predictors, tested) for tested in (20, 2_000))
    assert few.accuracy == many.accuracy and few.high - few.low > many.high - many.low
    own, other = (
        load_calibration(get_network(name)).forecasts["3"]
        for name in ("efficientnet_lite0", "resnet18")
    )
    assert other.error > own.error and "log_distance" not in other.weights
    assert model.fix("best", 2.0).forecast({}, 100) == model.forecast({"best": 2.0}, 100)


@pytest.mark.parametrize(
    ("values", "words", "knows_measured"),
    [
        ({"independent_images": 9}, "Fewer than 10", False),
        ({"images": 30, "independent_images": 30, "min_images_per_class": 7}, "Too few", True),
        ({"min_images_per_class": 1}, "Too few", True),
    ],
)
def test_options_say_what_they_cannot_know(values, words, knows_measured):
    found = list_toy_options(replace(measure({STAGES[-1]: 0.8}, 0.8), **values))
    assert (found.find("1").accuracy is not None) == knows_measured
    assert found.find("3").accuracy is None and words in found.find("3").note
    assert (found.recommended is None) == (not knows_measured)
    if not knows_measured:
        assert found.reason == NOTHING_KNOWN


def test_where_every_stage_guesses_chance_lies_in_the_interval_and_nothing_is_forecast():
    found = list_toy_options(measure({}, 0.22))
    for option in found.options:
        if option.measured:
            assert option.low <= 0.25 <= option.high
        else:
            assert option.accuracy is None and "guessing" in option.note


shares = some.floats(0.3, 1)


@settings(deadline=None)
@given(shares, shares, shares, some.floats(0.1, 60), some.sampled_from(["1", "2-conv2", "3"]))
def test_no_sentence_contradicts_the_numbers_of_the_options(top, cut, together, minutes, key):
    evidence = measure({STAGES[-1]: top, "conv2": cut}, together)
    strategies = list_measured_strategies(SOURCE, evidence)
    seconds = {name: TimeRange(1, 5) for name in strategies} | {"3": TimeRange(400, 900)}
    found = list_toy_options(evidence, minutes, seconds)
    if found.recommended is None:
        return
    known = [option for option in found.options if option.accuracy is not None]
    printed = {option.key: round(100 * option.accuracy) for option in known}
    best = printed[found.recommended.key]
    assert f"{best}% right" in found.reason
    if "Nothing else is expected" in found.reason:
        assert best == max(printed.values())
    alike = [each for each in known if fits(each, minutes) and printed[each.key] > best]
    assert ("about the same" in found.reason) == bool(alike)
    told = compare_voices(found, key)
    assert ("points at the same" in told) == (found.recommended.key == key)
    if "no difference" in told:
        assert printed[key] >= best
    if "The rule knows only" in told:
        assert printed[key] < best


def test_of_two_runs_the_higher_one_is_named_even_if_only_its_decimal_is_higher():
    options = list_toy_options(measure({STAGES[-1]: 0.8}, 0.8)).options
    results = {
        key: CaseResult(key, (key,), accuracy, 0.9, 0.96, 5.0, 10, 10)
        for key, accuracy in (("1", 0.931), ("3", 0.934))
    }
    found = recommend(options, 10, CALIBRATION, results)
    assert found.recommended.key == "1" and "Nothing else" not in found.reason
    assert "93.4% right, measured by your run; about the same" in found.reason

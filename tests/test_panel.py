"""The panel that the advice is checked against: image sets, data sets, measurements, fits."""

import json
import sys

import numpy as np
import pytest

from benchmarks.panel import __main__ as panel
from benchmarks.panel import embeddings
from benchmarks.panel.fitting import (
    Outcome,
    bin_reliability,
    estimate_crossover,
    fit_forecast,
    fit_similarity,
    hold_out,
    is_inside,
    load_outcomes,
)
from benchmarks.panel.pools import Pool
from benchmarks.panel.report import choose_frozen
from benchmarks.panel.splits import draw_split
from benchmarks.panel.training import Job, train_job
from benchmarks.panel.worlds import WORLDS

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_balanced_and_repeats_from_its_seed(name):
    pixels, labels = WORLDS[name](96, np.random.default_rng(1))
    again, _ = WORLDS[name](96, np.random.default_rng(1))
    assert pixels.shape == (96, 64, 64, 3) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, again)
    assert np.ptp(np.bincount(labels)) <= 1
    assert len(np.unique(pixels.reshape(96, -1), axis=0)) == 96


def test_a_split_shares_no_image_and_holds_as_many_of_every_class():
    labels = np.arange(400) % 4
    split = draw_split(labels, per_class=25, seed=0)
    parts = split.train, split.validation, split.test
    assert [len(part) for part in parts] == [80, 20, 300]
    assert len(np.unique(np.concatenate(parts))) == 400
    assert set(np.bincount(labels[split.learn])) == {25}
    assert not np.array_equal(draw_split(labels, 25, seed=1).test, split.test)


def test_a_larger_data_set_holds_the_images_of_a_smaller_one():
    labels = np.arange(400) % 4
    small, large = (draw_split(labels, size, seed=0).learn for size in (5, 20))
    assert set(small) < set(large)


def test_a_pool_without_images_to_test_on_is_left_out():
    assert draw_split(np.arange(120) % 4, per_class=20, seed=0) is None


def make_outcome(lead=0.0, per_class=20, family="photos", everything=0.7, random=0.3) -> Outcome:
    """A data set whose early stage leads the top by so much."""
    accuracies = {"early": 0.6 + lead, "top": 0.6, "all-stages": 0.55}
    row = {
        "pool": family,
        "family": family,
        "classes": 4,
        "images": 4 * per_class,
        "independent_images": 4 * per_class,
        "test_images": 1_000,
        "cross_validated": accuracies,
        "test": accuracies,
        "predictors": {
            "best": float(np.log(3 / 2) + 4 * max(lead, 0)),
            "log_per_class": float(np.log(per_class)),
            "log_images": float(np.log(per_class * 4)),
            "log_classes": float(np.log(4)),
            "log_distance": -2.0,
            "gap": 100 * lead,
            "leep": 0.2,
            "skill": 0.5,
        },
    }
    trained, tested = {"3": everything, "4-random": random}, {"3": 1_000, "4-random": 1_000}
    return Outcome(row, accuracies, trained, tested)


OUTCOMES = [
    make_outcome(lead, per_class, f"family {number % 6}", everything=0.5 + 0.002 * per_class)
    for number, lead in enumerate(np.linspace(-0.2, 0.2, 18))
    for per_class in (5, 50, 100)
]


def test_features_carry_over_where_the_top_is_as_good_and_random_weights_are_worse():
    assert make_outcome(lead=0.005).is_similar(("early",))
    assert not make_outcome(lead=0.05).is_similar(("early",))
    assert not make_outcome(lead=0.0, random=0.6).is_similar(("early",))
    assert Outcome(OUTCOMES[0].row, {}, {}, {}).is_similar(("early",)) is None


def test_the_similarity_model_finds_the_lead():
    model = fit_similarity(OUTCOMES, ("early",))
    chances = [model.compute_probability(each.row["predictors"]) for each in OUTCOMES]
    similar = [each.is_similar(("early",)) for each in OUTCOMES]
    assert model.weights["gap"] < 0
    assert np.mean((np.array(chances) >= 0.5) == similar) > 0.9


def test_a_forecast_learns_that_more_images_help_and_says_how_far_off_it_is():
    model = fit_forecast(OUTCOMES, "3")
    few, many = (
        model.forecast(make_outcome(per_class=size).row["predictors"], 1_000) for size in (5, 100)
    )
    assert few.accuracy < many.accuracy and few.low < few.accuracy < few.high
    assert np.mean([is_inside(each, model, "3") for each in OUTCOMES]) >= 0.75


def test_a_family_is_judged_by_a_model_that_has_not_seen_it():
    used = hold_out(OUTCOMES, lambda others: {each.family for each in others})
    for outcome, seen in zip(OUTCOMES, used, strict=True):
        assert outcome.family not in seen and len(seen) == 5


def test_statements_are_counted_in_bins():
    bins = bin_reliability(np.array([0.1, 0.15, 0.9, 1.0]), np.array([False, True, True, True]))
    assert [(b.low, b.similar, b.count) for b in bins] == [(0.0, 1, 2), (0.8, 2, 2)]


def test_the_crossover_lies_where_training_everything_begins_to_win():
    crossover, table = estimate_crossover(
        [make_outcome(per_class=5, everything=0.5), make_outcome(per_class=50, everything=0.7)]
    )
    assert 5 < crossover < 50 and [line[0] for line in table] == [5, 50]
    assert estimate_crossover([make_outcome(everything=0.7)])[0] is None


def test_the_cheapest_new_layer_within_the_margin_is_chosen():
    assert choose_frozen(make_outcome(lead=0.004), margin=0.005) == "top"
    assert choose_frozen(make_outcome(lead=0.02), margin=0.005) == "early"


def test_what_was_trained_is_brought_together_with_what_was_measured(tmp_path):
    key = {"pool": "photos", "per_class": 20, "seed": 0}
    other_family = make_outcome(family="drawings").row | {"per_class": 20, "seed": 0}
    rows = [make_outcome().row | key, {"pool": "noise"}, other_family]
    (tmp_path / "frozen.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tested = {"test": 0.8, "test_images": 500, "settings": "{}", "option": "3"}
    other = tested | {"settings": '{"epochs": 1}', "test": 0.1}
    (tmp_path / "trained.jsonl").write_text(
        "".join(json.dumps(key | r) + "\n" for r in (tested, other))
    )
    random = tmp_path / "random.jsonl"
    random.write_text(json.dumps(key | {"images": 100, "random": 0.4, "test_images": 300}) + "\n")
    found, drawings = load_outcomes(tmp_path, random)
    assert found.trained == {"3": 0.8, "4-random": 0.4} and drawings.trained == {}
    assert found.expected == pytest.approx(found.row["cross_validated"], abs=0.02)
    assert found.tested == {"3": 500, "4-random": 300}


class TinyPools:
    """One pool of coloured noise in place of all image sets."""

    def __init__(self, *_):
        pass

    def names(self):
        return ["tiny"]

    def controls(self):
        return []

    def get_family(self, name):
        return "noise"

    def pool(self, name):
        labels = np.arange(200) % 2
        pixels = NOISE.integers(0, 120, (200, 64, 64, 3), dtype=np.uint8)
        pixels[..., 0] += 100 * labels[:, None, None].astype(np.uint8)
        return Pool(name, "noise", pixels, labels)


def test_new_layers_are_measured_from_embeddings_that_are_made_once(
    tmp_path, monkeypatch, transfer_home
):
    monkeypatch.setattr(panel, "Pools", TinyPools)
    out = tmp_path / "frozen.jsonl"
    out.touch()
    run_panel(monkeypatch, tmp_path, "frozen", "10")
    (row,) = (json.loads(line) for line in out.read_text().splitlines())
    assert row["images"] == 20 and row["test"]["fc2"] > 0.9
    assert set(row["cross_validated"]) == {"conv1", "conv2", "conv3", "fc1", "fc2", "all-stages"}
    monkeypatch.setattr(embeddings, "embed", None)  # another size needs no embedding any more
    run_panel(monkeypatch, tmp_path, "frozen", "10", "20")
    assert len(out.read_text().splitlines()) == 2


def test_a_training_of_the_panel_is_tested_on_images_that_it_has_not_seen(
    tmp_path, monkeypatch, transfer_home
):
    monkeypatch.setattr("benchmarks.panel.training.Pools", TinyPools)
    settings = json.dumps({"epochs": 2})
    job = Job("demonstration", "tiny", 5, 0, (("3", settings),))
    alone, trained = train_job(job, tmp_path, tmp_path, "cpu")
    assert (alone["option"], trained["option"]) == ("1", "3")
    assert trained["epochs"] == 2 and trained["test_images"] == 190
    assert min(alone["test"], trained["test"]) > 0.6


def run_panel(monkeypatch, out, what, *sizes):
    arguments = ["panel", what, "nowhere", "--out", str(out), "--folder", str(out / "large")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--per-class", *sizes])
    panel.main()

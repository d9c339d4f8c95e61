"""The panel that the advice is checked against: its image sets, splits and readings."""

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from toy_readings import make_evidence

from benchmarks.panel import __main__ as panel
from benchmarks.panel import embeddings
from benchmarks.panel.fitting import (
    bin_reliability,
    calibrate,
    fit_logistic,
    hold_out_families,
)
from benchmarks.panel.outcomes import Outcome, borrow_tuned, compare_bare_pixels, load_outcomes
from benchmarks.panel.pools import Pool
from benchmarks.panel.signals import compute_h_score, compute_logme
from benchmarks.panel.truth import draw_split
from benchmarks.panel.worlds import WORLDS
from transfer_core.networks import get_network

NOISE = np.random.default_rng(0)
LABELS = np.arange(300) % 3
INFORMATIVE = np.eye(3)[LABELS] + 0.3 * NOISE.normal(size=(300, 3))
UNINFORMATIVE = NOISE.normal(size=(300, 3))


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_balanced_and_repeats_from_its_seed(name):
    pixels, labels = WORLDS[name](96, np.random.default_rng(1))
    again, _ = WORLDS[name](96, np.random.default_rng(1))
    assert pixels.shape == (96, 64, 64, 3) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, again)
    assert np.ptp(np.bincount(labels)) <= 1
    assert len(np.unique(pixels.reshape(96, -1), axis=0)) == 96


def test_a_split_shares_no_image_and_holds_every_class():
    pool = Pool("some", "family", np.zeros((400, 1)), np.arange(400) % 4)
    parts = draw_split(pool, images=100, seed=0)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [75, 25, 300]
    assert len(np.unique(np.concatenate(list(parts.values())))) == 400
    for part in parts.values():
        assert np.ptp(np.bincount(pool.labels[part])) <= 2
    assert not np.array_equal(draw_split(pool, 100, seed=1)["test"], parts["test"])


def test_a_pool_without_images_to_test_on_is_left_out():
    pool = Pool("some", "family", np.zeros((120, 1)), np.arange(120) % 4)
    assert draw_split(pool, images=100, seed=0) is None


@pytest.mark.parametrize("score", [compute_logme, compute_h_score])
def test_a_score_prefers_features_that_tell_the_classes_apart(score):
    features = np.hstack([INFORMATIVE, UNINFORMATIVE]).astype(np.float32)
    mute = np.hstack([UNINFORMATIVE, NOISE.normal(size=(300, 3))]).astype(np.float32)
    assert score(features, LABELS) > score(mute, LABELS)


def make_outcome(lead: float, images=300, seed=0, family="photos", noise=0.0) -> Outcome:
    """Make an outcome whose early stages lead the top by so much, in evidence and in truth."""
    return Outcome(
        pool=family,
        family=family,
        images=images,
        seed=seed,
        evidence=make_evidence(early=0.6 + lead, top=0.6, distance=0.1 + max(0, lead)),
        cuts={"conv1": 0.5, "conv2": 0.6 + lead + noise, "fc1": 0.6},
        tuned=0.6 + 0.0005 * (images - 300),
        random=0.55 + 2 * lead,
        seconds=1.0,
    )


OUTCOMES = [
    make_outcome(lead, images, seed, f"family {number % 6}")
    for number, lead in enumerate(np.linspace(-0.2, 0.2, 18))
    for images in (100, 300, 1_000)
    for seed in (0, 1)
]


def test_a_fit_finds_what_decides_and_keeps_the_sign_that_theory_demands():
    model = fit_logistic(OUTCOMES, "top")
    assert set(model.weights) == {"gap"} and model.weights["gap"] < 0
    chances = [model.compute_probability(o.sample_predictors()).mean() for o in OUTCOMES]
    right = [
        (chance >= 0.5) == o.top_is_enough for chance, o in zip(chances, OUTCOMES, strict=True)
    ]
    assert np.mean(right) > 0.9


def test_a_family_is_judged_by_a_model_that_has_not_seen_it():
    used = {o.family: calibration for o, calibration in hold_out_families(OUTCOMES)}
    for family, calibration in used.items():
        assert calibration == calibrate([o for o in OUTCOMES if o.family != family])


def test_statements_are_counted_in_bins():
    bins = bin_reliability([(0.1, False), (0.15, True), (0.9, True), (1.0, True)])
    assert [(b.low, b.similar, b.count) for b in bins] == [(0.0, 1, 2), (0.8, 2, 2)]


def test_truth_and_readings_of_one_data_set_are_brought_together(tmp_path):
    key = {"weights": "w", "pool": "a", "images": 100, "seed": 0}
    truth = key | {
        "family": "f",
        "cuts": {"conv2": 0.5, "fc1": 0.6},
        "tuned": 0.7,
        "random": 0.4,
    }
    signals = key | {"family": "f", "evidence": asdict(make_evidence()), "seconds": 1.0}
    other = signals | {"seed": 1}  # its truth is not known yet
    (tmp_path / "truth.jsonl").write_text(json.dumps(truth) + "\n")
    (tmp_path / "signals.jsonl").write_text(json.dumps(signals) + "\n" + json.dumps(other) + "\n")
    (found,) = load_outcomes(tmp_path, "w")
    assert (found.top, found.cut, found.best) == (0.6, 0.5, 0.7)
    with (tmp_path / "truth.jsonl").open("a") as file:
        file.write(json.dumps(truth | {"seed": 1, "tuned": 0.8}) + "\n")
    assert [round(o.tuned, 3) for o in load_outcomes(tmp_path, "w")] == [0.75, 0.75]
    assert load_outcomes(tmp_path, "other weights") == []


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


def test_another_network_is_measured_frozen_from_embeddings_that_are_made_once(
    tmp_path, monkeypatch, transfer_home
):
    other = replace(get_network("demonstration"), name="another")
    monkeypatch.setattr(panel, "get_network", lambda name: other)
    monkeypatch.setattr(panel, "Pools", TinyPools)
    for what in ("signals", "truth"):
        run_panel(monkeypatch, tmp_path, what, "100")
    (found,) = load_outcomes(tmp_path, other.weights_hash)
    assert found.images == 100 and found.tuned is None and found.top > 0.9
    assert found.evidence.classes == 2 and found.evidence.stages[0].untrained_accuracy is None
    assert len(found.evidence.draws.gap) == 200
    monkeypatch.setattr(embeddings, "embed", None)  # another size needs no embedding any more
    run_panel(monkeypatch, tmp_path, "signals", "50")
    assert len((tmp_path / "signals.jsonl").read_text().splitlines()) == 2


def run_panel(monkeypatch, results, what, images):
    arguments = ["panel", what, "nowhere", "--network", "another", "--results", str(results)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--sizes", images, "--seeds", "1"])
    panel.main()


FROZEN = [replace(outcome, tuned=None, random=None) for outcome in OUTCOMES]


def test_a_network_that_was_not_trained_borrows_the_accuracy_of_training_everything():
    others = [make_outcome(0.0, images, family="family 1") for images in (100, 300)]
    for each in borrow_tuned(FROZEN, others):
        known = each.pool == "family 1" and each.images in (100, 300)
        assert each.tuned == (0.6 + 0.0005 * (each.images - 300) if known else None)


def test_bare_pixels_alone_never_lower_what_pre_training_gains():
    outcome = make_outcome(0.1)
    compared = compare_bare_pixels(outcome)
    before, after = (each.sample_predictors()["gain"] for each in (outcome, compared))
    lead = outcome.evidence.accuracy_without_pretraining - outcome.evidence.pixels
    assert np.allclose(after - before, 100 * lead) and lead >= 0
    assert compared.evidence.accuracy_without_pretraining == outcome.evidence.pixels

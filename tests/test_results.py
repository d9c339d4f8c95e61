"""Inspection of a run for Results: mistakes, calibration, diagnosis, embedding map."""

import re
from dataclasses import replace
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
from answered_runs import make_data_set
from hypothesis import strategies as some
from sklearn.calibration import calibration_curve
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from toy_runs import make_epoch, make_log, make_test_result

from pages.parts.train.run_end import _describe_kept_weights
from pages.shared import case_one
from transfer_core import networks
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.inspection import prediction
from transfer_core.inspection.calibration import measure_calibration
from transfer_core.inspection.diagnosis import TrainingHistory, build_training_history, diagnose
from transfer_core.inspection.embedding_map import (
    embed_test_images,
    measure_nearest_neighbour_accuracy,
    project_with_pca,
    project_with_tsne,
)
from transfer_core.inspection.mistakes import (
    compute_confidences,
    compute_margins,
    find_in_confusion_cell,
    find_misclassified,
    rank_by_uncertainty,
)
from transfer_core.inspection.prediction import load_trained_network
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.training.config import RunConfig
from transfer_core.training.evaluation import compute_difference_interval, compute_wilson_interval
from transfer_core.training.events import Ended, Started

STAGES = networks.get_network("demonstration").stage_names
FROZEN = plan_strategy(TransferCase.SMALL_SIMILAR, STAGES, kind="demonstration")
WHOLE = plan_strategy(TransferCase.LARGE_SIMILAR, STAGES, kind="demonstration")


def make_answers(images=300, classes=4, seed=0) -> prediction.TestPredictions:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), images).astype(np.float32)
    labels = generator.integers(0, classes, images)
    return prediction.TestPredictions(np.arange(1_000, 1_000 + images), labels, probabilities)


def test_mistakes_are_exactly_the_wrong_ones_and_the_surest_come_first():
    given = make_answers()
    found = find_misclassified(given)
    right = accuracy_score(given.labels, given.predicted, normalize=False)
    assert len(found) == len(given.labels) - right
    assert (given.predicted[found] != given.labels[found]).all()
    assert (np.diff(compute_confidences(given)[found]) <= 0).all()


def test_the_most_uncertain_images_are_those_between_two_classes():
    probabilities = np.array([[0.9, 0.1, 0], [0.5, 0.49, 0.01], [0.4, 0.3, 0.3]], np.float32)
    given = prediction.TestPredictions(np.arange(3), np.zeros(3, int), probabilities)
    assert compute_margins(given).tolist() == pytest.approx([0.8, 0.01, 0.1], abs=1e-6)
    assert rank_by_uncertainty(given).tolist() == [1, 2, 0]


def test_the_cells_part_the_test_images():
    given = make_answers()
    cells = [find_in_confusion_cell(given, a, p) for a in range(4) for p in range(4)]
    assert sorted(np.concatenate(cells).tolist()) == list(range(300))


def test_bins_of_confidence_are_those_of_scikit_learn():
    given = make_answers(images=2_000)
    found = measure_calibration(given)
    right = given.predicted == given.labels
    expected, stated = calibration_curve(right, compute_confidences(given), n_bins=10)
    assert [b.correct / b.images for b in found.bins] == pytest.approx(expected.tolist())
    assert [b.stated for b in found.bins] == pytest.approx(stated.tolist(), abs=1e-6)
    weights = np.array([b.images for b in found.bins]) / 2_000
    assert found.error == pytest.approx((weights * np.abs(expected - stated)).sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("sure", "right", "images", "told"),
    [
        (0.9, 0.5, 200, "over-confident"),
        (0.6, 0.95, 200, "under-confident"),
        (0.9, 0.8, 10, "The two agree"),
    ],
)
def test_confidence_is_judged_with_its_interval(sure, right, images, told):
    probabilities = np.tile(np.float32([sure, 1 - sure]), (images, 1))
    labels = (np.arange(images) >= right * images).astype(int)
    assert (
        told
        in measure_calibration(
            prediction.TestPredictions(np.arange(images), labels, probabilities)
        ).describe()
    )


def test_the_interval_of_a_difference_is_newcombes():
    """56 of 70 against 48 of 80, the first example of the paper: 0.0524 to 0.3339."""
    found = compute_difference_interval((56 / 70, 70), (48 / 80, 80))
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_the_interval_of_a_difference_holds_the_truth_about_19_times_in_20():
    generator = np.random.default_rng(0)
    drawn = zip(generator.binomial(60, 0.9, 2_000), generator.binomial(40, 0.7, 2_000), strict=True)
    intervals = [compute_difference_interval((a / 60, 60), (b / 40, 40)) for a, b in drawn]
    held = np.mean([low <= 0.2 <= high for low, high in intervals])
    assert 0.93 < held < 0.98


def make_result(accuracy=0.9, images=1_000):
    return make_test_result(accuracy, images)


def make_history(**changes) -> TrainingHistory:
    usual = TrainingHistory(
        "early stopping", 5, 3_000, 1_000, 0.91, 0.9, (1.0, 0.8, 0.7, 0.65, 0.6, 0.61)
    )
    return replace(usual, **changes)


def make_config(strategy=FROZEN) -> RunConfig:
    return RunConfig("images", "demonstration", strategy, 0, {})


def list_titles(given: TrainingHistory, strategy=FROZEN, tested=None) -> list[str]:
    config = make_config(strategy)
    return [finding.title for finding in diagnose(given, config, tested or make_result())]


def test_a_run_in_order_is_called_so_and_nothing_else_is_found():
    assert list_titles(make_history()) == ["No over-fitting, no under-fitting"]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"train_accuracy": 0.99}, "Over-fitting"),
        (
            {"train_accuracy": 0.95, "validation_images": 20},
            "Too few validation images to tell over-fitting",
        ),
        (
            {"train_accuracy": 0.95, "validation_images": 400},
            "Some over-fitting, how much is open",
        ),
        ({"train_accuracy": 0.6, "validation_accuracy": 0.61}, "Under-fitting"),
        ({"train_accuracy": None, "best_epoch": 0}, "Fit not known"),
        (
            {
                "reason": "all epochs",
                "best_epoch": 6,
                "validation_losses": (2.0, 1.6, 1.3, 1.1, 0.9, 0.7),
            },
            "Ended too early",
        ),
        ({"validation_losses": (1.0, 0.8, 0.7, 0.65, 0.6, 0.9)}, "Kept in time"),
    ],
)
def test_what_went_wrong_is_named(changes, title):
    assert title in list_titles(make_history(**changes))


@hypothesis.settings(deadline=None)
@hypothesis.given(some.integers(0, 100), some.integers(0, 100), some.integers(10, 2_000))
def test_a_gap_is_called_chance_only_if_its_interval_holds_none(trained, validated, images):
    shares = {"train_accuracy": trained / 100, "validation_accuracy": validated / 100}
    history = make_history(**shares, validation_images=images)
    told = diagnose(history, make_config(), make_result())[0]
    low = int(re.search(r"interval (-?\d+) point", told.words)[1])
    assert low <= 0 or "or chance" not in told.words
    assert low > 0 or "more than chance" not in told.words


def test_a_gap_that_chance_explains_is_never_called_over_fitting():
    """The same accuracy everywhere, measured on few images: false alarms must be rare."""
    generator, alarms = np.random.default_rng(0), 0
    for _ in range(500):
        trained, validated = generator.binomial(150, 0.85) / 150, generator.binomial(50, 0.85) / 50
        given = make_history(
            train_accuracy=trained,
            train_images=150,
            validation_accuracy=validated,
            validation_images=50,
        )
        alarms += "Over-fitting" in list_titles(given)
    assert alarms <= 10


def test_few_test_images_are_told_and_how_many_would_do():
    found = diagnose(make_history(), make_config(), make_result(0.9, 40))
    (told,) = [finding for finding in found if finding.title == "Too few test images to tell"]
    assert told.kind == "unsure"
    enough = int(told.words.split("About ")[1].split(" test")[0])
    low, high = compute_wilson_interval(round(0.9 * enough), enough)
    assert (high - low) / 2 == pytest.approx(0.05, abs=0.005)


def test_test_images_beyond_training_accuracy_are_suspicious_where_nothing_was_augmented():
    strange = make_history(train_accuracy=0.7, validation_accuracy=0.9)
    assert "Better on new images than on known ones" in list_titles(strange)
    assert "Better on new images than on known ones" not in list_titles(strange, WHOLE)


def test_validation_and_test_that_disagree_are_told_the_right_way_round():
    found = diagnose(make_history(), make_config(), make_result(0.8))
    (told,) = [finding for finding in found if finding.title == "Validation and test disagree"]
    assert told.words.startswith("The validation images are answered better than the test images")
    assert "Validation and test disagree" not in list_titles(
        make_history(), tested=make_result(0.89)
    )


def test_a_perfect_test_is_questioned():
    assert "All right: too good?" in list_titles(make_history(), tested=make_result(1.0))


def test_the_course_of_a_run_that_began_twice_is_that_of_its_last_attempt():
    def end_epoch(number, loss, accuracy):
        return make_epoch(
            number,
            validation_loss=loss,
            validation_accuracy=accuracy,
            train_accuracy=accuracy,
        )

    started = Started(2, 1, 30, 10, 10, 100, "cpu")
    events = make_log(
        started,
        end_epoch(1, 9.0, 0.1),
        started,
        end_epoch(1, 1.0, 0.5),
        end_epoch(2, 0.5, 0.7),
        Ended("all epochs", 2, 2, 1.0, 100.0, ()),
    )
    assert build_training_history(events, make_config()) == TrainingHistory(
        "all epochs", 2, 30, 10, 0.7, 0.7, (1.0, 0.5)
    )
    assert build_training_history(events[:1], make_config()) is None


def test_a_mixture_of_weights_is_judged_by_its_own_validation_and_named_so(monkeypatch):
    def end_epoch(number, accuracy, best):
        return make_epoch(number, train_accuracy=0.9, validation_accuracy=accuracy, best=best)

    events = make_log(
        Started(2, 1, 30, 30, 10, 100, "cpu"),
        end_epoch(1, 1.0, True),
        end_epoch(2, 0.5, False),
        Ended("all epochs", 2, 2, 1.0, 100.0, (), validation_accuracy=29 / 30),
    )
    config = make_config(replace(WHOLE, optimiser=replace(WHOLE.optimiser, interpolation=0.75)))
    history = build_training_history(events, config)
    assert history.is_mixture and history.validation_accuracy == 29 / 30
    told = diagnose(history, config, make_result())[0].words
    assert "97% of the 30 validation images with the weights that were kept" in told
    assert "epoch that was kept" not in told
    kept = _describe_kept_weights(SimpleNamespace(config=config), events[-1].event)
    assert kept == (
        "the weights lie between those it began with and those of epoch 2, "
        "right on 96.7% of the validation images"
    )
    log = SimpleNamespace(events=lambda: events)
    monkeypatch.setattr(case_one.caches, "get_run_log", lambda _run: log)
    lead = case_one._explain_lead(SimpleNamespace(id="", config=config))
    assert "went on after its best epoch without improving" in lead
    stopped = replace(events[-1].event, reason="stopped", best_epoch=1)  # the best is kept then
    assert "of epoch 1" in _describe_kept_weights(SimpleNamespace(config=config), stopped)


def test_the_principal_plane_is_that_of_scikit_learn_on_features_made_comparable():
    features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32) * np.arange(1, 9)
    plane = project_with_pca(features.astype(np.float32))
    variance = features.var(0)
    scaled = (features - features.mean(0)) / np.sqrt(variance + 0.1 * variance.mean())
    expected = PCA(2).fit(scaled)
    assert plane.explained_variance_ratio == pytest.approx(
        expected.explained_variance_ratio_.tolist(), rel=1e-4
    )
    assert abs(plane.points) == pytest.approx(abs(expected.transform(scaled)), abs=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 90])
@pytest.mark.parametrize("features", [1, 2, 60])
def test_any_number_of_images_is_laid_out(count, features):
    given = np.random.default_rng(0).normal(size=(count, features)).astype(np.float32)
    for plane in (project_with_pca(given), project_with_tsne(given)):
        assert plane.points.shape == (count, 2) and np.isfinite(plane.points).all()


def test_neighbours_are_alike_where_classes_lie_apart():
    labels = np.repeat([0, 1], 20)
    noise = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    assert (
        measure_nearest_neighbour_accuracy(noise + 10 * labels[:, None].astype(np.float32), labels)
        == 1.0
    )
    assert measure_nearest_neighbour_accuracy(noise, labels) < 0.8


@pytest.mark.parametrize(
    ("case", "scores"), [(TransferCase.SMALL_SIMILAR, True), (TransferCase.LARGE_SIMILAR, False)]
)
def test_after_training_is_the_new_layer_where_all_else_stayed_frozen(transfer_home, case, scores):
    data = make_data_set(transfer_home, test_images=3)
    source, engine = networks.get_network("demonstration"), start_engine(transfer_home)
    strategy = plan_strategy(case, source.stage_names, kind=source.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=1))
    run = engine.submit(make_run_config(data, source, strategy, 0))
    engine.wait(run, timeout=60)
    engine.close()
    seen = []
    found = embed_test_images(
        transfer_home, load_trained_network(transfer_home, run), lambda *told: seen.append(told)
    )
    assert found.after_is_logits == scores
    assert found.before.shape == (6, 512) and found.after.shape == (6, 2 if scores else 512)
    assert not np.array_equal(found.before, found.after)
    when = "before" if scores else "after"  # scores are computed from the features of before
    assert seen[-1] == (f"Embedding them {when} training", 6, 6)

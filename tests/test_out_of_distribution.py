"""Whether a network knows images of a kind: distances, the threshold, and what keeps it honest."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.cli.main import main
from transfer_core.inspection.out_of_distribution import (
    MAX_TRAINING_IMAGES,
    compute_conformal_threshold,
    fit_detector,
    load_or_fit_detector,
    shrink_detector,
    subsample,
)
from transfer_core.inspection.prediction import classify, load_trained_network
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.store.directory import RunDirectory


def draw_features(count: int, seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def test_the_distance_is_that_of_the_nearest_training_image_as_scipy_has_it():
    training, others = draw_features(50, 0), draw_features(20, 1)
    found = fit_detector(training, others)
    assert np.allclose(found.compute_distances(others), cdist(others, training).min(1), atol=1e-5)
    assert (np.diff(found.conformal_scores) >= 0).all() and found.compute_distances(
        training
    ).max() < 1e-3


def test_the_share_of_known_images_beyond_the_threshold_is_at_most_what_was_asked_for():
    """On many draws of few validation images, as the theorem has it."""
    random = np.random.default_rng(0)
    for count in (19, 30, 200):
        beyond = []
        for _ in range(2_000):
            threshold = compute_conformal_threshold(np.sort(random.exponential(size=count)), 0.05)
            beyond.append(random.exponential(size=20) > threshold)
        share, error = np.mean(beyond), 3 * np.std(np.mean(beyond, axis=1)) / np.sqrt(2_000)
        assert share <= 0.05 + error
        assert share >= 0.05 - 1 / (count + 1) - error  # nor is it needlessly shy


def test_with_too_few_validation_images_no_image_is_called_unknown():
    assert compute_conformal_threshold(np.arange(18.0), 0.05) == np.inf
    assert compute_conformal_threshold(np.arange(19.0), 0.05) == 18


def test_some_images_are_always_the_same_ones_in_their_order():
    many = np.arange(3 * MAX_TRAINING_IMAGES)
    chosen = subsample(many, MAX_TRAINING_IMAGES)
    assert len(chosen) == MAX_TRAINING_IMAGES and (np.diff(chosen) > 0).all()
    assert (subsample(many, MAX_TRAINING_IMAGES) == chosen).all() and (
        subsample(chosen, 2**30) == chosen
    ).all()


@pytest.fixture
def shades(tmp_path):
    """Two classes of colour gradients, enough for a threshold."""
    for name, colour in (("red", (200, 40, 40)), ("green", (40, 200, 40))):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for number in range(60):
            slope = np.linspace(0.5 + number / 200, 1, 64)[:, None, None]
            pixels = (np.ones((64, 64, 1)) * slope * colour).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shades" / name / f"{number}.png")
    return tmp_path / "shades"


@pytest.fixture
def run(shades, transfer_home, train_once) -> str:
    found, source = dataset.ingest(shades, home=transfer_home), get_network("demonstration")
    config = make_run_config(
        found,
        source,
        plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind),
        0,
    )
    return train_once(transfer_home, config, "shades")


def make_noise(path) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


def test_noise_is_unknown_to_a_network_of_colours_and_a_test_image_is_known(
    run, transfer_home, tmp_path
):
    trained = load_trained_network(transfer_home, run)
    known = load_or_fit_detector(transfer_home, trained)
    found = dataset.load(transfer_home, trained.record.config.data_id)
    answers = [
        classify(trained, known, dataset.read_image_bytes(transfer_home, found, index))
        for index in found.indices("test")
    ]
    strange = classify(trained, known, make_noise(tmp_path / "noise.png"))
    assert strange.is_out_of_distribution and strange.distance > max(
        answer.distance for answer in answers
    )
    assert sum(answer.is_out_of_distribution for answer in answers) <= len(answers) / 2


def test_what_is_known_never_rests_on_test_images(run, transfer_home):
    trained = load_trained_network(transfer_home, run)
    found = dataset.load(transfer_home, trained.record.config.data_id)
    known = load_or_fit_detector(transfer_home, trained)
    assert len(known.embeddings) == len(found.indices("train"))
    assert len(known.conformal_scores) == len(found.indices("validation"))
    own = [
        classify(trained, known, dataset.read_image_bytes(transfer_home, found, i)).distance
        for i in found.indices("validation")
    ]
    assert np.allclose(np.sort(own), known.conformal_scores, rtol=0.01)


def test_what_is_known_is_kept_beside_the_run_and_read_again(run, transfer_home):
    trained = load_trained_network(transfer_home, run)
    first = load_or_fit_detector(transfer_home, trained)
    assert RunDirectory.locate(transfer_home, run).detector_file.is_file()
    again = load_or_fit_detector(
        transfer_home, trained, progress=lambda *_: pytest.fail("computed again")
    )
    assert np.allclose(first.embeddings, again.embeddings, rtol=1e-3, atol=1e-3)
    assert (first.conformal_scores == again.conformal_scores).all()


def test_the_command_tells_what_is_unknown(run, shades, tmp_path, capsys):
    make_noise(tmp_path / "noise.png")
    files = [str(shades / "red" / "3.png"), str(tmp_path / "noise.png")]
    assert main(["predict", run, *files, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["unknown"] for line in told] == [False, True]
    assert told[0]["distance"] < told[1]["distance"]
    assert main(["predict", run, *files]) == 0
    assert capsys.readouterr().out.count("nothing that this network knows") == 1


def test_without_the_data_set_the_question_stays_open(run, shades, transfer_home, capsys):
    for file in (transfer_home / "data").rglob("*.json"):
        file.unlink()
    assert main(["predict", run, str(shades / "red" / "3.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unknown"] is None and told["probabilities"]["red"] > 0.5


def test_with_fewer_training_images_the_threshold_is_set_anew(run, transfer_home):
    trained = load_trained_network(transfer_home, run)
    detector = load_or_fit_detector(transfer_home, trained)
    fewer = shrink_detector(transfer_home, trained, detector, 5)
    assert len(fewer.embeddings) == 5
    assert len(fewer.conformal_scores) == len(detector.conformal_scores)
    assert fewer.threshold >= detector.threshold  # the nearest of fewer images is farther
    assert shrink_detector(transfer_home, trained, detector, 10**6) is detector

"""Wrong training labels, found by confident learning."""

import numpy as np
import pytest

from transfer_core.dataset import find_flaw, make_mystery_set
from transfer_core.networks import get_network
from transfer_core.transferability import (
    compute_class_thresholds,
    compute_confident_joint,
    compute_kernel,
    cross_validate_probabilities,
    find_label_errors,
    find_suspect_labels,
    suspect_labels,
    train_heads,
)
from transfer_core.transferability.suspect_labels import list_judged_images

SOURCE = get_network("demonstration")
# Worked by hand: the thresholds are (0.9 + 0.7 + 0.2) / 3 = 0.6 and (0.8 + 0.4 + 0.3) / 3 = 0.5.
PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
LABELS = np.array([0, 0, 0, 1, 1, 1])


def test_the_threshold_of_a_class_is_the_mean_probability_of_its_own_images():
    assert compute_class_thresholds(PROBABILITIES, LABELS) == pytest.approx([0.6, 0.5])
    wider = np.c_[PROBABILITIES, np.zeros(6)]
    assert compute_class_thresholds(wider, LABELS)[2] == np.inf


def test_the_confident_joint_is_the_one_worked_by_hand():
    # Of label 0 two reach only class 0 and one only class 1; of label 1 one and two.
    joint = compute_confident_joint(PROBABILITIES, LABELS)
    assert joint == pytest.approx(np.array([[2, 1], [2, 1]]))


def test_an_image_that_reaches_no_threshold_is_not_counted_and_the_rest_is_scaled():
    # The thresholds are 0.8 and 0.6; the images of label 1 with 0.5 reach neither.
    probabilities = np.array([[0.8, 0.2], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5]])
    joint = compute_confident_joint(probabilities, np.array([0, 0, 1, 1]))
    assert joint == pytest.approx(np.array([[2, 0], [0, 2]]))


def test_suspects_are_the_images_worked_by_hand_with_the_greatest_margin_first():
    errors = find_label_errors(PROBABILITIES, LABELS)
    # Margins of the other class: 0.6 of image 2, 0.4 of image 5, 0.2 of image 4.
    assert errors.images.tolist() == [2, 5, 4]
    assert errors.suggested.tolist() == [1, 0, 0]


def test_a_model_that_agrees_with_every_label_suspects_none():
    probabilities = np.array([[0.9, 0.1], [0.55, 0.45], [0.1, 0.9], [0.45, 0.55]])
    assert not len(find_label_errors(probabilities, np.array([0, 0, 1, 1])).images)


def test_the_probabilities_of_an_image_come_from_heads_that_have_not_seen_it():
    generator = np.random.default_rng(0)
    labels = np.arange(40) % 2
    features = generator.normal(size=(40, 30))
    features = (features + labels[:, None]).astype(np.float32)
    kernel = compute_kernel(features)
    before = cross_validate_probabilities(kernel, labels, range(40), repeats=1)
    assert before.shape == (40, 2) and before.sum(1) == pytest.approx(1)
    turned = labels.copy()
    turned[7] = 1 - turned[7]
    seen = train_heads(kernel, turned, np.ones((1, 40), bool)).compute_logits(kernel)[7, 0]
    groups = [0 if index == 7 else index for index in range(40)]
    groups[9] = 0  # the copy of an image is not learned from either
    alone = cross_validate_probabilities(kernel, turned, groups, repeats=1)[7]
    assert seen.softmax(0)[turned[7]] > 0.5 > alone[turned[7]]


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory):
    """A data folder, a data set with wrong labels in it, and its suspects."""
    home = tmp_path_factory.mktemp("home")
    spoiled = make_mystery_set(home, "A")
    return home, spoiled, find_suspect_labels(spoiled, SOURCE, home)


def test_of_a_set_with_15_of_100_wrong_labels_most_suspects_are_wrong_indeed(mislabelled):
    home, spoiled, suspects = mislabelled
    true = {image.path: image.class_name for image in find_flaw(home, spoiled.id).key.images}
    records = [spoiled.records[suspect.image] for suspect in suspects]
    hits = [s for s, r in zip(suspects, records, strict=True) if r.path in true]
    assert {record.split for record in records} == {"train"}
    assert len(hits) >= 0.7 * len(suspects) and len(hits) >= 0.6 * len(true)
    right = [spoiled.classes[s.suggested] == true[spoiled.records[s.image].path] for s in hits]
    assert np.mean(right) > 0.8
    margins = [suspect.probability - suspect.own_probability for suspect in suspects]
    assert margins == pytest.approx(sorted(margins, reverse=True), abs=1e-3) and margins[-1] > 0


def test_suspects_are_kept_and_a_large_set_is_judged_in_parts(mislabelled, monkeypatch):
    home, spoiled, whole = mislabelled
    with monkeypatch.context() as patch:
        patch.setattr(suspect_labels, "_judge_images", None)
        assert find_suspect_labels(spoiled, SOURCE, home) == whole
    monkeypatch.setattr(suspect_labels, "CACHE_VERSION", 0)
    monkeypatch.setattr(suspect_labels, "MAX_IMAGES_AT_ONCE", 130)
    steps = []
    parts = find_suspect_labels(
        spoiled, SOURCE, home, progress=lambda what, _, total: steps.append((what, total))
    )
    assert ("Asking the new layer about images it has not seen", 2) in steps
    same = {each.image for each in parts} & {each.image for each in whole}
    assert len(same) > 0.7 * len(whole)


def test_of_classes_with_too_few_images_nothing_is_judged(transfer_home):
    spoiled = make_mystery_set(transfer_home, "D")
    few = {label for label, count in enumerate(spoiled.counts("train")) if count < 5}
    judged = spoiled.labels[list_judged_images(spoiled)]
    assert len(few) == 5 and set(judged) == set(range(10)) - few

"""The cross-validated head is the head that a run trains."""

import numpy as np
import pytest
import torch

from transfer_core.cases import list_strategies
from transfer_core.features import embed, fit_unit_scaling
from transfer_core.networks import adapt, get_network, load_pretrained
from transfer_core.training import EpochEnded, compute_class_weights, train_head
from transfer_core.transferability.head_cross_validation import (
    compute_kernel,
    cross_validate_head,
    train_heads,
)

SOURCE = get_network("demonstration")


def make_features(images=80, classes=4, dimensions=512, noise=1.5, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = generator.normal(size=(classes, dimensions))
    features = centres[labels] + noise * generator.normal(size=(images, dimensions))
    return np.maximum(features, 0).astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("unbalanced", [False, True])
def test_a_head_in_dual_form_predicts_what_a_run_s_head_predicts(unbalanced):
    features, labels = make_features()
    if unbalanced:
        labels = np.where(labels == 3, 0, labels)
    train = np.arange(60)
    strategy = list_strategies(SOURCE.stage_names, SOURCE.kind)["1"]
    network = adapt(SOURCE, strategy, int(labels.max()) + 1, seed=0)
    weights = compute_class_weights(labels[train], int(labels.max()) + 1)
    events = train_head(
        network,
        features,
        labels,
        train,
        np.arange(60, 80),
        strategy,
        seed=0,
        class_weights=weights,
        stop_requested=lambda: False,
    )
    of_run = None
    for event in events:  # the last epoch's head, whichever the run then keeps
        if isinstance(event, EpochEnded) and event.epoch == strategy.optimiser.epochs:
            of_run = network.head.linear(torch.from_numpy(features)).detach()
    mean, divisor = fit_unit_scaling(features[train])
    scaled = torch.from_numpy((features - mean) / divisor)
    kernel = scaled @ scaled.T
    heads = train_heads(kernel, labels, (np.arange(80) < 60)[None])
    of_dual = heads.compute_logits(kernel)[:, 0]
    assert (unbalanced) == (weights is not None)
    # They differ by the random weights from which the run's head starts.
    assert torch.corrcoef(torch.stack([of_run.flatten(), of_dual.flatten()]))[0, 1] > 0.999
    assert (of_run.argmax(1) == of_dual.argmax(1)).float().mean() >= 0.975


def test_folds_are_trained_as_if_each_were_alone():
    features, labels = make_features()
    kernel, folds = compute_kernel(features), np.arange(80) % 5
    trained = np.stack([folds != fold for fold in range(5)])
    together = train_heads(kernel, labels, trained).compute_logits(kernel)
    for fold in range(5):
        alone = train_heads(kernel, labels, trained[fold][None]).compute_logits(kernel)
        torch.testing.assert_close(alone[:, 0], together[:, fold], rtol=1e-3, atol=1e-4)


def test_classes_that_differ_are_told_apart_and_shuffled_labels_are_guessed():
    features, labels = make_features(images=200)
    kernel, groups = compute_kernel(features), list(range(200))
    assert cross_validate_head(kernel, labels, groups).accuracy() > 0.9
    shuffled = np.random.default_rng(0).permutation(labels)
    assert 0.1 < cross_validate_head(kernel, shuffled, groups).accuracy() < 0.4


def test_near_duplicates_in_one_fold_tell_nothing_of_each_other():
    features, labels = make_features(images=40, noise=30, seed=1)
    twice, labels = np.repeat(features, 2, axis=0), np.repeat(labels, 2)
    kernel = compute_kernel(twice)
    apart = cross_validate_head(kernel, labels, list(range(80))).accuracy()
    together = cross_validate_head(kernel, labels, list(np.arange(80) // 2)).accuracy()
    assert together < 0.6 < apart


def test_equal_images_give_a_guess():
    labels = np.arange(20) % 2
    kernel = compute_kernel(np.ones((20, 8), np.float32))
    assert cross_validate_head(kernel, labels, list(range(20))).balanced_accuracy() <= 0.5


def test_a_class_that_no_fold_can_learn_from_is_wrong():
    features, labels = make_features(images=30, classes=3)
    groups = np.where(labels == 2, -1, np.arange(30))  # one group: always in one fold
    result = cross_validate_head(compute_kernel(features), labels, groups.tolist())
    assert result.correct[labels == 2].max() == 0 < result.correct[labels != 2].min()


def test_embeddings_of_a_real_network_are_cross_validated():
    pixels = np.random.default_rng(0).integers(0, 255, (24, 64, 64, 3), dtype=np.uint8)
    labels = np.arange(24) % 2
    pixels[labels == 1, :, :, 0] = 255
    features = embed(load_pretrained(SOURCE), pixels, SOURCE, ("conv1",))["conv1"]
    result = cross_validate_head(compute_kernel(features), labels, list(range(24)))
    assert result.accuracy() == 1

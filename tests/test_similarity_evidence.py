"""The measurements behind the similarity estimate: probes and batch-norm distance."""

import numpy as np
import pytest
import torch
from torch import nn

from transfer_core.features.augmentation import augment
from transfer_core.features.embedding import normalise
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.transferability.batchnorm_shift import (
    measure_batchnorm_shift,
    measure_reference_distances,
)
from transfer_core.transferability.grouped_folds import assign_grouped_folds
from transfer_core.transferability.head_cross_validation import compute_kernel, cross_validate_head

SOURCE = get_network("demonstration")


def make_features(separable: bool, images=300, classes=3, dimensions=100):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, images)
    values = generator.normal(size=(images, dimensions))
    if separable:
        values[np.arange(images), labels] += 4
    return values.astype(np.float32), labels


def test_a_probe_finds_classes_that_features_separate():
    values, labels = make_features(separable=True)
    assert cross_validate_head(compute_kernel(values), labels, range(300)).balanced_accuracy() > 0.9


def test_a_probe_of_features_without_information_is_at_chance():
    values, labels = make_features(separable=False)
    assert cross_validate_head(
        compute_kernel(values), labels, range(300)
    ).balanced_accuracy() == pytest.approx(1 / 3, abs=0.1)


def test_balanced_accuracy_is_not_fooled_by_a_large_class():
    generator = np.random.default_rng(0)
    labels = (generator.random(400) < 0.05).astype(int)
    values = generator.normal(size=(400, 50)).astype(np.float32)
    assert cross_validate_head(compute_kernel(values), labels, range(400)).balanced_accuracy() < 0.7


def test_copies_of_an_image_share_a_fold_and_folds_are_stratified():
    labels = np.repeat([0, 1], 50)
    groups = [str(i // 2) for i in range(100)]  # every image twice
    folds = assign_grouped_folds(labels, groups, seed=0)
    assert (folds[::2] == folds[1::2]).all()
    for label in (0, 1):
        assert np.bincount(folds[labels == label], minlength=5).tolist() == [10] * 5


def test_distance_is_zero_for_the_statistics_the_network_remembers():
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    network[0][1].momentum = None  # the plain mean over all that it has seen
    network.train()(normalise(pixels, SOURCE))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert measure_batchnorm_shift(network, pixels, SOURCE)["0"] == pytest.approx(0, abs=1e-3)
    assert measure_batchnorm_shift(network, 255 - pixels // 3, SOURCE)["0"] > 0.1
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_noise_is_further_from_the_source_than_anything_photographic():
    rungs = {rung["name"]: rung["distance"] for rung in SOURCE.card["reference_distances"]}
    assert rungs["source photos, not trained on"] == min(rungs.values())
    assert rungs["pure noise"] > 5 * rungs["source photos, not trained on"]


def test_reference_distances_are_sorted_and_finite():
    photos = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    distances = [
        rung["distance"]
        for rung in measure_reference_distances(load_pretrained(SOURCE), photos, SOURCE)
    ]
    assert distances == sorted(distances)
    assert np.isfinite(distances).all()


def test_normalising_is_dividing_by_255_then_standardising():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    expected = (pixels / 255 - np.array(SOURCE.mean)) / np.array(SOURCE.std)
    assert np.allclose(normalise(pixels, SOURCE).permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)


def test_augmentation_is_drawn_from_its_generator_and_stays_in_range():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    first, again, other = (
        augment(pixels, SOURCE, 48, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (8, 3, 48, 48)
    assert torch.equal(first, again) and not torch.equal(first, other)
    colours = first * torch.tensor(SOURCE.std).view(3, 1, 1) + torch.tensor(SOURCE.mean).view(
        3, 1, 1
    )
    assert colours.min() > -1e-4 and colours.max() < 1 + 1e-4


def test_without_mirroring_only_the_place_of_what_is_seen_changes():
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, None, :, None] * 4, (16, 64, 64, 3))
    plain, mirrored = (
        augment(ramp, SOURCE, 64, torch.Generator().manual_seed(0), horizontal_flip=mirror)
        for mirror in (False, True)
    )

    def brighter_to_the_right(images):
        return [bool(image[..., -1].mean() > image[..., 0].mean()) for image in images]

    assert all(brighter_to_the_right(plain))
    assert len(set(brighter_to_the_right(mirrored))) == 2

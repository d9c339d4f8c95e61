"""The panel that the advice is checked against: its image sets, splits and readings."""

import numpy as np
import pytest

from benchmarks.panel.pools import Pool
from benchmarks.panel.signals import h_score, logme
from benchmarks.panel.truth import draw
from benchmarks.panel.worlds import WORLDS

NOISE = np.random.default_rng(0)
LABELS = np.arange(300) % 3
TELLING = np.eye(3)[LABELS] + 0.3 * NOISE.normal(size=(300, 3))
MUTE = NOISE.normal(size=(300, 3))


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
    parts = draw(pool, images=100, seed=0)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [75, 25, 300]
    assert len(np.unique(np.concatenate(list(parts.values())))) == 400
    for part in parts.values():
        assert np.ptp(np.bincount(pool.labels[part])) <= 2
    assert not np.array_equal(draw(pool, 100, seed=1)["test"], parts["test"])


def test_a_pool_without_images_to_test_on_is_left_out():
    pool = Pool("some", "family", np.zeros((120, 1)), np.arange(120) % 4)
    assert draw(pool, images=100, seed=0) is None


@pytest.mark.parametrize("score", [logme, h_score])
def test_a_score_prefers_features_that_tell_the_classes_apart(score):
    features = np.hstack([TELLING, MUTE]).astype(np.float32)
    mute = np.hstack([MUTE, NOISE.normal(size=(300, 3))]).astype(np.float32)
    assert score(features, LABELS) > score(mute, LABELS)

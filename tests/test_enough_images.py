"""How many images are enough: draws, the new layer, the crossing, and the thread that trains."""

import threading
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from zips import make_picture, write_zip

from transfer_core import dataset
from transfer_core.errors import BusyError
from transfer_core.networks import get_network
from transfer_core.system import TrainingTurn
from transfer_core.transferability import enough_job, enough_training
from transfer_core.transferability.crossing import (
    average_by_size,
    describe_crossing,
    describe_new_layer,
    describe_random_weights,
    find_crossing,
)
from transfer_core.transferability.enough_images import (
    NEW_LAYER,
    CurvePoint,
    list_sizes,
    measure_new_layer,
    plan_draws,
)
from transfer_core.transferability.enough_job import EnoughJob

SOURCE = get_network("demonstration")


def make_features(images=120, classes=3, noise=1.0):
    generator = np.random.default_rng(0)
    labels = (np.arange(images) % classes).astype(np.int64)
    centres = generator.normal(size=(classes, 64))
    return (centres[labels] + noise * generator.normal(size=(images, 64))).astype("f4"), labels


def test_draws_grow_and_never_ask_about_a_near_copy_of_what_they_learn_from():
    _, labels = make_features()
    groups = np.arange(120) // 6  # six of each group, two of each class
    draws = plan_draws(labels, groups, count=7)
    assert [d.images_per_class for d in draws[:6]] == [1, 2, 5, 10, 20, draws[5].images_per_class]
    assert {d.number for d in draws} == set(range(7))
    for before, draw in zip(draws, draws[1:], strict=False):
        assert np.bincount(labels[draw.train]).tolist() == [draw.images_per_class] * 3
        assert not set(groups[draw.train]) & set(groups[draw.held_out])
        if before.number == draw.number:
            assert set(before.train) < set(draw.train)
            np.testing.assert_array_equal(before.held_out, draw.held_out)
    held_out = np.concatenate([d.held_out for d in draws if d.images_per_class == 1])
    assert set(held_out) == set(range(120))


@pytest.mark.parametrize(
    ("most", "sizes"), [(9, (1, 2, 5, 9)), (11, (1, 2, 5, 10)), (40, (1, 2, 5, 10, 20, 40))]
)
def test_the_largest_size_is_all_that_there_are_unless_it_adds_little(most, sizes):
    assert list_sizes(most) == sizes


def test_more_images_help_the_new_layer_and_shuffled_labels_are_guessed():
    features, labels = make_features(noise=2.5)
    draws = plan_draws(labels, list(range(120)), count=5)
    means = {m.images_per_class: m for m in average_by_size([*measure(features, labels, draws)])}
    assert means[1].accuracy + 0.1 < means[20].accuracy
    assert means[20].draws == 5 and means[20].spread > 0
    shuffled = np.random.default_rng(0).permutation(labels)
    draws = plan_draws(shuffled, list(range(120)), count=5)
    guessed = average_by_size([*measure(features, shuffled, draws)])[-1]
    assert 0.15 < guessed.accuracy < 0.55


def measure(features, labels, draws):
    return measure_new_layer(features, labels, draws)


def make_points(gain, draws=4, noise=0.01, sizes=(1, 2, 5, 10, 20, 50)):
    """Case 1 at 70 %, and case 3 that is ahead by `gain(size)` with a spread over the draws."""
    generator = np.random.default_rng(0)
    for draw in range(draws):
        for size in sizes:
            yield CurvePoint(NEW_LAYER, size, draw, 0.7, 100, 0.1)
            accuracy = 0.7 + gain(size) + noise * generator.normal()
            yield CurvePoint("3", size, draw, accuracy, 100, 1.0)


def test_the_crossing_is_found_where_it_was_put():
    points = [*make_points(lambda size: 0.2 * np.log10(size / 8))]
    crossing = find_crossing(points, "3")
    assert crossing.images_per_class == pytest.approx(8, rel=0.15)
    assert crossing.low < 8 < crossing.high < 12 and crossing.is_certain
    assert crossing.differences[-1] == pytest.approx(0.2 * np.log10(50 / 8), abs=0.02)
    sentence = describe_crossing(crossing, classes=10)
    assert "From about 8 images a class (8" in sentence and "“large” begins" in sentence


def test_more_spread_gives_a_wider_interval_and_less_certain_words():
    def find(noise):
        points = [*make_points(lambda size: 0.02 * np.log10(size / 8), noise=noise)]
        return find_crossing(points, "3")

    sharp, wide = find(0.001), find(0.1)
    assert sharp.is_certain and not wide.is_certain
    assert wide.high - wide.low > sharp.high - sharp.low
    assert "too wide to say" in describe_crossing(wide, 10)


@pytest.mark.parametrize(
    ("gain", "crossing", "words"),
    [(-0.2, inf, "beyond what was measured"), (0.2, -inf, "from the start")],
)
def test_one_way_that_is_always_ahead_is_told_as_that(gain, crossing, words):
    found = find_crossing([*make_points(lambda size: gain)], "3")
    assert found.images_per_class == found.low == found.high == crossing
    assert words in describe_crossing(found, 10)


def test_a_single_draw_has_the_error_of_images_that_are_right_by_chance():
    (crossing,) = (find_crossing([*make_points(lambda size: 0.0, draws=1, sizes=(1, 2))], "3"),)
    assert crossing.errors == pytest.approx([np.sqrt(2 * 0.7 * 0.3 / 100)] * 2, rel=0.05)
    assert find_crossing([*make_points(lambda size: 0.0)], "4-random") is None


def test_what_more_images_and_random_weights_bring_is_told_in_numbers():
    points = [
        CurvePoint(key, size, draw, accuracy + 0.01 * draw, 50, 0.1)
        for key, rows in {"1": ((1, 0.4), (10, 0.8)), "4-random": ((1, 0.1), (10, 0.5))}.items()
        for size, accuracy in rows
        for draw in range(3)
    ]
    words = describe_new_layer(average_by_size(points))
    assert "from 41% with 1 image of each class to 81% with 10" in words
    assert "+40 points: more images would still help" in words
    random = describe_random_weights(find_crossing(points, "4-random"))
    assert "30 ±" in random and "points behind the new layer with 10 images" in random


@pytest.fixture
def images(transfer_home, tmp_path):
    """Twelve pictures of each of two classes; those of one are darker."""
    files = {
        f"{name}/{number}.png": make_picture(100 * label + number, (64, 64))
        for label, name in enumerate(("ant", "bee"))
        for number in range(12)
    }
    data = dataset.ingest(write_zip(tmp_path / "given.zip", files), home=transfer_home)
    return enough_training.load_enough_images(data, SOURCE, transfer_home, lambda *_: None)


@pytest.fixture
def quick(monkeypatch):
    """Train whole networks for two epochs only."""
    real = enough_training.get_strategy

    def get_quick(images, key):
        return real(images, key).with_epochs(2)

    monkeypatch.setattr(enough_training, "get_strategy", get_quick)


def test_points_arrive_in_the_background_and_outlive_the_server(images, transfer_home, quick):
    job = EnoughJob(images, transfer_home)
    job.draws = tuple(d for d in job.draws if d.number < 3 and d.images_per_class in (2, 5))
    job.start([NEW_LAYER])
    job.wait()
    assert len(job.points) == len(job.draws) and not job.error
    job.start(["3", "4-random"], count=1)
    job.wait()
    assert job.error is None and job.progress == (4, 4)
    assert {p.place for p in job.points if p.key != NEW_LAYER} == {
        (key, 0, size) for key in ("3", "4-random") for size in (2, 5)
    }
    assert find_crossing(job.points, "3").sizes == (2, 5)
    again = EnoughJob(images, transfer_home)
    assert set(again.points) == set(job.points)
    assert not [d for _, d in again.list_missing(["3"], 1) if d.images_per_class in (2, 5)]


def test_it_stops_when_asked_and_one_is_trained_at_a_time(images, transfer_home, monkeypatch):
    begun, may_go_on = threading.Event(), threading.Event()

    def train_slowly(images, home, jobs, stop_requested):
        for key, draw in jobs:
            begun.set()
            may_go_on.wait(10)
            if stop_requested():
                return
            yield draw.make_point(key, 0.5, 0.0)

    monkeypatch.setattr(enough_job, "train_draws", train_slowly)
    job = EnoughJob(images, transfer_home)
    job.start(["3"], count=1)
    assert begun.wait(10) and job.is_running
    other = EnoughJob(replace(images, mirror=not images.mirror), transfer_home)
    with pytest.raises(BusyError):
        other.start(["3"], count=1)
    job.stop()
    assert job.is_stopping
    may_go_on.set()
    job.wait()
    assert job.points == () and not job.is_running
    with TrainingTurn():  # a run trains
        other.start(["3"], count=1)
        while not other.is_waiting:
            assert other.is_running
        assert other.points == ()
    other.wait()
    assert len(other.points) == len([d for d in other.draws if d.number == 0])


def test_what_is_trained_on_a_draw_is_scored_on_the_images_held_out(images, transfer_home, quick):
    (draw,) = [d for d in plan_draws(images.labels, images.groups, 1) if d.images_per_class == 5]
    (point,) = enough_training.train_draws(images, transfer_home, [("3", draw)], lambda: False)
    right = point.accuracy * point.held_out
    assert point.held_out == len(draw.held_out) and right == pytest.approx(round(right))
    assert not [*enough_training.train_draws(images, transfer_home, [("3", draw)], lambda: True)]

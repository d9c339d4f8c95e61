"""How transferable the layers are: what lies below a cut, what is trained, what is kept."""

from itertools import islice

import numpy as np
import pytest
import torch
from zips import make_picture, write_zip

from transfer_core import dataset
from transfer_core.features import normalise
from transfer_core.figures import (
    describe_layer_transfer,
    plot_layer_transfer,
    tabulate_layer_transfer,
)
from transfer_core.networks import HEAD, get_network, load_pretrained
from transfer_core.transferability import (
    LabelledPixels,
    LayerTransferPoint,
    list_arms,
    list_trainings,
    load_own_images,
    load_points,
    measure_layer_transfer,
    save_points,
    summarise_points,
    time_training,
)
from transfer_core.transferability.layer_transfer import build_network, draw_source_images
from transfer_core.transferability.layer_transfer_plan import OWN_ARMS, SEEDS, SELF_ARMS

FROZEN, TUNED, RANDOM = OWN_ARMS


@pytest.fixture(scope="module")
def source():
    return get_network("demonstration")


@pytest.fixture(scope="module")
def own():
    noise = np.random.default_rng(0).integers(0, 200, (24, 64, 64, 3), np.uint8)
    labels = np.arange(24) % 2
    noise[labels == 1, ..., 0] += 55
    return LabelledPixels(noise, labels, np.arange(24))


def is_same(first, second, stage):
    pairs = zip(
        first.get_submodule(stage).state_dict().values(),
        second.get_submodule(stage).state_dict().values(),
        strict=True,
    )
    return all(torch.equal(one, other) for one, other in pairs)


def test_below_the_cut_lie_the_learned_stages_and_above_it_random_ones(source):
    learned = load_pretrained(source)
    network, strategy = build_network(source, FROZEN, 2, 3, seed=0)
    other, _ = build_network(source, FROZEN, 2, 3, seed=1)
    kept = source.stage_names[:-1]
    assert [name for name, _ in network.named_children()] == [*kept, HEAD]
    assert [is_same(network, learned, name) for name in kept] == [True, True] + [False] * 3
    assert not is_same(network, other, "conv3")
    assert strategy.frozen == ("conv1", "conv2")
    learning = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"conv3", "fc1", "fc2", HEAD}


def test_trained_on_and_random_arms_differ_only_in_that(source):
    tuned, strategy = build_network(source, TUNED, 2, 3, seed=0)
    random, _ = build_network(source, RANDOM, 2, 3, seed=0)
    assert strategy.frozen == () and all(each.requires_grad for each in tuned.parameters())
    assert not is_same(tuned, random, "conv1") and is_same(tuned, random, "conv3")
    assert not next(random.conv1.parameters()).requires_grad


def test_every_cut_of_every_arm_is_trained_once_for_each_seed(source):
    trainings = list_trainings(source)
    assert len(trainings) == len(set(trainings)) == len(SEEDS) * (2 + 5 * 5)
    assert [seed for *_, seed in trainings] == sorted(seed for *_, seed in trainings)
    photos = get_network("efficientnet_lite0")
    assert list_arms(photos) == OWN_ARMS + SELF_ARMS  # its source images are not here
    bases = {(arm, seed) for arm, cut, seed in list_trainings(photos) if cut == 0}
    assert bases == {(RANDOM, seed) for seed in SEEDS}


def test_a_network_that_is_cut_from_itself_keeps_its_stages_and_draws_others_anew(source):
    donor, _ = build_network(source, RANDOM, 0, 3, seed=0)
    network, strategy = build_network(source, SELF_ARMS[0], 2, 3, 0, donor)
    kept = source.stage_names[:-1]
    assert [is_same(network, donor, name) for name in kept] == [True, True] + [False] * 3
    assert strategy.frozen == ("conv1", "conv2")
    assert all(each.requires_grad for each in donor.parameters())


def test_points_arrive_one_by_one_and_are_not_measured_again(source, own):
    first, second = islice(measure_layer_transfer(source, own, epochs=1), 2)
    assert (first.cut, second.cut) == (0, 0) and first.arm != second.arm
    known = (first, second)
    (third,) = islice(measure_layer_transfer(source, own, known=known, epochs=1), 1)
    assert (third.arm, third.cut) == (FROZEN.key, 1) and 0 <= third.accuracy <= 1
    (own_layers,) = islice(measure_layer_transfer(source, own, arms=SELF_ARMS, epochs=1), 1)
    assert (own_layers.arm, own_layers.cut) == (SELF_ARMS[0].key, 1)
    assert not list(measure_layer_transfer(source, own, epochs=1, stop_requested=lambda: True))


def test_a_training_is_timed(source, own):
    assert time_training(source, own) > 0


def test_source_images_are_new_individuals_of_kinds_that_the_network_knows(source):
    images = draw_source_images()
    with torch.inference_mode():
        logits = load_pretrained(source)(normalise(images.pixels, source))
    first = source.card["classes"].index("plankton_00")
    named = logits[:, first : first + images.classes].argmax(1).numpy()
    assert (named == images.labels).mean() > 0.9


def test_the_mean_of_the_seeds_has_its_standard_error(source):
    points = tuple(
        LayerTransferPoint(FROZEN.key, cut, seed, accuracy)
        for cut, seed, accuracy in [(1, 0, 0.5), (1, 1, 0.7), (2, 0, 0.4)]
    ) + (LayerTransferPoint(RANDOM.key, 0, 0, 0.3),)
    rows = summarise_points(points, FROZEN)
    assert [row[0] for row in rows] == [0, 1, 2]  # the random network belongs to every arm
    assert rows[1][1:] == (pytest.approx(0.6), pytest.approx(0.1), 2)
    assert rows[2][2:] == (0.0, 1)
    arms = list_arms(source)
    assert len(plot_layer_transfer(source, arms, points).data) == len(arms)
    table = tabulate_layer_transfer(source, arms, points)
    assert table[1]["kept and frozen"] == "60.0 ± 10.0"
    words = describe_layer_transfer(source, arms, points)
    assert "Convolution 1: kept and frozen 60.0 ± 10.0 %" in words
    assert "nothing measured" in describe_layer_transfer(source, arms, ())


def test_points_are_kept_for_the_data_set(source, transfer_home, tmp_path):
    files = {
        f"{name}/{number}.png": make_picture(10 * label + number, (64, 64))
        for label, name in enumerate(("ant", "bee"))
        for number in range(10)
    }
    data = dataset.ingest(write_zip(tmp_path / "a.zip", files), home=transfer_home)
    images = load_own_images(transfer_home, data, source)
    assert len(images.labels) == len(data.records) - len(data.indices("test"))
    assert load_points(transfer_home, data, source) == ()
    points = (LayerTransferPoint(FROZEN.key, 1, 0, 0.5),)
    save_points(transfer_home, data, source, points)
    assert load_points(transfer_home, data, source) == points

"""What a network makes of an image: stages, receptive fields, exciting images, made images."""

import numpy as np
import pytest
import torch
from torch import nn

from transfer_core.cases import list_strategies
from transfer_core.features import normalise
from transfer_core.figures import (
    describe_stage_maps,
    render_map,
    render_mosaic,
    render_overlay,
    render_patches,
)
from transfer_core.inspection import (
    choose_images,
    extract_first_filters,
    find_exciting_images,
    list_last_classes,
    make_exciting_image,
    measure_receptive_fields,
    run_forward,
)
from transfer_core.inspection.exciting_images import KEPT_IMAGES
from transfer_core.inspection.feature_maps import StageMaps, arrange_maps
from transfer_core.inspection.receptive_field import Box, locate_patch
from transfer_core.networks import adapt, get_network, load_pretrained


@pytest.fixture(scope="module")
def source():
    return get_network("demonstration")


@pytest.fixture(scope="module")
def network(source):
    return load_pretrained(source)


def make_noise(count, size=64):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def test_stages_and_classes_are_those_of_the_network(source, network):
    (image,) = pixels = make_noise(1)
    found = run_forward(network, source, image)
    inputs = normalise(pixels, source)
    with torch.inference_mode():
        second = network.conv2(network.conv1(inputs))[0].numpy()
        probabilities = torch.softmax(network(inputs), 1)[0].numpy()
    np.testing.assert_allclose(found.stages[1].maps, second, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-4, atol=1e-7)
    assert [stage.name for stage in found.stages] == list(source.stage_names[:-1])
    assert [stage.has_positions for stage in found.stages] == [True] * 3 + [False] * 2


def test_a_head_over_all_stages_reads_all_of_them(source):
    strategy = list_strategies(source.stage_names, source.kind)["all-stages"]
    network = adapt(source, strategy, 3, seed=0)
    (image,) = pixels = make_noise(1)
    with torch.inference_mode():
        expected = torch.softmax(network(normalise(pixels, source)), 1)[0].numpy()
    found = run_forward(network, source, image).probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_tokens_are_arranged_as_the_patches_they_stand_for():
    patches = torch.arange(9.0).view(1, 9, 1).expand(1, 9, 2)
    tokens = torch.cat([torch.full((1, 1, 2), -1.0), patches], 1)  # a class token comes first
    assert arrange_maps(tokens)[0, 1].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert arrange_maps(torch.zeros(2, 5)).shape == (2, 5, 1, 1)


def test_first_filters_are_those_of_the_first_convolution(network):
    filters = extract_first_filters(network)
    assert len(filters) == 64 and filters[0].shape == (7, 7, 3)
    weights = network.conv1.conv.weight[5].detach().permute(1, 2, 0).numpy()
    row, column, colour = np.unravel_index(weights.argmax(), weights.shape)
    assert filters[5][row, column, colour] == 255 and filters[5].min() == 0
    assert extract_first_filters(nn.Linear(2, 2)) == ()


def test_only_a_source_network_has_classes_of_its_own(source, network):
    assert list_last_classes(network, source) == tuple(source.card["classes"])
    strategy = list_strategies(source.stage_names, source.kind)["1"]
    with pytest.raises(ValueError, match="classes of its run"):
        list_last_classes(adapt(source, strategy, 2, 0), source)


def test_receptive_fields_hold_all_that_a_position_depends_on(source, network):
    fields = measure_receptive_fields(network, source)
    assert fields == {"conv1": 9, "conv2": 21, "conv3": 45, "fc1": 64, "fc2": 64}
    inputs = normalise(make_noise(1), source).requires_grad_()
    features = network.conv2(network.conv1(inputs))
    (gradient,) = torch.autograd.grad(features[0, :, 4, 4].sum(), inputs)
    rows = np.flatnonzero(gradient[0].abs().sum((0, 2)).numpy())
    assert rows.max() - rows.min() < fields["conv2"]
    assert not network.conv1.conv._forward_hooks  # the shared network stays as it is


def test_a_patch_lies_inside_the_image_around_its_position():
    assert locate_patch(8, 8, 16, 9, 64) == Box(30, 30, 9)
    assert locate_patch(0, 15, 16, 9, 64) == Box(0, 55, 9)
    assert locate_patch(0, 3, 4, 64, 64) == Box(0, 32, 32)  # the middle of a large field
    assert locate_patch(0, 0, 1, 64, 64) == Box(0, 0, 64)


def test_exciting_images_are_those_of_a_search_through_all(source, network):
    pixels, indices = make_noise(50), np.arange(3, 47)  # more than a batch
    found = find_exciting_images(network, source, pixels, indices)
    with torch.inference_mode():
        maps = network.conv1(normalise(pixels[indices], source))
    peaks = maps.flatten(2).amax(2).numpy()
    order = np.argsort(-peaks[:, 7], kind="stable")[:KEPT_IMAGES]
    assert found["conv1"].images[7].tolist() == indices[order].tolist()
    np.testing.assert_allclose(found["conv1"].values[7], peaks[order, 7], rtol=1e-4)
    (image, box), *_ = found["conv1"].locate(7, 9, 64)
    row, column = divmod(int(maps[order[0], 7].argmax()), 16)
    assert image == indices[order[0]] and box == locate_patch(row, column, 16, 9, 64)
    assert found["fc1"].side == 1 and set(found) == set(source.stage_names[:-1])


def test_fewer_images_pass_through_a_network_with_a_large_input(source):
    small = choose_images(np.arange(10_000), source)
    large = choose_images(np.arange(10_000), source.with_input_size(224))
    assert len(small) == 500 and len(large) == 100
    assert choose_images(np.arange(30), source).tolist() == list(range(30))


def test_a_made_image_excites_its_channel_more_than_noise_does(source, network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = make_exciting_image(network, source, "conv2", 3)
    excited = run_forward(network, source, made).stages[1].maps[3].mean()
    others = [run_forward(network, source, each).stages[1].maps[3].mean() for each in make_noise(5)]
    assert excited > 2 * max(others)
    assert (make_exciting_image(network, source, "conv2", 3) == made).all()
    assert all((before[name] == value).all() for name, value in network.state_dict().items())
    assert isinstance(network.conv2.relu, nn.ReLU)
    assert all(each.grad is None for each in network.parameters())


def test_a_unit_at_rest_is_woken(source, network):
    (image,) = make_noise(1)
    units = run_forward(network, source, image).stages[4].maps[:, 0, 0]
    resting = int(np.flatnonzero(units == 0)[0])
    made = make_exciting_image(network, source, "fc2", resting)
    assert run_forward(network, source, made).stages[4].maps[resting] > 0


def test_maps_are_drawn_bright_where_the_channel_is_excited():
    maps = np.zeros((2, 2, 2), np.float32)
    maps[0, 0, 1], maps[1] = 5, -1
    stage = StageMaps("conv1", "Convolution 1", "edges", maps)
    drawn = render_map(stage, 0, 4).sum(axis=2)
    assert (drawn[:2, 2:] > drawn[3, 0]).all() and (drawn[2:] == drawn[3, 0]).all()
    assert (render_map(stage, 1, 4).sum(axis=2) == drawn[3, 0]).all()
    assert render_mosaic(stage, 4).shape == (16, 16, 3)
    white = np.full((4, 4, 3), 255, np.uint8)
    overlay = render_overlay(stage, 0, white)
    assert overlay[0, 3].tolist() == [255] * 3 and overlay[3, 0].max() < 100
    assert render_patches([white] * 9, 4)[0, 0].tolist() == [255] * 3
    text = describe_stage_maps(stage, stage.rank_channels())
    assert "2 channels: each looks for one thing, at 2 by 2 places" in text
    assert "excites 50%" in text and "the strongest: 1, 2." in text


def test_numbers_without_positions_are_drawn_as_bars_relative_to_the_strongest():
    stage = StageMaps("fc1", "Fully connected 1", "mixes", np.array([[[4.0]], [[2.0]], [[0.0]]]))
    full, half, none = (render_map(stage, channel, 4).sum(axis=2) for channel in range(3))
    ground = none[0, 0]
    assert (none == ground).all() and (full > ground).all()
    assert (half[:2] == ground).all() and (ground < half[2:]).all() and (half[2:] < full[2:]).all()
    whole = render_mosaic(stage, 2).sum(axis=2)  # 10 pixels wide, of three bars
    assert (whole[0] > ground).tolist() == [True] * 4 + [False] * 6
    assert (whole[9] > ground).tolist() == [True] * 7 + [False] * 3
    many = StageMaps("fc1", "", "", np.where(np.arange(40) == 39, 1.0, 0)[:, None, None])
    assert (render_mosaic(many, 2).sum(axis=2)[0] > ground).tolist() == [False] * 9 + [True]
    assert "3 units: each gives one number" in describe_stage_maps(stage, [0])

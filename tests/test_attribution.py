"""Attribution maps: the formula, every family of networks, and the sanity checks."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models
from zips import write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.features.embedding import normalise
from transfer_core.inspection import prediction
from transfer_core.inspection.attribution import Attribution, compute_attribution
from transfer_core.inspection.attribution_sanity import (
    compute_rank_correlation,
    run_randomisation_test,
)
from transfer_core.networks import get_network
from transfer_core.networks.surgery import adapt
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.training.config import RunConfig

FAMILIES = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vgg11_bn",
    "vit_b_32",
)
MAX_CORRELATION = 0.3  # rank correlation that maps may keep when all weights are random


def build_random_network(source, case=TransferCase.LARGE_DIFFERENT):
    strategy = replace(
        plan_strategy(case, source.stage_names, kind=source.kind), initialise="random"
    )
    return adapt(source, strategy, num_classes=3, seed=0)


def make_noise(size, count=None):
    shape = (size, size, 3) if count is None else (count, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_maps_are_those_of_the_formula_of_grad_cam():
    """Written out with plain gradients: channel weights are mean gradients, then ReLU."""
    source = get_network("demonstration")
    network, pixels = build_random_network(source), make_noise(64)
    features = normalise(pixels[None], source)
    for module in (network.conv1, network.conv2, *list(network.conv3)[:3]):
        features = module(features)
    rest = torch.nn.Sequential(network.conv3.pool, network.fc1, network.fc2, network.head)
    for label in range(3):
        (gradient,) = torch.autograd.grad(rest(features)[0, label], features, retain_graph=True)
        expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu()[0]
        found = compute_attribution(network, source, pixels, [label])
        torch.testing.assert_close(torch.from_numpy(found.maps[0]), expected.detach())
    assert "(Grad-CAM), on 8 x 8 positions" in found.describe()


def test_maps_of_a_vision_transformer_are_gradient_times_activation_of_the_patches():
    source = get_network("vit_b_32")
    source = replace(source, input_size=96)
    network, pixels = build_random_network(source), make_noise(96)
    modules = [module for stage in network for module in stage]
    last = max(i for i, module in enumerate(modules) if hasattr(module, "self_attention"))
    tokens = torch.nn.Sequential(*modules[:last])(normalise(pixels[None], source)).detach()
    tokens.requires_grad_()
    score = torch.nn.Sequential(*modules[last:])(tokens)[0, 1]
    (gradient,) = torch.autograd.grad(score, tokens)
    expected = (gradient * tokens).sum(2)[0, 1:].relu().view(3, 3)
    found = compute_attribution(network, source, pixels, [1])
    torch.testing.assert_close(torch.from_numpy(found.maps[0]), expected.detach())
    assert "(gradient times activation), on 3 x 3 positions" in found.describe()


@pytest.mark.parametrize("case", [TransferCase.SMALL_DIFFERENT, TransferCase.LARGE_SIMILAR])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_networks_gets_maps_that_differ_between_classes(name, case):
    least = models.get_model_weights(name).DEFAULT.meta["min_size"][0]
    size = 96 if name.startswith(("vit", "swin")) else max(96, least)
    source = replace(get_network(name), input_size=size)
    found = compute_attribution(
        build_random_network(source, case), source, make_noise(size), [0, 1, 2]
    )
    assert found.maps.shape[0] == 3 and min(found.maps.shape[1:]) >= 2
    assert np.isfinite(found.maps).all() and (found.maps >= 0).all()
    assert not np.array_equal(found.maps[0], found.maps[1])
    assert found.upsample(size).shape == (3, size, size)


def test_a_network_is_left_as_it_was():
    source = get_network("demonstration")
    network = build_random_network(source)
    compute_attribution(network, source, make_noise(64), [0])
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_map_without_evidence_stays_empty_when_enlarged():
    maps = np.zeros((2, 4, 4), np.float32)
    maps[1, 2, 2] = 0.25
    enlarged = Attribution(maps, "Grad-CAM", False).upsample(32)
    assert enlarged[0].max() == 0 and enlarged[1].max() == 1


def make_spots(count=40) -> dict[str, bytes]:
    """Grey noise with one coloured square somewhere; its colour is the class."""
    files, generator = {}, np.random.default_rng(1)
    for label, name in enumerate(("red", "green", "blue")):
        for number in range(count):
            pixels = generator.integers(90, 160, (64, 64, 1), np.uint8).repeat(3, 2)
            top, left = generator.integers(0, 44, 2)
            pixels[top : top + 20, left : left + 20] = np.eye(3, dtype=np.uint8)[label] * 230
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            files[f"{name}/{number}-{top}-{left}.png"] = file.getvalue()
    return files


def train_on_spots(home, source, case, **settings):
    """A network that has learned to tell the squares' colours, its test images and their paths."""
    data = dataset.ingest(write_zip(home / "spots.zip", make_spots()), home=home)
    strategy, engine = plan_strategy(case, source.stage_names, kind=source.kind), start_engine(home)
    optimiser = replace(strategy.optimiser, **{"epochs": 8, "augment": False} | settings)
    strategy = replace(strategy, optimiser=optimiser)
    run = engine.submit(make_run_config(data, source, strategy, 0))
    engine.wait(run, timeout=300)
    engine.close()
    network, test = prediction.load_trained_network(home, run), data.indices("test")
    pixels = dataset.PixelArray(home, data, source.transform).read(test)
    return network, pixels, data.labels[test], [data.records[index].path for index in test]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = {"train_head_first": False, "interpolation": 1.0}  # so that all of it learns
    return train_on_spots(
        home, get_network("demonstration"), TransferCase.LARGE_SIMILAR, **settings
    )


def test_maps_point_at_what_makes_the_class(trained):
    """The pointing game: chance hits the square, a tenth of the image, once in ten times."""
    network, pixels, labels, paths = trained
    hits = 0
    for image, label, path in zip(pixels, labels, paths, strict=True):
        top, left = (int(part) for part in path.removesuffix(".png").split("-")[1:])
        found = compute_attribution(network.network, network.source, image, [label]).upsample(64)[0]
        y, x = np.unravel_index(found.argmax(), found.shape)
        hits += top <= y < top + 20 and left <= x < left + 20
    print(f"\nthe map's highest value lies on the square in {hits} of {len(labels)} images")
    assert hits >= 3 * (20 / 64) ** 2 * len(labels)


def randomise(network, pixels, labels):
    """The steps of the cascade, printed (pytest -s)."""
    steps = run_randomisation_test(network, pixels, labels)
    print(f"\n{network.source.title}: rank correlation with the maps before, random down to")
    for step in steps:
        print(f"  {step.title:<18} {step.correlation:+.2f} ± {step.standard_deviation:.2f}")
    return steps


def test_randomising_the_weights_changes_the_maps(trained):
    """The sanity check of Adebayo et al. 2018: rank correlation after cascading randomisation."""
    network, pixels, labels, _ = trained
    steps = randomise(network, pixels, labels)
    assert steps[-1].title == "Convolution 1" and len(steps) == 6
    assert abs(steps[-1].correlation) < MAX_CORRELATION
    assert min(step.correlation for step in steps) < steps[0].correlation


@pytest.mark.thorough
@pytest.mark.slow
def test_randomising_the_weights_changes_the_maps_of_a_residual_network(transfer_home):
    """Its maps have 3 x 3 positions here, which padded borders make alike to some degree."""
    source = get_network("resnet18").with_input_size(96)
    case, batch = TransferCase.LARGE_DIFFERENT, 16
    network, pixels, labels, _ = train_on_spots(
        transfer_home, source, case, batch_size=batch, epochs=4
    )
    assert randomise(network, pixels, labels)[-1].correlation < 0.5


def test_maps_of_a_vision_transformer_follow_the_weights():
    """Without pre-trained weights at hand: other random weights, other maps."""
    source = get_network("vit_b_32").with_input_size(128)
    strategy = plan_strategy(TransferCase.LARGE_DIFFERENT, source.stage_names, kind=source.kind)
    record = SimpleNamespace(config=RunConfig("", source.name, strategy, 0, {}))
    network = adapt(source, strategy, num_classes=3, seed=0)
    network = prediction.TrainedNetwork(network, source, ("a", "b", "c"), record)
    steps = randomise(network, make_noise(128, 3), np.zeros(3, int))
    assert abs(steps[-1].correlation) < MAX_CORRELATION


def test_maps_of_two_classes_differ(trained):
    network, pixels, labels, _ = trained
    maps = (
        compute_attribution(network.network, network.source, image, [label, (label + 1) % 3]).maps
        for image, label in zip(pixels, labels, strict=True)
    )
    alike = float(np.mean([compute_rank_correlation(*pair) for pair in maps]))
    print(f"\nrank correlation of the maps of two classes: {alike:+.2f}")
    assert alike < MAX_CORRELATION

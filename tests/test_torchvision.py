"""Every classification network of torchvision: the row is the network, and surgery works on it."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save
from torch.nn import functional
from torchvision import models

from tools.torchvision_listing import build_entry
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.features.embedding import normalise
from transfer_core.images import apply_transform
from transfer_core.networks import get_network, list_networks, network_builder, torchvision_modules
from transfer_core.networks.empty_weights import init_empty_weights
from transfer_core.networks.surgery import (
    adapt,
    infer_output_shapes,
    summarise_network,
)
from transfer_core.networks.torchvision_catalog import CATALOG_FILE
from transfer_core.networks.train_mode import set_train_mode_except_frozen
from transfer_core.transferability.similarity_calibration import load_calibration

NETWORKS = {
    n.name: n for n in list_networks() if n.architecture in models.list_models(module=models)
}
FAMILY = (
    "efficientnet_v2|mobilenet_v[23]|regnet_[xy]|swin_v2|wide_resnet|vgg(?=[0-9]+$)|vgg[0-9]+_bn"
    "|[a-z]+"
)
PASSED: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def count_networks():
    """Print at the end how many networks went through surgery (pytest -s)."""
    PASSED.clear()
    yield
    print(f"\nsurgery, training, saving and loading passed for {len(PASSED)} of {len(NETWORKS)}")


def get_family(name: str) -> str:
    """The architecture that a name begins with, whatever its size: "resnet" of "resnet18"."""
    return re.sub("[0-9]+_bn$", "_bn", re.match(FAMILY, name).group())


def get_representatives() -> set[str]:
    """The smallest network of each family."""
    smallest: dict[str, str] = {}
    for name in sorted(NETWORKS, key=lambda name: NETWORKS[name].card["parameters"]):
        smallest.setdefault(get_family(name), name)
    return set(smallest.values())


REPRESENTATIVES = get_representatives()
# Each takes several seconds, and its building blocks occur in another family too.
SLOW = {
    "efficientnet_v2_s",
    "maxvit_t",
    "mobilenet_v2",
    "regnet_x_400mf",
    "resnext50_32x4d",
    "swin_v2_t",
    "vgg11_bn",
    "wide_resnet50_2",
}
SWEEP = [
    pytest.param(name, marks=[] if name in REPRESENTATIVES - SLOW else pytest.mark.thorough)
    for name in NETWORKS
]


def test_by_default_every_family_but_slow_ones_is_represented():
    assert len(REPRESENTATIVES) == 23 and SLOW < REPRESENTATIVES
    assert {get_family(name) for name in REPRESENTATIVES} == {get_family(n) for n in NETWORKS}


def shrink_input(name: str):
    """The network for the smallest images that it accepts, and can learn two of."""
    least = models.get_model_weights(name).DEFAULT.meta["min_size"][0]
    if name.startswith(("vit_", "swin_")):  # torchvision tells the size they were trained on
        least = 28 if name.endswith("_14") else 32
    elif least < 64:  # batch normalisation learns nothing from maps of one pixel
        least = 64
    return replace(NETWORKS[name], input_size=least)


def build_random_network(source, classes=3) -> torch.nn.Module:
    """torchvision's own network with weights that leave no layer without effect."""
    torch.manual_seed(0)
    with init_empty_weights():
        model = torchvision_modules.build_model(source.architecture, classes, source.input_size)
    state = model.state_dict()
    for key, value in state.items():
        if value.is_floating_point() and "coords_table" not in key:
            drawn = torch.empty(value.shape).uniform_(-1, 1)
            # Vectors are mostly scales and variances, which must be positive.
            state[key] = drawn.abs() + 0.5 if value.ndim == 1 else drawn / value[0].numel() ** 0.5
    model.load_state_dict(state, assign=True)
    return model.eval()


def make_images(source, count=2) -> torch.Tensor:
    size = source.input_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def run_seeded(model, source) -> torch.Tensor:
    torch.manual_seed(2)
    return model(make_images(source))


@pytest.mark.parametrize("name", SWEEP)
def test_the_listing_is_that_of_the_installed_torchvision(name):
    listing = json.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    (entry,) = (each for each in listing["networks"] if each["name"] == name)
    assert entry == json.loads(json.dumps(build_entry(name, listing["classes"])))


def test_networks_that_were_not_measured_are_judged_by_comparable_readings_only():
    """Distances and energies of one network say nothing of another's; some have no distance."""
    calibration = load_calibration(get_network("resnet18"))
    assert set(calibration.similarity.weights) <= {"gap", "gain", "leep", "skill"}
    assert all("log_distance" not in model.weights for model in calibration.forecasts.values())


def test_every_classifier_of_torchvision_is_in_the_catalog():
    assert list(NETWORKS) == models.list_models(module=models)
    assert len(NETWORKS) >= 80


@pytest.fixture(scope="module", params=SWEEP)
def built(request):
    """A network for small images, and torchvision's own with random weights."""
    source = shrink_input(request.param)
    return source, build_random_network(source)


def test_the_stages_give_the_logits_that_torchvisions_network_gives(built):
    source, model = built
    network = network_builder.build_with_weights(source, model.state_dict())
    for training in (False, True):  # dropout and stochastic depth from the same seed
        with torch.no_grad():
            expected, found = (
                run_seeded(each.train(training), source) for each in (model, network)
            )
        assert expected.std() > 0
        torch.testing.assert_close(found, expected)


def test_all_four_cases_operate_train_a_step_save_and_load(built, monkeypatch):
    source, model = built
    state = {key: value.clone() for key, value in model.state_dict().items()}
    monkeypatch.setattr(network_builder, "_read_weights", lambda network: dict(state))
    saved = set()  # cases with the same layers are saved and loaded alike
    for case in TransferCase:
        strategy = plan_strategy(case, source.stage_names, kind=source.kind)
        network = train_a_step(source, strategy)
        layers = tuple(network.state_dict())
        if layers not in saved:
            save_and_load(network, source, strategy)
            saved.add(layers)
    assert len(saved) == 2  # case 2 cuts
    PASSED.append(source.name)


def train_a_step(source, strategy):
    network = adapt(source, strategy, num_classes=5, seed=0)
    frozen = network[: len(strategy.frozen)].state_dict()
    before = {key: value.clone() for key, value in frozen.items()}
    new = network.head.linear.weight.clone()
    set_train_mode_except_frozen(network, strategy.frozen)
    functional.cross_entropy(network(make_images(source)), torch.tensor([0, 3])).backward()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    torch.nn.utils.clip_grad_norm_(trained, 1.0, error_if_nonfinite=True)
    torch.optim.SGD(trained, lr=0.01).step()
    assert all(torch.equal(value, before[key]) for key, value in frozen.items())
    assert not torch.equal(network.head.linear.weight, new)
    return network


def save_and_load(network, source, strategy) -> None:
    file = save(network.state_dict())
    with init_empty_weights():
        again = adapt(source, replace(strategy, initialise="random"), num_classes=5, seed=1)
    again.load_state_dict(load(file), assign=True)
    with torch.inference_mode():
        outputs = network.eval()(make_images(source))
        assert outputs.isfinite().all()
        assert torch.equal(outputs, again.eval()(make_images(source)))


@pytest.mark.parametrize("size", [(500, 375), (224, 224), (90, 130)])
@pytest.mark.parametrize("name", ["resnet50", "efficientnet_b0", "vit_h_14"])
def test_images_are_made_as_the_weights_preset_makes_them(name, size):
    """They cut at whole pixels and this one at fractions: up to half a pixel's step apart."""
    x, y = np.meshgrid(np.linspace(0, 6, size[0]), np.linspace(0, 5, size[1]))
    waves = [127 + 120 * np.sin(a * x + b * y) for a, b in ((1, 2), (2, 1), (3, -1))]
    image = Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))
    expected = models.get_model_weights(name).DEFAULT.transforms()(image)
    pixels = apply_transform(image, NETWORKS[name].transform)
    found = normalise(pixels[None], NETWORKS[name])[0]
    step = sum(expected.diff(dim=axis).abs().max() for axis in (1, 2))
    rounding = 2 / 255 / min(NETWORKS[name].std)
    assert (found - expected).abs().max() <= step / 2 + rounding


@pytest.mark.parametrize("name", SWEEP)
def test_every_network_is_described_without_weights_at_its_full_size(name):
    source = NETWORKS[name]
    parts = summarise_network(
        source, plan_strategy(TransferCase.SMALL_DIFFERENT, source.stage_names, kind=source.kind), 7
    )
    assert sum(p.weights for p in parts if p.state != "new") <= source.card["parameters"]
    assert infer_output_shapes(source)["classifier"] == (1000,)
    assert 1 <= len(source.early) < len(source.stages)

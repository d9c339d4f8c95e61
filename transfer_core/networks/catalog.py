"""The catalog of source networks. It needs neither weights nor torch."""

import difflib
import json
from functools import cache

from transfer_core.errors import NetworkError
from transfer_core.languages import N_, _
from transfer_core.networks import (
    efficientnet_lite_catalog,
    own_networks,
    timm_catalog,
    torchvision_catalog,
)
from transfer_core.networks.source_network import SourceNetwork, Stage
from transfer_core.networks.weights_location import BUNDLED_WEIGHTS_FOLDER, get_weights_status

DEFAULT_NETWORK = "demonstration"
DEMONSTRATION_TEXTS = (  # of its card, `weights/demonstration.json`, marked to be translated
    N_(
        "Natural photos of 160 classes of Tiny ImageNet (Stanford CS231n), and drawings made by"
        " code of 64 species of plankton that do not exist, 64 x 64 pixels"
    ),
    N_(
        "SGD with momentum on a one-cycle schedule, random crops, flips and colour changes, "
        "label smoothing 0.1; most epochs on 48 pixel images, the last ones on 64 pixels; at "
        "the end the normalisation statistics are taken anew from plain training photos"
    ),
    N_(
        "The photos are from ImageNet: non-commercial research and teaching use. The weights "
        "were learned from them and are meant for the same use."
    ),
)
MAX_SUGGESTIONS = 5  # names, after a misspelt one
DEMONSTRATION_STAGES = (
    Stage("conv1", "Convolution 1", "convolutional", "edges and colours"),
    Stage("conv2", "Convolution 2", "convolutional", "shapes and textures"),
    Stage("conv3", "Convolution 3", "convolutional", "higher-level features"),
    Stage("fc1", "Fully connected 1", "fully connected", "combinations of features"),
    Stage("fc2", "Fully connected 2", "fully connected", "what tells the source classes apart"),
    Stage("fc3", "Fully connected 3", "fully connected", "the source classes"),
)


@cache
def list_published_networks() -> tuple[SourceNetwork, ...]:
    """Return every source network with published weights, the default first."""
    card = BUNDLED_WEIGHTS_FOLDER / f"{DEFAULT_NETWORK}.json"
    demonstration = SourceNetwork(
        name=DEFAULT_NETWORK,
        title="Demonstration network",
        library="demonstration",
        architecture=DEFAULT_NETWORK,
        stages=DEMONSTRATION_STAGES,
        input_size=64,
        resize=64,
        interpolation="bilinear",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        origin="bundled",
        file=f"{DEFAULT_NETWORK}.safetensors",
        card=json.loads(card.read_text(encoding="utf-8")),
    )
    return (
        demonstration,
        *efficientnet_lite_catalog.list_efficientnet_lite_networks(),
        *torchvision_catalog.list_torchvision_networks(),
    )


def list_networks() -> tuple[SourceNetwork, ...]:
    """Return every published network, and those with a person's own weights.

    Of timm's networks, these are the listed ones and those that were asked for before.
    """
    published = (*list_published_networks(), *timm_catalog.list_timm_networks())
    own = own_networks.list_own_networks(published)
    return (
        *published,
        *(network for network in own if get_weights_status(network) == "cached"),
    )


def get_network(name: str) -> SourceNetwork:
    """Return the source network of this name, even if a person removed its weights.

    Args:
        name: A name of the catalog; or "timm." and any network of timm with pre-trained weights.

    Raises:
        NetworkError: If there is no such network, or if it is one of timm's that cannot be used.
    """
    published = list_published_networks()
    if found := next((each for each in published if each.name == name), None):
        return found  # without a look at the disk, where the others are
    name = timm_catalog.normalise_name(name)
    published = (*published, *timm_catalog.list_timm_networks())
    networks = {n.name: n for n in (*published, *own_networks.list_own_networks(published))}
    network = networks.get(name)
    if network is None or (network.origin == "hub" and timm_catalog.is_outdated(network)):
        network = timm_catalog.describe_timm_network(name)
    if network is not None:
        return network
    known = [*networks, *(f"{timm_catalog.PREFIX}{tag}" for tag in timm_catalog.list_timm_tags())]
    near = difflib.get_close_matches(name[:80], known, MAX_SUGGESTIONS)
    raise NetworkError(
        _("There is no source network of this name."),
        found=repr(name[:80]),
        remedy=_(
            "Choose for instance {names}; the catalog has {known} networks.",
            names=", ".join(near or [DEFAULT_NETWORK, "resnet18"]),
            known=len(known),
        ),
    )

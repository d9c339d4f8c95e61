"""torchvision's classification networks, read from `torchvision.json` without torch."""

import json
from functools import cache
from pathlib import Path

from transfer_core.networks.source_network import SourceNetwork, Stage

CATALOG_FILE = Path(__file__).with_name("torchvision.json")  # made by tools/torchvision_listing.py


def list_torchvision_networks() -> tuple[SourceNetwork, ...]:
    """Return every network of the listing, with the weights that torchvision prefers."""
    listing = _read_listing()
    return tuple(_parse_network(values, listing["classes"]) for values in listing["networks"])


def list_imagenet_classes() -> list[str]:
    """Return the names of ImageNet's 1,000 classes, in the order of a network's outputs."""
    return _read_listing()["classes"]


@cache
def _read_listing() -> dict:
    return json.loads(CATALOG_FILE.read_text(encoding="utf-8"))


def _parse_network(values: dict, classes: list[str]) -> SourceNetwork:
    values = dict(values)
    stages = tuple(Stage(**s | {"modules": tuple(s["modules"])}) for s in values.pop("stages"))
    mean, std = tuple(values.pop("mean")), tuple(values.pop("std"))
    card = values.pop("card") | {"classes": classes}
    return SourceNetwork(
        stages=stages,
        mean=mean,
        std=std,
        card=card,
        library="torchvision",
        origin="torchvision",
        **values,
    )

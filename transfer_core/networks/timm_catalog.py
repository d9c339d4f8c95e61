"""timm's classification networks, described without torch.

A dozen are in `timm.json`. Any other is described by timm when it is asked for, and its
description is kept in the data folder.
"""

import json
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from transfer_core.networks.hub_cache import find_hub_file, read_recorded_hash
from transfer_core.networks.source_network import SourceNetwork, Stage
from transfer_core.networks.timm_packages import TIMM_PACKAGE, has_timm, import_timm
from transfer_core.networks.torchvision_catalog import list_imagenet_classes
from transfer_core.system import get_home, write_atomically

TIMM_CATALOG_FILE = Path(__file__).with_name("timm.json")  # made by tools/timm_listing.py
PREFIX = "timm."  # of the networks' names; without a slash, because folders have these names too
MAX_FEATURES = 2000  # outputs; other ones of so few are features, as of CLIP, or a stand-in
HUB_PREFIX = "timm/"  # of the repositories on the hub; understood as well


def list_timm_networks() -> tuple[SourceNetwork, ...]:
    """Return the listed networks, smallest first, then those that were described here."""
    listed = tuple(_parse_network(values) for values in _read_listing()["networks"])
    names = {network.name for network in listed}
    described = (_read_description(file) for file in sorted(_get_folder().glob("*.json")))
    return tuple(
        _add_record(network)
        for network in (*listed, *(each for each in described if each.name not in names))
    )


def list_timm_tags() -> tuple[str, ...]:
    """Return the names in timm of all its networks with pre-trained weights on the hub."""
    return tuple(_read_listing()["tags"])


def normalise_name(name: str) -> str:
    """Return a network's name here, given that of its repository too."""
    return PREFIX + name.removeprefix(HUB_PREFIX) if name.startswith(HUB_PREFIX) else name


def describe_timm_network(name: str) -> SourceNetwork | None:
    """Describe a network that is not listed yet, with timm; None if timm has no such network.

    Raises:
        NetworkError: If timm is not installed, or if the network cannot be cut into stages.
    """
    tag = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or tag not in _read_listing()["tags"]:
        return None
    import_timm(tag)
    from transfer_core.networks.timm_description import describe_tag

    values = describe_tag(tag)
    file = _get_folder() / f"{tag}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(values, ensure_ascii=False))
    return _add_record(_parse_network(values))


def is_outdated(network: SourceNetwork) -> bool:
    """Return whether a network was described here by another timm than the one installed."""
    kept = (_get_folder() / f"{network.architecture}.json").is_file()
    return kept and has_timm() and version(TIMM_PACKAGE) != network.card["timm_version"]


@cache
def _read_listing() -> dict:
    return json.loads(TIMM_CATALOG_FILE.read_text(encoding="utf-8"))


def _get_folder() -> Path:
    return get_home() / "timm"


def _read_description(file: Path) -> SourceNetwork:
    return _parse_description(file, file.stat().st_mtime_ns)


@cache
def _parse_description(file: Path, changed: int) -> SourceNetwork:
    return _parse_network(json.loads(file.read_text(encoding="utf-8")))


def _parse_network(values: dict) -> SourceNetwork:
    values = dict(values)
    stages = tuple(Stage(**stage) for stage in values.pop("stages"))
    mean, std = tuple(values.pop("mean")), tuple(values.pop("std"))
    card = dict(values.pop("card"))
    classes = card["classes"]
    card["knows_classes"] = classes == len(list_imagenet_classes()) or classes > MAX_FEATURES
    if classes == len(list_imagenet_classes()):
        card["classes"] = list_imagenet_classes()
    else:
        card["classes"] = [f"class {number}" for number in range(1, classes + 1)]
    return SourceNetwork(
        stages=stages,
        mean=mean,
        std=std,
        card=card,
        library="timm",
        origin="hub",
        **values,
    )


def _add_record(network: SourceNetwork) -> SourceNetwork:
    """Return the network with what is known of its weights on this machine."""
    repository = network.card["repository"]
    file = find_hub_file(repository)
    if not file.is_file():
        return network
    found = {
        "weights_sha256": read_recorded_hash(repository),
        "file_size": round(file.stat().st_size / 2**20, 3),
    }
    return replace(network, card=network.card | found)

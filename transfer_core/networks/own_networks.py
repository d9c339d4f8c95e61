"""Source networks with imported weights, listed from the data folder without torch."""

import json
import logging
from dataclasses import replace
from pathlib import Path

from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import get_own_weights_folder

KEPT_FACTS = "operations", "parameters", "classifier", "timm_version", "package"
HASH_DIGITS = 10  # hexadecimal digits of the weights' hash in a network's name

_LOG = logging.getLogger(__name__)


def list_own_networks(published: tuple[SourceNetwork, ...]) -> tuple[SourceNetwork, ...]:
    """Return the networks with imported weights, oldest first.

    Args:
        published: The networks whose architectures are known.
    """
    known = {network.name: network for network in published}
    files = sorted(get_own_weights_folder().glob("*.json"), key=lambda path: path.stat().st_mtime)
    return tuple(filter(None, (_read_own_network(path, known) for path in files)))


def _read_own_network(path: Path, known: dict[str, SourceNetwork]) -> SourceNetwork | None:
    """The network that a card describes; None if it is damaged or of an unknown architecture."""
    try:
        card = json.loads(path.read_bytes())
        return make_own_network(known[card["architecture"]], card)
    except (OSError, ValueError, TypeError, LookupError) as problem:
        _LOG.warning("the network of %s is left out: %s", path, problem)
        return None


def make_own_network(source: SourceNetwork, card: dict) -> SourceNetwork:
    """Return a network of the catalog with imported weights.

    Args:
        source: The network of the catalog.
        card: "file_name" as the person named it, "weights_sha256", "classes", "file_size".
    """
    digest = card["weights_sha256"][:HASH_DIGITS]
    kept = {key: source.card[key] for key in KEPT_FACTS if key in source.card}
    return replace(
        source,
        name=f"{source.name}@{digest}",
        title=f"{source.title}, your {card['file_name']}",
        origin="own",
        file=get_card_path(card).with_suffix(".safetensors").name,
        card=card | kept,
    )


def get_card_path(card: dict) -> Path:
    """Return the path of the card of imported weights; the weights lie beside it."""
    return (
        get_own_weights_folder()
        / f"{card['architecture']}-{card['weights_sha256'][:HASH_DIGITS]}.json"
    )

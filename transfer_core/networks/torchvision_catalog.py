"""torchvision's classification networks as kept in `torchvision.json`, without torch."""

import json
import math
from dataclasses import replace
from pathlib import Path

from transfer_core.networks.calibration import Calibration, LogisticModel, read_calibration
from transfer_core.networks.source_network import SourceNetwork, Stage

CATALOG_FILE = Path(__file__).parent / "torchvision.json"  # written by `torchvision_listing`
DEFAULT_DIVIDING_LINE = (
    20_000  # images; Big Transfer's rule calls smaller tasks small (Kolesnikov et al. 2020)
)


def list_torchvision_networks() -> tuple[SourceNetwork, ...]:
    """Every network of the listing, with the weights that torchvision prefers."""
    listing = json.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    calibration = make_default_calibration()
    return tuple(
        _parse_network(values, listing["classes"], calibration) for values in listing["networks"]
    )


def make_default_calibration() -> Calibration:
    """What is taken for granted of a network that was not measured.

    Its answers to the similarity question come from the demonstration network's models that
    read probes and source classes only; distances and energies are not comparable between
    networks. The dividing line is the rule for networks pre-trained on ImageNet.
    """
    everything = LogisticModel(-math.log(DEFAULT_DIVIDING_LINE), {"log_images": 1.0})
    return replace(
        read_calibration("demonstration"),
        everything=everything,
        nearest=1e-9,
        furthest=math.inf,
        families=0,
        measured=(),
        reliability=(),
    )


def _parse_network(values: dict, classes: list[str], calibration: Calibration) -> SourceNetwork:
    values = dict(values)
    stages = tuple(Stage(**s | {"modules": tuple(s["modules"])}) for s in values.pop("stages"))
    mean, std = tuple(values.pop("mean")), tuple(values.pop("std"))
    card = values.pop("card") | {"classes": classes}
    return SourceNetwork(
        stages=stages,
        mean=mean,
        std=std,
        card=card,
        calibration=calibration,
        origin="torchvision",
        **values,
    )

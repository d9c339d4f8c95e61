"""The catalog of source networks. Plain data; nothing here loads weights or torch."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from transfer_core.errors import NetworkError
from transfer_core.networks.calibration import Calibration, read_calibration

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a network, a place where it can be cut."""

    name: str  # the module's name in the network
    title: str  # for people
    kind: Literal["convolutional", "fully connected"]
    sees: str  # what the stage responds to, for people


@dataclass(frozen=True, slots=True)
class SourceNetwork:
    """A pre-trained network as something to transfer from."""

    name: str
    title: str
    stages: tuple[Stage, ...]  # input to output; the last is the layer that is replaced
    input_size: int  # pixels, side of the square input
    mean: tuple[float, float, float]  # of red, green, blue in [0, 1], subtracted from the input
    std: tuple[float, float, float]  # the input is divided by it
    calibration: Calibration  # what was measured of it on many image sets
    weights: Literal["bundled", "cached", "download"]
    card: dict  # data, accuracy, licence and how the weights were made

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages' names, input to output."""
        return tuple(stage.name for stage in self.stages)

    def titles(self, names: tuple[str, ...]) -> str:
        """Stages by their titles, for people; "nothing" for none."""
        return ", ".join(s.title for s in self.stages if s.name in names) or "nothing"

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights file; part of every cache key and run."""
        return self.card["weights_sha256"]

    @property
    def weights_file(self) -> Path:
        """Where the weights lie on this machine."""
        return WEIGHTS / f"{self.name}.safetensors"


DEMONSTRATION_STAGES = (
    Stage("conv1", "Convolution 1", "convolutional", "edges and colours"),
    Stage("conv2", "Convolution 2", "convolutional", "shapes and textures"),
    Stage("conv3", "Convolution 3", "convolutional", "higher-level features"),
    Stage("fc1", "Fully connected 1", "fully connected", "combinations of features"),
    Stage("fc2", "Fully connected 2", "fully connected", "what tells the source classes apart"),
    Stage("fc3", "Fully connected 3", "fully connected", "the source classes"),
)


@cache
def catalog() -> tuple[SourceNetwork, ...]:
    """Every source network, the default first."""
    return (
        SourceNetwork(
            name="demonstration",
            title="Demonstration network",
            stages=DEMONSTRATION_STAGES,
            input_size=64,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            calibration=read_calibration("demonstration"),
            weights="bundled",
            card=_card("demonstration"),
        ),
    )


def get(name: str) -> SourceNetwork:
    """The source network of this name.

    Raises:
        NetworkError: If the catalog has no such network.
    """
    for network in catalog():
        if network.name == name:
            return network
    raise NetworkError(
        "There is no source network of this name.",
        found=repr(name[:80]),
        remedy=f"Choose one of: {', '.join(network.name for network in catalog())}.",
    )


def _card(name: str) -> dict:
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))

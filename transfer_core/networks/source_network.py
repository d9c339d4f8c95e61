"""A source network as plain data: what it is, how it sees images, where its weights lie."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from transfer_core.images.transform import Interpolation, Transform
from transfer_core.networks.calibration import Calibration
from transfer_core.system.home import home

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a network, a place where it can be cut."""

    name: str  # the module's name in the network
    title: str  # for people
    kind: Literal["convolutional", "transformer", "fully connected"]
    sees: str  # what the stage responds to, for people
    modules: tuple[str, ...] = ()  # of torchvision's network that make it up


@dataclass(frozen=True, slots=True)
class SourceNetwork:
    """A pre-trained network as something to transfer from."""

    name: str
    title: str
    architecture: str  # "demonstration", or the name of torchvision's builder
    stages: tuple[Stage, ...]  # input to output; the last is the layer that is replaced
    input_size: int  # pixels, side of the square input
    resize: int  # pixels that an image's shorter side is scaled to before the square is cut out
    interpolation: Interpolation
    mean: tuple[float, float, float]  # of red, green, blue in [0, 1], subtracted from the input
    std: tuple[float, float, float]  # the input is divided by it
    calibration: Calibration  # what was measured of it on many image sets
    origin: Literal["bundled", "torchvision", "own"]  # of the weights
    file: str  # name of the weights' file
    card: dict  # data, accuracy, cost, licence and how the weights were made

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages' names, input to output."""
        return tuple(stage.name for stage in self.stages)

    @property
    def early(self) -> tuple[str, ...]:
        """Names of the stages below the top that give maps or tokens, where case 2 may cut."""
        return tuple(s.name for s in self.stages[:-2] if s.kind != "fully connected")

    def with_input_size(self, size: int | None) -> "SourceNetwork":
        """The network as used at another input size, in pixels; None is its own.

        An image's shorter side is scaled in proportion, so that as much of it is cut out.
        """
        if size in {None, self.input_size}:
            return self
        return replace(self, input_size=size, resize=round(self.resize * size / self.input_size))

    def format_titles(self, names: tuple[str, ...]) -> str:
        """Stages by their titles, for people; "nothing" for none."""
        return ", ".join(s.title for s in self.stages if s.name in names) or "nothing"

    @property
    def transform(self) -> Transform:
        """How an image becomes the network's input."""
        return Transform(self.input_size, self.resize, self.interpolation)

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights file, or how it begins; part of every cache key and run."""
        return self.card["weights_sha256"]

    @property
    def weights_path(self) -> Path:
        """Where the weights lie on this machine, or would."""
        folders = {
            "bundled": WEIGHTS_FOLDER,
            "torchvision": get_torch_checkpoint_folder(),
            "own": get_own_weights_folder(),
        }
        return folders[self.origin] / self.file

    @property
    def weights(self) -> Literal["bundled", "cached", "download"]:
        """Whether the weights are part of this program, on this machine, or to be downloaded."""
        if self.origin == "bundled":
            return "bundled"
        return "cached" if self.weights_path.is_file() else "download"

    @property
    def measured(self) -> bool:
        """Whether estimates for this network were checked by measurement."""
        return bool(self.calibration.measured)


def get_torch_checkpoint_folder() -> Path:
    """Where torch keeps downloaded weights, by the rules of `torch.hub.get_dir`."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    folder = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(folder).expanduser() / "hub" / "checkpoints"


def get_own_weights_folder() -> Path:
    """Where a person's own weights are kept."""
    return home() / "weights"

"""A source network as plain data: its stages, its input, its card. Nothing here reads files."""

from dataclasses import dataclass, replace
from typing import Literal

from transfer_core.images.transform import Interpolation, Transform


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

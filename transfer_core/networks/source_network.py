"""A source network as plain data: its stages, its input, its card. Nothing here reads files."""

from dataclasses import dataclass, replace
from typing import Literal

from transfer_core.cases import NetworkKind
from transfer_core.images import Interpolation, Transform
from transfer_core.languages import N_

# Of an output: (B, H, W, C), or maps of one pixel (B, C, 1, 1), or as every stage gives it.
Layout = Literal["as is", "channels last", "one pixel"]

TITLES = (  # of all networks' stages, marked to be translated where they are shown
    N_("Convolution 1"),
    N_("Convolution 2"),
    N_("Convolution 3"),
    N_("Fully connected 1"),
    N_("Fully connected 2"),
    N_("Fully connected 3"),
    N_("Stage 1"),
    N_("Stage 2"),
    N_("Stage 3"),
    N_("Stage 4"),
    N_("Stage 5"),
    N_("Features"),
    N_("Pooling"),
    N_("Classifier"),
    N_("Demonstration network"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a network; the network can be cut after it."""

    name: str  # the module's name in the network
    title: str  # for people
    kind: Literal["convolutional", "transformer", "fully connected"]
    sees: str  # what the stage responds to, for people
    modules: tuple[str, ...] = ()  # torchvision: paths of its modules in the library's network
    end: str = ""  # timm: name of the call that gives its output
    layout: Layout = "as is"  # timm: what this output needs to become (B, C, H, W) or (B, D)


@dataclass(frozen=True, slots=True)
class SourceNetwork:
    """A pre-trained network to transfer from."""

    name: str
    title: str
    library: Literal["demonstration", "efficientnet_lite", "torchvision", "timm"]  # builds it
    architecture: str  # its name in the library
    stages: tuple[Stage, ...]  # input to output; the last is the layer that is replaced
    input_size: int  # pixels, side of the square input
    resize: int  # pixels that an image's shorter side is scaled to before the square is cut out
    interpolation: Interpolation
    mean: tuple[float, float, float]  # of red, green, blue in [0, 1]; subtracted from the input
    std: tuple[float, float, float]  # the input is divided by it
    origin: Literal["bundled", "wheel", "torchvision", "hub", "own"]  # of the weights
    file: str  # name of the weights file
    card: dict  # data, accuracy, cost, licence and how the weights were made

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names of the stages, input to output."""
        return tuple(stage.name for stage in self.stages)

    @property
    def kind(self) -> NetworkKind:
        """Its kind, which decides with what settings it is trained as a whole."""
        if self.library == "demonstration":
            return "demonstration"
        is_transformer = any(stage.kind == "transformer" for stage in self.stages)
        return "transformer" if is_transformer else "convolutional"

    @property
    def weight_bytes(self) -> int:
        """Bytes of all its weights as float32."""
        return 4 * self.card["parameters"]

    @property
    def knows_classes(self) -> bool:
        """Whether its own outputs are scores of classes; some networks give only features."""
        return self.card.get("knows_classes", True)

    @property
    def early(self) -> tuple[str, ...]:
        """Names of the stages below the top with maps or tokens; case 2 may cut after them."""
        return tuple(s.name for s in self.stages[:-2] if s.kind != "fully connected")

    def with_input_size(self, size: int | None) -> "SourceNetwork":
        """Return the network at another input size in pixels; None is its own.

        The shorter side of an image is resized in proportion, so the same part is cropped.
        """
        if size in {None, self.input_size}:
            return self
        return replace(self, input_size=size, resize=round(self.resize * size / self.input_size))

    def format_titles(self, names: tuple[str, ...]) -> str:
        """Join the titles of stages for people; "nothing" for none."""
        return ", ".join(s.title for s in self.stages if s.name in names) or "nothing"

    @property
    def transform(self) -> Transform:
        """The transform that turns an image into the network's input."""
        return Transform(self.input_size, self.resize, self.interpolation)

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights file or its first digits; part of every cache key and run."""
        return self.card["weights_sha256"]

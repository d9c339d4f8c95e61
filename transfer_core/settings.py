"""Settings: how one is declared in its field's metadata, and those of the optimiser."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import Field

# Convolutional networks and transformers learned from ImageNet, the demonstration network did not.
NetworkKind = Literal["demonstration", "convolutional", "transformer"]
Scope = Literal["head", "more", "both"]

_BOUND_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


@dataclass(frozen=True, slots=True)
class Setting:
    """How people see one setting; it stands in the metadata of a dataclass field."""

    label: str  # on the Train page and in the report
    help: str  # what it does, in a sentence or two
    code: str  # the PyTorch line it becomes; {} stands for its value
    unit: str = ""
    step: float = 1  # by which a click changes it
    decimals: int = 0  # digits shown after the point
    applies_to: Scope = "both"  # runs that train the head only, runs that train more, or both

    def applies(self, head_only: bool) -> bool:
        """Whether the setting has an effect on a run."""
        return self.applies_to in ("both", "head" if head_only else "more")


@dataclass(frozen=True, slots=True)
class SettingField:
    """A declared field of a settings dataclass."""

    name: str
    type: type  # bool, int or float
    setting: Setting
    bounds: dict[str, float]  # by "gt", "ge", "lt" or "le", as annotated-types names them

    @property
    def option(self) -> str:
        """The option of the command line, such as "--learning-rate"."""
        return "--" + self.name.replace("_", "-")

    @property
    def minimum(self) -> float | int:
        """The smallest value that a person can type: with the decimals shown, inside the bounds."""
        if "gt" in self.bounds:
            return self._round(self.bounds["gt"] + 10.0**-self.setting.decimals)
        return self.type(self.bounds["ge"])

    @property
    def maximum(self) -> float | int:
        """The largest value that a person can type."""
        if "lt" in self.bounds:
            return self._round(self.bounds["lt"] - 10.0**-self.setting.decimals)
        return self.type(self.bounds["le"])

    def format(self, value: object) -> str:
        """A value in words, with its unit: "0.001", "64 images", "yes"."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        number = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{number} {self.setting.unit}".rstrip()

    def render_code(self, value: object) -> str:
        """The PyTorch line that a value becomes."""
        return self.setting.code.format(value)

    def _round(self, value: float) -> float | int:
        return self.type(round(value, self.setting.decimals))


def list_settings(settings: type) -> tuple[SettingField, ...]:
    """The declared settings of a dataclass, in the order of its fields."""
    return tuple(_iter_declared(get_type_hints(settings, include_extras=True)))


def _iter_declared(hints: dict[str, Any]) -> Iterator[SettingField]:
    for name, hint in hints.items():
        # An optional setting is declared in the first part of `Annotated[...] | None`.
        annotated = next((h for h in (hint, *get_args(hint)) if get_origin(h) is Annotated), None)
        for each in getattr(annotated, "__metadata__", ()):
            if isinstance(each, Setting):
                yield SettingField(name, annotated.__origin__, each, read_bounds(annotated))


def read_bounds(hint: Any) -> dict[str, float]:
    """The bounds of a number in a type such as `Annotated[int, Field(ge=1, le=9)]`.

    Args:
        hint: The type of a field.

    Returns:
        Limits by "gt", "ge", "lt" or "le"; empty if the type has none.
    """
    limits = (
        limit
        for each in getattr(hint, "__metadata__", ())
        for limit in getattr(each, "metadata", ())
    )
    return {
        key: getattr(limit, key) for limit in limits for key in _BOUND_WORDS if hasattr(limit, key)
    }


def describe_bounds(hint: Any) -> str:
    """The allowed numbers in words: "a whole number, at least 1 and at most 9"; "" if unbounded."""
    bounds = read_bounds(hint)
    if not bounds:
        return ""
    number = "a whole number" if hint.__origin__ is int else "a number"
    words = [f"{word} {bounds[key]:,}" for key, word in _BOUND_WORDS.items() if key in bounds]
    return f"{number}, {' and '.join(words)}"


@dataclass(frozen=True, slots=True)
class OptimiserSettings:
    """All that steers the optimiser; every field is shown before training.

    A new setting is a new field here: the Train page, the command line, the exported script and
    the report list it by themselves.
    """

    learning_rate: Annotated[
        float,
        Field(gt=0, le=10),
        Setting(
            label="Learning rate",
            help="Peak of a one-cycle schedule: it rises at first, then falls to 0.",
            code="{{'params': parameters, 'lr': {}}}",
            step=0.0001,
            decimals=5,
        ),
    ]
    weight_decay: Annotated[
        float,
        Field(ge=0, le=10),
        Setting(
            label="Weight decay",
            help="Pulls weights towards 0, against learning images by heart.",
            code="{{'params': matrices, 'weight_decay': {}}}",
            step=0.01,
            decimals=4,
        ),
    ]
    batch_size: Annotated[
        int,
        Field(ge=2, le=4096),
        Setting(
            label="Batch size",
            help="Training images per step.",
            code="for indices in shuffle_into_batches(parts['train'], {}, generator): ...",
            unit="images",
        ),
    ]
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        Setting(
            label="Epochs, at most",
            help="An epoch is one pass over the training images.",
            code="for epoch in range(1, {} + 1): ...",
        ),
    ]
    patience: Annotated[
        int,
        Field(ge=1, le=1000),
        Setting(
            label="Patience",
            help="Training ends early after so many epochs in a row, in the second half, whose "
            "validation loss is clearly above its lowest. The best epoch's weights are kept.",
            code="stopping = EarlyStopping(epochs, {})",
            unit="epochs",
        ),
    ]
    augment: Annotated[
        bool,
        Setting(
            label="Random crops and colours of the training images",
            help="Each epoch sees every image a little differently. Frozen layers' outputs are "
            "computed once per image, so it needs a run that trains more than the new layer.",
            code="if {}: inputs = augment(pixels[indices])",
            applies_to="more",
        ),
    ]
    mirror: Annotated[
        bool,
        Setting(
            label="Mirror half of the changed images, left to right",
            help="Switch it off if left and right make a difference, as in letters.",
            code="augment(pixels[indices], horizontal_flip={})",
        ),
    ] = True
    stage_decay: Annotated[
        float,
        Field(gt=0, le=1),
        Setting(
            label="Rate of earlier stages",
            help="Learning rate of each stage as a share of that of the stage behind it. At 1 all "
            "stages learn at the same rate.",
            code="rate = learning_rate * {}**behind",
            step=0.05,
            decimals=2,
            applies_to="more",
        ),
    ] = 1.0
    train_head_first: Annotated[
        bool,
        Setting(
            label="Start from the new layer trained alone",
            help="The new layer first learns alone, as in case 1, and then everything learns on "
            "from there. Otherwise the new layer starts from random weights.",
            code="if {}: train_head(...)",
            applies_to="more",
        ),
    ] = False
    freeze_batch_norm: Annotated[
        bool,
        Setting(
            label="Keep the means and spreads of batch normalisation",
            help="Those of the source images stay, in training too. Otherwise each batch is "
            "normalised by its own, which with few images are noisy. From random weights leave it "
            "off.",
            code="norms = find_batch_norms(network) if {} else ()",
            applies_to="more",
        ),
    ] = False
    interpolation: Annotated[
        float,
        Field(gt=0, le=1),
        Setting(
            label="Share of the way that is kept",
            help="Below 1 the weights at the end are mixed with those at the start, which keeps "
            "more of what the network knew.",
            code="load_interpolated(model, start, end, {})",
            step=0.05,
            decimals=2,
            applies_to="more",
        ),
    ] = 1.0
    views: Annotated[
        int,
        Field(ge=0, le=100),
        Setting(
            label="Augmented views of each image",
            help="Randomly cropped and recoloured copies of each training image, embedded once "
            "like the images themselves. They help against learning few images by heart; each "
            "costs one more pass over the training images.",
            code="for number in range({}): ...",
            applies_to="head",
        ),
    ] = 0


@dataclass(frozen=True, slots=True)
class WholeNetworkDefaults:
    """The settings of cases 3 and 4 that suit a kind of networks."""

    fine_tuning: OptimiserSettings  # from pre-trained weights
    from_scratch: OptimiserSettings  # from random weights


DEMONSTRATION_DEFAULTS = WholeNetworkDefaults(
    OptimiserSettings(1e-3, 2e-2, 64, 30, 30, True, train_head_first=True, interpolation=0.75),
    OptimiserSettings(2e-3, 2e-2, 64, epochs=60, patience=60, augment=True),
)
# Measured with EfficientNet-Lite0, see docs/crossover.md.
CONVOLUTIONAL_DEFAULTS = WholeNetworkDefaults(
    OptimiserSettings(
        learning_rate=1e-3,
        weight_decay=2e-2,
        batch_size=32,
        epochs=10,
        patience=10,
        augment=True,
        stage_decay=0.5,
        train_head_first=True,
        freeze_batch_norm=True,
    ),
    replace(DEMONSTRATION_DEFAULTS.from_scratch, learning_rate=5e-4),
)
# Not measured here. Large pre-trained networks need small learning rates, and smaller ones nearer
# to the input (Howard and Ruder 2018, "Universal language model fine-tuning", section 3.2; Bao et
# al. 2022, "BEiT", appendix, for vision transformers).
TRANSFORMER_DEFAULTS = WholeNetworkDefaults(
    replace(DEMONSTRATION_DEFAULTS.fine_tuning, learning_rate=3e-4, stage_decay=0.75),
    replace(DEMONSTRATION_DEFAULTS.from_scratch, learning_rate=5e-4),
)
WHOLE_NETWORK_DEFAULTS: dict[NetworkKind, WholeNetworkDefaults] = {
    "demonstration": DEMONSTRATION_DEFAULTS,
    "convolutional": CONVOLUTIONAL_DEFAULTS,
    "transformer": TRANSFORMER_DEFAULTS,
}

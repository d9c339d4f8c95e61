"""The settings of the optimiser, which are those of the Train page's form."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from transfer_core.languages import N_
from transfer_core.settings.declaration import Setting


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
            label=N_("Learning rate"),
            help=N_(
                "How far each step changes the weights. This is the peak of a one-cycle schedule: "
                "the rate rises at first, then falls to 0."
            ),
            code="{{'params': parameters, 'lr': {}}}",
            step=0.0001,
            decimals=5,
        ),
    ]
    weight_decay: Annotated[
        float,
        Field(ge=0, le=10),
        Setting(
            label=N_("Weight decay"),
            help=N_("Pulls weights towards 0, against learning images by heart."),
            code="{{'params': matrices, 'weight_decay': {}}}",
            step=0.01,
            decimals=4,
        ),
    ]
    batch_size: Annotated[
        int,
        Field(ge=2, le=4096),
        Setting(
            label=N_("Batch size"),
            help=N_(
                "How many training images the network sees before each step changes its weights."
            ),
            code="for indices in shuffle_into_batches(parts['train'], {}, generator): ...",
            unit=N_("images"),
        ),
    ]
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        Setting(
            label=N_("Epochs, at most"),
            help=N_("An epoch is one pass over the training images."),
            code="for epoch in range(1, {} + 1): ...",
        ),
    ]
    patience: Annotated[
        int,
        Field(ge=1, le=1000),
        Setting(
            label=N_("Patience"),
            help=N_(
                "Training ends early after so many epochs in a row, in the second half, whose "
                "validation loss (how wrong it is on images kept aside) is clearly above its "
                "lowest. The best epoch's weights are kept."
            ),
            code="stopping = EarlyStopping(epochs, {})",
            unit=N_("epochs"),
        ),
    ]
    augment: Annotated[
        bool,
        Setting(
            label=N_("Random crops and colours of the training images"),
            help=N_(
                "Each epoch sees every image a little differently. Frozen layers' outputs are "
                "computed once per image, so it needs a run that trains more than the new layer."
            ),
            code="if {}: inputs = augment(pixels[indices])",
            applies_to="more",
        ),
    ]
    mirror: Annotated[
        bool,
        Setting(
            label=N_("Mirror half of the changed images, left to right"),
            help=N_("Switch it off if left and right make a difference, as in letters."),
            code="augment(pixels[indices], horizontal_flip={})",
        ),
    ] = True
    stage_decay: Annotated[
        float,
        Field(gt=0, le=1),
        Setting(
            label=N_("Rate of earlier stages"),
            help=N_(
                "Learning rate of each stage as a share of that of the stage behind it. At 1 all "
                "stages learn at the same rate."
            ),
            code="rate = learning_rate * {}**behind",
            step=0.05,
            decimals=2,
            applies_to="more",
        ),
    ] = 1.0
    train_head_first: Annotated[
        bool,
        Setting(
            label=N_("Start from the new layer trained alone"),
            help=N_(
                "The new layer first learns alone, as in case 1, and then everything learns on "
                "from there. Otherwise the new layer starts from random weights."
            ),
            code="if {}: train_head(...)",
            applies_to="more",
        ),
    ] = False
    freeze_batch_norm: Annotated[
        bool,
        Setting(
            label=N_("Keep the means and spreads of batch normalisation"),
            help=N_(
                "Such layers scale what they get by its mean and spread. Those of the source "
                "images stay, in training too. Otherwise each batch is scaled by its own, which "
                "with few images are noisy. From random weights leave it off."
            ),
            code="norms = find_batch_norms(network) if {} else ()",
            applies_to="more",
        ),
    ] = False
    interpolation: Annotated[
        float,
        Field(gt=0, le=1),
        Setting(
            label=N_("Share of the way that is kept"),
            help=N_(
                "Below 1 the weights at the end are mixed with those at the start, which keeps "
                "more of what the network knew."
            ),
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
            label=N_("Augmented views of each image"),
            help=N_(
                "Randomly cropped and recoloured copies of each training image, embedded once "
                "like the images themselves. They help against learning few images by heart; each "
                "costs one more pass over the training images."
            ),
            code="for number in range({}): ...",
            applies_to="head",
        ),
    ] = 0

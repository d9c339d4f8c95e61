"""The usual settings of cases 3 and 4, for each kind of networks."""

from dataclasses import dataclass, replace
from typing import Literal

from transfer_core.settings.optimiser_settings import OptimiserSettings

# Convolutional networks and transformers learned from ImageNet, the demonstration network did not.
NetworkKind = Literal["demonstration", "convolutional", "transformer"]


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

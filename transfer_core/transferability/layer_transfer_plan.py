"""The curves of the layer-transfer experiment, its trainings, and what its points say together."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork

Images = Literal["own", "source"]
SEEDS = (0, 1, 2)  # each draws the held-back images and the random weights anew


@dataclass(frozen=True, slots=True)
class Arm:
    """One curve of the experiment: what lies below the cut, and on which images it is trained."""

    images: Images  # the person's own, or drawings of kinds that the network learned from
    initialise: Literal["pretrained", "random", "self"]  # "self": trained on the same images
    frozen: bool  # whether the stages below the cut keep their weights

    @property
    def key(self) -> str:
        """A short name: "own-pretrained-frozen"."""
        return f"{self.images}-{self.initialise}-{'frozen' if self.frozen else 'tuned'}"


@dataclass(frozen=True, slots=True)
class LayerTransferPoint:
    """The accuracy of one training."""

    arm: str  # key of its `Arm`
    cut: int  # stages below the cut; 0 is a network of random weights, all trained
    seed: int
    accuracy: float  # on images held back from the training, after the last epoch, in [0, 1]


OWN_ARMS = (
    Arm("own", "pretrained", True),
    Arm("own", "pretrained", False),
    Arm("own", "random", True),
)
SOURCE_ARMS = (Arm("source", "pretrained", True), Arm("source", "pretrained", False))
SELF_ARMS = (Arm("own", "self", True), Arm("own", "self", False))


def list_arms(source: SourceNetwork, *, both_controls: bool = False) -> tuple[Arm, ...]:
    """Return the curves of the experiment, the control last.

    The control is a network that is cut from itself: the pre-trained one on images of its own
    source, if it can be drawn here, else one that is trained on the person's images first.

    Args:
        source: The network.
        both_controls: Whether to add the second control where the first is possible.
    """
    if source.name != DEFAULT_NETWORK:
        return OWN_ARMS + SELF_ARMS
    return OWN_ARMS + SOURCE_ARMS + (SELF_ARMS if both_controls else ())


def list_trainings(
    source: SourceNetwork, arms: tuple[Arm, ...] | None = None
) -> tuple[tuple[Arm, int, int], ...]:
    """Return every training as (arm, cut, seed), in the order in which they are performed.

    All of the first seed come first, so that the whole figure is there early. A cut of 0 is the
    same for all arms of the same images: it is the last of them that has no donor, trained whole.

    Args:
        source: The network.
        arms: None for those of `list_arms`.
    """
    arms, kept = arms or list_arms(source), len(source.stages) - 1
    bases = {arm.images: arm for arm in arms if arm.initialise != "self"}
    return tuple(
        (arm, cut, seed)
        for seed in SEEDS
        for cut in range(kept + 1)
        for arm in arms
        if cut or bases.get(arm.images) == arm
    )


def summarise_points(
    points: tuple[LayerTransferPoint, ...], arm: Arm
) -> tuple[tuple[int, float, float, int], ...]:
    """Return (cut, mean, standard error, seeds) of an arm, by cut; of one seed the error is 0.

    The networks of random weights, cut 0, belong to all arms of the same images.
    """
    rows = []
    for cut in sorted({point.cut for point in points}):
        accuracies = [
            point.accuracy
            for point in points
            if point.cut == cut
            and (point.arm == arm.key or (cut == 0 and point.arm.startswith(arm.images)))
        ]
        if accuracies:
            count = len(accuracies)
            error = np.std(accuracies, ddof=1) / np.sqrt(count) if count > 1 else 0.0
            rows.append((cut, float(np.mean(accuracies)), float(error), count))
    return tuple(rows)

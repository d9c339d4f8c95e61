"""How transferable are the layers? Every cut of a network, kept or not, frozen or not, trained.

The experiment of Yosinski et al. 2014, "How transferable are features in deep neural networks?",
on a person's own images. Below a cut the stages come from the pre-trained network or are random;
above it all stages, and the new layer, begin with random weights.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from transfer_core.cases import Strategy, list_strategies
from transfer_core.dataset import draw_individuals, draw_species
from transfer_core.errors import BusyError
from transfer_core.languages import _
from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork, adapt
from transfer_core.system import choose_device, watch_for_training
from transfer_core.training import EpochEnded, compute_class_weights, train_whole_network
from transfer_core.transferability.grouped_folds import assign_grouped_folds
from transfer_core.transferability.layer_transfer_plan import (
    OWN_ARMS,
    Arm,
    LayerTransferPoint,
    list_trainings,
)

HELD_BACK_FOLDS = 2  # of five
EPOCHS = 15
BATCH_SIZE = 32  # images
TIMED_IMAGES = 64
REDRAWN = 1_000  # added to the seed of weights above a cut: not those of the donor below it
SOURCE_SPECIES, SOURCE_INDIVIDUALS = 10, 30  # of the demonstration network's own source


@dataclass(frozen=True)
class LabelledPixels:
    """Images to train on, and which must not be parted by a split."""

    pixels: np.ndarray  # uint8, shape (N, H, W, 3)
    labels: np.ndarray  # class indices, int64 (N,)
    groups: np.ndarray  # near-duplicates share a number, int (N,)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


def draw_source_images() -> LabelledPixels:
    """Draw kinds that the demonstration network learned from, individuals that it never saw."""
    pixels = np.concatenate(
        [
            draw_individuals(
                draw_species(number), SOURCE_INDIVIDUALS, np.random.default_rng([15, number])
            )
            for number in range(SOURCE_SPECIES)
        ]
    )
    labels = np.repeat(np.arange(SOURCE_SPECIES), SOURCE_INDIVIDUALS)
    return LabelledPixels(pixels, labels, np.arange(len(labels)))


def measure_layer_transfer(
    source: SourceNetwork,
    own: LabelledPixels,
    *,
    known: tuple[LayerTransferPoint, ...] = (),
    arms: tuple[Arm, ...] | None = None,
    epochs: int = EPOCHS,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Iterator[LayerTransferPoint]:
    """Train every arm at every cut with every seed.

    All trainings share their settings, those of training from random weights, so that only the
    layers differ. The test images of the data set are not used.

    Args:
        source: The network, with its weights on this computer.
        own: The person's images.
        known: Points that were measured before; they are left out.
        arms: None for those of `list_arms`.
        epochs: Of each training.
        stop_requested: Asked between batches; the training then ends without a point.

    Yields:
        Each new point as soon as it is known.
    """
    done = {(point.arm, point.cut, point.seed) for point in known}
    control = draw_source_images() if source.name == DEFAULT_NETWORK else own
    donors: dict[int, nn.Sequential] = {}  # trained whole on the person's images, by seed
    for arm, cut, seed in list_trainings(source, arms):
        if (arm.key, cut, seed) in done:
            continue
        images = own if arm.images == "own" else control
        if arm.initialise == "self" and seed not in donors:
            donors[seed], __ = _train(source, own, OWN_ARMS[-1], 0, seed, epochs, stop_requested)
        donor = donors.get(seed) if arm.initialise == "self" else None
        __, accuracy = _train(source, images, arm, cut, seed, epochs, stop_requested, donor)
        if stop_requested() or accuracy is None:
            return
        yield LayerTransferPoint(arm.key, cut, seed, accuracy)


def time_training(source: SourceNetwork, own: LabelledPixels) -> float:
    """Return the seconds that the longest of the trainings takes, from one epoch of a few images.

    Args:
        source: The network.
        own: The person's images.

    Raises:
        BusyError: If something else trains in this process meanwhile.
    """
    has_trained = watch_for_training()
    chosen = np.random.default_rng(0).permutation(len(own.labels))[:TIMED_IMAGES]
    few = LabelledPixels(own.pixels[chosen], own.labels[chosen] % 2, own.groups[chosen])
    began = time.perf_counter()
    if not has_trained():
        _train(source, few, OWN_ARMS[-1], 0, 0, 1, has_trained)
    seconds = time.perf_counter() - began
    if has_trained():
        raise BusyError(
            _("How long this takes can't be measured while a run trains."),
            found=_("a run in training on this computer"),
            remedy=_("Ask again when it has ended."),
        )
    return seconds * EPOCHS * len(own.labels) / len(chosen)


def build_network(
    source: SourceNetwork,
    arm: Arm,
    cut: int,
    classes: int,
    seed: int,
    donor: nn.Sequential | None = None,
) -> tuple[nn.Sequential, Strategy]:
    """Put a network together below and above a cut.

    Args:
        source: The network.
        arm: What lies below the cut.
        cut: Stages below it.
        classes: Number of classes.
        seed: Draws the random weights.
        donor: The network of the stages below the cut, where it was trained on the same images.

    Returns:
        The network, in eval mode, and the strategy to train it by.
    """
    strategies = list_strategies(source.stage_names, source.kind)
    from_scratch = strategies["4-random"]
    # The donor itself began with the weights of the first redraw.
    drawn = seed + REDRAWN * (1 if donor is None else 2)
    stages = OrderedDict(adapt(source, from_scratch, classes, drawn).named_children())
    below = source.stage_names[:cut]
    if below:
        key = "3" if arm.initialise == "pretrained" else "4-random"
        if donor is None:
            donor = adapt(source, strategies[key], classes, seed)
        stages.update({name: deepcopy(donor.get_submodule(name)) for name in below})
    frozen = below if arm.frozen else ()
    for name, stage in stages.items():
        stage.requires_grad_(name not in frozen)
    return nn.Sequential(stages).eval(), replace(from_scratch, frozen=frozen)


def _train(
    source: SourceNetwork,
    images: LabelledPixels,
    arm: Arm,
    cut: int,
    seed: int,
    epochs: int,
    stop_requested: Callable[[], bool],
    donor: nn.Sequential | None = None,
) -> tuple[nn.Sequential, float | None]:
    """Return the network and its accuracy after the last epoch; None if no epoch ended."""
    network, strategy = build_network(source, arm, cut, images.classes, seed, donor)
    settings = replace(strategy.optimiser, epochs=epochs, patience=epochs, batch_size=BATCH_SIZE)
    folds = assign_grouped_folds(images.labels, list(images.groups), seed)
    held_back = folds < HELD_BACK_FOLDS
    train = np.flatnonzero(~held_back)
    accuracy = None
    for event in train_whole_network(
        network.to(choose_device()),
        images.pixels,
        images.labels,
        train,
        np.flatnonzero(held_back),
        replace(strategy, optimiser=settings),
        source,
        seed=seed,
        class_weights=compute_class_weights(images.labels[train], images.classes),
        stop_requested=stop_requested,
    ):
        if isinstance(event, EpochEnded):
            accuracy = event.validation_accuracy
    return network, accuracy

"""Cases 3 and 4: train every layer, on images from the pixel cache."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.networks.surgery import set_training
from transfer_core.system.devices import device_of
from transfer_core.system.precision import NumberFormat
from transfer_core.training.changes import ChangeMeter
from transfer_core.training.data_loaders import PixelFeed
from transfer_core.training.events import Event
from transfer_core.training.loop import Learner, Training


def train_whole_network(
    network: nn.Sequential,
    pixels: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    strategy: Strategy,
    source: SourceNetwork,
    *,
    seed: int,
    class_weights: torch.Tensor | None,
    number_format: NumberFormat = "float32",
    channels_last: bool = True,
    compiled: bool = False,
    rival: Mapping[str, torch.Tensor] | None = None,
    stop_requested: Callable[[], bool],
) -> Iterator[Event]:
    """Train all that the strategy does not freeze, in place and where the network lies.

    Args:
        network: From `surgery.operate`.
        pixels: Of all images, uint8 (N, H, W, 3).
        labels: Class indices, int64 (N,).
        train: Indices of the training images.
        validation: Indices of the validation images.
        strategy: What the network was operated by.
        source: Describes the normalisation and the input size.
        seed: Draws the order of the images, their augmentation and dropout.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        number_format: In which the steps are computed; the weights are float32 always.
        channels_last: Whether its weights, and so its maps, have the channels last in memory.
        compiled: Whether torch.compile translates the network first.
        rival: Weights of the network with its new layer trained alone, to fall back on.
        stop_requested: Asked between batches.

    Yields:
        The events of `loop.Training`.
    """
    if channels_last:
        network.to(memory_format=torch.channels_last)
    if compiled:
        network.compile()  # in place, so that its weights keep their names
    learner = Learner(
        model=network,
        meter=ChangeMeter(network, strategy.frozen),
        set_training=lambda: set_training(network, strategy.frozen),
        synchronise=lambda: None,
        frozen_weights=sum(p.numel() for p in network.parameters() if not p.requires_grad),
    )
    optimiser = strategy.optimiser
    feed = PixelFeed(
        pixels, labels, train, validation, source, optimiser.augment, optimiser.mirror,
        device_of(network),
    )  # fmt: skip
    training = Training(
        learner, feed, optimiser, seed=seed, class_weights=class_weights,
        stop_requested=stop_requested, number_format=number_format, rival=rival,
    )  # fmt: skip
    yield from training.events()

"""Cases 3 and 4: train every layer, on images from the pixel cache."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.number_format import NumberFormat
from transfer_core.surgery import set_training
from transfer_core.training.changes import ChangeMeter
from transfer_core.training.events import Event
from transfer_core.training.feeds import PixelFeed
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
    stop_requested: Callable[[], bool],
) -> Iterator[Event]:
    """Train all that the strategy does not freeze, in place.

    Args:
        network: From `surgery.operate`; its new layer is trained already if the strategy
            says so.
        pixels: Of all images, uint8 (N, H, W, 3).
        labels: Class indices, int64 (N,).
        train: Indices of the training images.
        validation: Indices of the validation images.
        strategy: What the network was operated by.
        source: Describes the normalisation and the input size.
        seed: Draws the order of the images, their augmentation and dropout.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        number_format: In which the steps are computed; the weights are float32 always.
        stop_requested: Asked between batches.

    Yields:
        The events of `loop.Training`.
    """
    network.to(memory_format=torch.channels_last)
    learner = Learner(
        model=network,
        meter=ChangeMeter(network, strategy.frozen),
        set_training=lambda: set_training(network, strategy.frozen),
        synchronise=lambda: None,
        frozen_weights=sum(p.numel() for p in network.parameters() if not p.requires_grad),
    )
    optimiser = strategy.optimiser
    feed = PixelFeed(
        pixels, labels, train, validation, source, optimiser.augment, optimiser.mirror
    )  # fmt: skip
    training = Training(
        learner, feed, optimiser, seed=seed, class_weights=class_weights,
        stop_requested=stop_requested, number_format=number_format,
        start_counts=strategy.new_layer_first,
    )  # fmt: skip
    yield from training.events()

"""Cases 3 and 4: train every layer, on images from the pixel cache."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.networks.surgery import set_training
from transfer_core.system.devices import get_device
from transfer_core.system.precision import Precision
from transfer_core.training.changes import WeightChangeMeter
from transfer_core.training.data_loaders import PixelLoader
from transfer_core.training.events import Event
from transfer_core.training.loop import TrainableModel, Trainer


def train_whole_network(
    network: nn.Sequential,
    pixels: np.ndarray,
    labels: np.ndarray,
    train_indices: np.ndarray,
    validation_indices: np.ndarray,
    strategy: Strategy,
    source: SourceNetwork,
    *,
    seed: int,
    class_weights: torch.Tensor | None,
    precision: Precision = "float32",
    channels_last: bool = True,
    compiled: bool = False,
    baseline: Mapping[str, torch.Tensor] | None = None,
    stop_requested: Callable[[], bool],
) -> Iterator[Event]:
    """Train all that the strategy does not freeze, in place and where the network lies.

    Args:
        network: From `surgery.adapt`.
        pixels: Of all images, uint8 (N, H, W, 3).
        labels: Class indices, int64 (N,).
        train_indices: Indices of the training images.
        validation_indices: Indices of the validation images.
        strategy: What the network was operated by.
        source: Describes the normalisation and the input size.
        seed: Draws the order of the images, their augmentation and dropout.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        precision: In which the steps are computed; the weights are float32 always.
        channels_last: Whether its weights, and so its maps, have the channels last in memory.
        compiled: Whether torch.compile translates the network first.
        baseline: Weights of the network with its new layer trained alone, to fall back on.
        stop_requested: Asked between batches.

    Yields:
        The events of `loop.Trainer`.
    """
    if channels_last:
        network.to(memory_format=torch.channels_last)
    if compiled:
        network.compile()  # in place, so that its weights keep their names
    learner = TrainableModel(
        model=network,
        change_meter=WeightChangeMeter(network, strategy.frozen),
        set_training=lambda: set_training(network, strategy.frozen),
        synchronise=lambda: None,
        frozen_weights=sum(p.numel() for p in network.parameters() if not p.requires_grad),
    )
    optimiser = strategy.optimiser
    feed = PixelLoader(
        pixels,
        labels,
        train_indices,
        validation_indices,
        source,
        optimiser.augment,
        optimiser.mirror,
        get_device(network),
    )
    training = Trainer(
        learner,
        feed,
        optimiser,
        seed=seed,
        class_weights=class_weights,
        stop_requested=stop_requested,
        precision=precision,
        baseline=baseline,
    )
    yield from training.events()

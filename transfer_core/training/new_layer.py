"""Cases 1 and 2: train the new layer on embeddings that were computed once."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.features.standardisation import standardisation
from transfer_core.networks.surgery import NEW
from transfer_core.system.devices import sent
from transfer_core.training.changes import ChangeMeter
from transfer_core.training.data_loaders import EmbeddingFeed
from transfer_core.training.events import Event
from transfer_core.training.loop import Learner, Training


def train_new_layer(
    network: nn.Sequential,
    embeddings: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    strategy: Strategy,
    *,
    seed: int,
    class_weights: torch.Tensor | None,
    stop_requested: Callable[[], bool],
) -> Iterator[Event]:
    """Train the stage "new" of an operated network whose other stages are frozen.

    The layer is trained on embeddings standardised over the training images,
    which makes one learning rate fit all features; the standardisation is then
    folded into its weights, so that the network itself has no such step.

    Args:
        network: From `surgery.operate`; its new layer is changed in place.
        embeddings: Of all images at the last kept stage, float32 (N, D).
        labels: Class indices, int64 (N,).
        train: Indices of the training images.
        validation: Indices of the validation images.
        strategy: What the network was operated by.
        seed: Draws the order of the images.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.

    Yields:
        The events of `loop.Training`.
    """
    mean, deviation = map(torch.from_numpy, standardisation(embeddings[train]))
    target = network.get_submodule(NEW).linear
    device = target.weight.device
    mean, deviation = mean.to(device), deviation.to(device)
    layer = nn.Linear(target.in_features, target.out_features, device=device)
    layer.load_state_dict(target.state_dict())
    fold(layer, mean, deviation, into=target)
    features = (sent(embeddings, device) - mean) / deviation
    learner = Learner(
        model=layer,
        meter=ChangeMeter(network, strategy.frozen),
        set_training=layer.train,
        synchronise=lambda: fold(layer, mean, deviation, into=target),
        frozen_weights=sum(p.numel() for p in network.parameters() if not p.requires_grad),
    )
    feed = EmbeddingFeed(features, labels, train, validation)
    training = Training(
        learner, feed, strategy.optimiser, seed=seed, class_weights=class_weights,
        stop_requested=stop_requested,
    )  # fmt: skip
    yield from training.events()


@torch.no_grad()
def fold(layer: nn.Linear, mean: torch.Tensor, deviation: torch.Tensor, *, into: nn.Linear) -> None:
    """Write into a layer the weights that make layer((x - mean) / deviation) of x."""
    into.weight.copy_(layer.weight / deviation)
    into.bias.copy_(layer.bias - into.weight @ mean)

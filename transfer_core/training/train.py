"""Cases 1 and 2: train the new layer on embeddings that were computed once."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.features.standardisation import fit_standardisation
from transfer_core.networks.surgery import HEAD
from transfer_core.system.devices import copy_to_device
from transfer_core.training.changes import WeightChangeMeter
from transfer_core.training.data_loaders import EmbeddingLoader
from transfer_core.training.events import Event
from transfer_core.training.loop import TrainableModel, Trainer


def train_head(
    network: nn.Sequential,
    embeddings: np.ndarray,
    labels: np.ndarray,
    train_indices: np.ndarray,
    validation_indices: np.ndarray,
    strategy: Strategy,
    *,
    seed: int,
    class_weights: torch.Tensor | None,
    stop_requested: Callable[[], bool],
) -> Iterator[Event]:
    """Train the head of an adapted network whose other stages are frozen.

    The layer is trained on embeddings standardised over the training images,
    which makes one learning rate fit all features; the standardisation is then
    folded into its weights, so that the network itself has no such step.

    Args:
        network: From `surgery.adapt`; its new layer is changed in place.
        embeddings: Of all images at the last kept stage, float32 (N, D).
        labels: Class indices, int64 (N,).
        train_indices: Indices of the training images.
        validation_indices: Indices of the validation images.
        strategy: What the network was operated by.
        seed: Draws the order of the images.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.

    Yields:
        The events of `loop.Trainer`.
    """
    mean, deviation = map(torch.from_numpy, fit_standardisation(embeddings[train_indices]))
    target = network.get_submodule(HEAD).linear
    device = target.weight.device
    mean, deviation = mean.to(device), deviation.to(device)
    layer = nn.Linear(target.in_features, target.out_features, device=device)
    layer.load_state_dict(target.state_dict())
    fold_standardisation(layer, mean, deviation, target=target)
    features = (copy_to_device(embeddings, device) - mean) / deviation
    learner = TrainableModel(
        model=layer,
        change_meter=WeightChangeMeter(network, strategy.frozen),
        set_training=layer.train,
        synchronise=lambda: fold_standardisation(layer, mean, deviation, target=target),
        frozen_weights=sum(p.numel() for p in network.parameters() if not p.requires_grad),
    )
    feed = EmbeddingLoader(features, labels, train_indices, validation_indices)
    training = Trainer(
        learner,
        feed,
        strategy.optimiser,
        seed=seed,
        class_weights=class_weights,
        stop_requested=stop_requested,
    )
    yield from training.events()


@torch.no_grad()
def fold_standardisation(
    layer: nn.Linear, mean: torch.Tensor, std: torch.Tensor, *, target: nn.Linear
) -> None:
    """Write into a layer the weights that make layer((x - mean) / deviation) of x."""
    target.weight.copy_(layer.weight / std)
    target.bias.copy_(layer.bias - target.weight @ mean)

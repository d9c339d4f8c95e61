"""The two ways to train an adapted network: only its head on embeddings, or more on pixels."""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from transfer_core.cases import Strategy
from transfer_core.features import MAX_COPIED_BYTES, JoinedRows, fit_unit_scaling
from transfer_core.networks import (
    HEAD,
    SourceNetwork,
    refresh_statistics,
    set_train_mode_except_frozen,
)
from transfer_core.system import ALONE, Precision, Ranks, copy_to_device, get_device
from transfer_core.training.checkpoint import Checkpointer
from transfer_core.training.data_loaders import EmbeddingLoader, PixelLoader, count_batches
from transfer_core.training.events import Event
from transfer_core.training.loop import TrainableModel, Trainer
from transfer_core.training.meters import WeightChangeMeter

MAX_HELD_BYTES = MAX_COPIED_BYTES  # of embeddings that are scaled at once; others batch by batch
MAX_SCALING_IMAGES = 20_000  # images; more hardly change the scaling
MAX_STATISTICS_IMAGES = 512  # images; more hardly change the statistics of batch norm


def train_head(
    network: nn.Sequential,
    embeddings: np.ndarray | JoinedRows,
    labels: np.ndarray,
    train_indices: np.ndarray,
    validation_indices: np.ndarray,
    strategy: Strategy,
    *,
    seed: int,
    class_weights: torch.Tensor | None,
    stop_requested: Callable[[], bool],
    checkpointer: Checkpointer | None = None,
    shards: np.ndarray | None = None,
) -> Iterator[Event]:
    """Train the head of an adapted network whose other stages are frozen.

    The head is trained on embeddings scaled over the training images, so that one learning rate
    fits all features and numbers of them. The scaling is then folded into its weights: the network
    itself has no such step.

    Args:
        network: From `surgery.adapt`; its head is changed in place.
        embeddings: What the head reads of all images, pooled, float32 (N, D).
        labels: Class indices, int64 (N,).
        train_indices: Indices of the training images.
        validation_indices: Indices of the validation images.
        strategy: The strategy that `adapt` performed.
        seed: Draws the order of the images.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.
        checkpointer: See `loop.Trainer`.
        shards: Number of the shard of each image, int64 (N,); None if they are not in shards.

    Yields:
        The events of `loop.Trainer`.
    """
    scaled_by = train_indices[:: -(-len(train_indices) // MAX_SCALING_IMAGES)]
    mean, std = map(torch.from_numpy, fit_unit_scaling(embeddings[scaled_by]))
    target = network.get_submodule(HEAD).linear
    device = target.weight.device
    mean, std = mean.to(device), std.to(device)
    layer = copy.deepcopy(target)
    fold_standardisation(layer, mean, std, target=target)
    load = _scale_rows(embeddings, mean, std)
    trainable = TrainableModel(
        model=layer,
        change_meter=WeightChangeMeter(network, strategy.frozen),
        set_training=layer.train,
        finish_epoch=lambda: None,
        synchronise=lambda: fold_standardisation(layer, mean, std, target=target),
        frozen_weights=_count_frozen_weights(network),
    )
    trainer = Trainer(
        trainable,
        EmbeddingLoader(load, labels, train_indices, validation_indices, shards),
        strategy.optimiser,
        seed=seed,
        class_weights=class_weights,
        stop_requested=stop_requested,
        checkpointer=checkpointer,
    )
    yield from trainer.train()


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
    stop_requested: Callable[[], bool],
    precision: Precision = "float32",
    channels_last: bool = True,
    compiled: bool = False,
    checkpointer: Checkpointer | None = None,
    shards: np.ndarray | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Event]:
    """Train every stage that the strategy does not freeze, in place and on the network's device.

    Args:
        network: From `surgery.adapt`.
        pixels: Pixels of all images, uint8 (N, H, W, 3).
        labels: Class indices, int64 (N,).
        train_indices: Indices of the training images.
        validation_indices: Indices of the validation images.
        strategy: The strategy that `adapt` performed.
        source: Describes the normalisation and the input size.
        seed: Draws the order of the images, their augmentation and dropout.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.
        precision: Precision of the steps; the weights are float32 always.
        channels_last: Whether the weights, and so the feature maps, have channels last in memory.
        compiled: Whether torch.compile translates the network first; not with several ranks.
        checkpointer: See `loop.Trainer`; of several ranks only the first writes.
        shards: Number of the shard of each image, int64 (N,); None if they are not in shards.
        ranks: That train together, connected: each calls this with its own copy of the network,
            and ends with the same weights.

    Yields:
        The events of `loop.Trainer`.
    """
    if channels_last:
        network.to(memory_format=torch.channels_last)
    if compiled:
        network.compile()  # in place, so that its weights keep their names
    ranks.align(network)
    optimiser, device = strategy.optimiser, get_device(network)
    indices = train_indices, validation_indices
    loader = PixelLoader(
        pixels, labels, *indices, source, optimiser.augment, optimiser.mirror, device, shards, ranks
    )
    refreshed = choose_statistics_batches(train_indices, loader.eval_batch_size)
    trainable = TrainableModel(
        model=network,
        change_meter=WeightChangeMeter(network, strategy.frozen),
        set_training=lambda: set_train_mode_except_frozen(
            network, strategy.frozen, freeze_batch_norm=optimiser.freeze_batch_norm
        ),
        finish_epoch=lambda: refresh_statistics(network, loader.load_eval_batches(refreshed)),
        synchronise=lambda: None,
        frozen_weights=_count_frozen_weights(network),
        ranks=ranks,
    )
    trainer = Trainer(
        trainable,
        loader,
        optimiser,
        seed=seed,
        class_weights=class_weights,
        stop_requested=stop_requested,
        precision=precision,
        compiled=compiled,
        checkpointer=checkpointer,
    )
    yield from trainer.train()


def _scale_rows(
    embeddings: np.ndarray | JoinedRows, mean: torch.Tensor, std: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function from indices, int64 (B,), to scaled rows of embeddings, float32 (B, D)."""
    if embeddings.nbytes <= MAX_HELD_BYTES:
        held = (copy_to_device(embeddings, mean.device) - mean) / std
        return lambda indices: held[indices]

    def load(indices: torch.Tensor) -> torch.Tensor:
        rows = torch.from_numpy(embeddings[indices.numpy()])
        return rows.to(mean.device).sub_(mean).div_(std)

    return load


@torch.no_grad()
def fold_standardisation(
    layer: nn.Linear, mean: torch.Tensor, std: torch.Tensor, *, target: nn.Linear
) -> None:
    """Write into `target` the weights that give layer((x - mean) / std) for x."""
    target.weight.copy_(layer.weight / std)
    target.bias.copy_(layer.bias - target.weight @ mean)


def choose_statistics_batches(train_indices: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return batches of at most 512 training images, on which batch norm is measured."""
    count = min(len(train_indices), MAX_STATISTICS_IMAGES)
    chosen = np.unique(np.linspace(0, len(train_indices) - 1, count).astype(int))
    return np.array_split(train_indices[chosen], count_batches(count, batch_size))


def _count_frozen_weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if not p.requires_grad)

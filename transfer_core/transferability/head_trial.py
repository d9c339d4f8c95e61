"""Try the new layer's settings: train it on cached embeddings as a run of case 1 does.

Everything comes from the functions that a run uses, so a trial on all images of all classes ends
with the numbers of the run with these settings. Test images are in no trial.
"""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transfer_core.cases import HEAD_SETTINGS, Strategy, TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import RunError
from transfer_core.networks import HEAD, SourceNetwork, draw_head, get_network
from transfer_core.system import Progress, choose_device
from transfer_core.training import (
    Ended,
    EpochEnded,
    compute_class_weights,
    compute_wilson_interval,
    train_head,
)
from transfer_core.transferability.estimate import draw_sample
from transfer_core.transferability.sample_embedding import embed_sample

SEED = 0  # of trials, as of a first run


@dataclass(frozen=True, slots=True)
class HeadTrial:
    """What a trial changes; the defaults are those of a run of case 1."""

    learning_rate: float = HEAD_SETTINGS.learning_rate
    weight_decay: float = HEAD_SETTINGS.weight_decay
    epochs: int = HEAD_SETTINGS.epochs
    classes: int | None = None  # the first so many; None for all
    images_per_class: int | None = None  # training images of each class at most; None for all
    missing_class: int | None = None  # index of the class without any training image

    @property
    def takes_all_images(self) -> bool:
        """Whether it learns from all images, so that a run can do the same."""
        return (self.classes, self.images_per_class, self.missing_class) == (None, None, None)


@dataclass(frozen=True, eq=False)
class HeadImages:
    """Embeddings of the training and validation images of a data set, as the head reads them."""

    source: SourceNetwork
    class_names: tuple[str, ...]
    embeddings: np.ndarray  # float32 (N, D)
    labels: np.ndarray  # class indices, int64 (N,)
    train: np.ndarray  # indices of the training images, int64, ascending
    validation: np.ndarray  # indices of the validation images, int64, ascending
    is_sample: bool  # whether the data set holds more images than these

    @property
    def train_counts(self) -> np.ndarray:
        """Training images of each class, int64 (C,)."""
        return np.bincount(self.labels[self.train], minlength=len(self.class_names))


@dataclass(frozen=True, slots=True)
class HeadTrialResult:
    """The curves of a trial and where they end."""

    trial: HeadTrial
    class_names: tuple[str, ...]  # of the classes that took part
    train_counts: tuple[int, ...]  # training images of each class
    validation_counts: tuple[int, ...]  # validation images of each class
    epochs: tuple[EpochEnded, ...]
    ended: Ended | None  # None if the training diverged and left nothing
    correct: tuple[int, ...]  # validation images of each class that the kept weights get right

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the weights that a run keeps, in [0, 1]; 0 if it kept none."""
        return self.ended.validation_accuracy if self.ended else 0.0

    @property
    def kept(self) -> EpochEnded | None:
        """The epoch whose weights a run keeps; None if it kept none."""
        return self.epochs[(self.ended.best_epoch or 0) - 1] if self.ended else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return compute_wilson_interval(sum(self.correct), sum(self.validation_counts))


def plan_new_layer(source: SourceNetwork, trial: HeadTrial | None = None) -> Strategy:
    """Return case 1 on a network, with the settings of a trial."""
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    if trial is None:
        return strategy
    optimiser = replace(
        strategy.optimiser,
        learning_rate=trial.learning_rate,
        weight_decay=trial.weight_decay,
        epochs=trial.epochs,
    )
    return replace(strategy, optimiser=optimiser)


def load_head_images(
    data_set: DataSet, source: SourceNetwork, home: Path, progress: Progress
) -> HeadImages:
    """Embed the images to learn from, at most 2,000, or take the embeddings from the cache.

    Args:
        data_set: The images.
        source: The network; its pre-trained weights must be on this machine.
        home: The data folder, with the cache of embeddings.
        progress: Called with the work, images done and total; may raise to cancel.
    """
    chosen, top = draw_sample(data_set), plan_new_layer(source).keep_through
    embeddings = embed_sample(data_set, source, home, chosen, progress, (top,))[top]
    is_training = np.array([data_set.records[index].split == "train" for index in chosen])
    tests = len(data_set.indices("test"))
    return HeadImages(
        source,
        data_set.classes,
        embeddings,
        data_set.labels[chosen],
        np.flatnonzero(is_training),
        np.flatnonzero(~is_training),
        is_sample=len(chosen) + tests < len(data_set.records),
    )


def select_images(images: HeadImages, trial: HeadTrial) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the training and the validation images of a trial, ascending.

    More images of each class are always the fewer ones and some more.
    """
    classes = trial.classes or len(images.class_names)
    train, validation = (
        part[images.labels[part] < classes] for part in (images.train, images.validation)
    )
    train = train[images.labels[train] != trial.missing_class]
    if trial.images_per_class is not None:
        order = np.random.default_rng(SEED).permutation(train)
        train = np.concatenate(
            [
                order[images.labels[order] == each][: trial.images_per_class]
                for each in range(classes)
            ]
        )
    return np.sort(train), validation


def try_head(images: HeadImages, trial: HeadTrial) -> HeadTrialResult:
    """Train the new layer with the settings and images of a trial."""
    classes = trial.classes or len(images.class_names)
    train, validation = select_images(images, trial)
    strategy = plan_new_layer(images.source, trial)
    head = copy.deepcopy(_draw_head(images.source.name, images.source.input_size, classes))
    network = nn.Sequential(OrderedDict({HEAD: head})).to(choose_device())
    training = train_head(
        network,
        images.embeddings,
        images.labels,
        train,
        validation,
        replace(strategy, frozen=()),  # the frozen stages are not here; their outputs are
        seed=SEED,
        class_weights=_weight_classes(images.labels[train], classes),
        stop_requested=lambda: False,
    )
    epochs, ended = [], None
    try:
        for event in training:
            if isinstance(event, EpochEnded):
                epochs.append(event)
            elif isinstance(event, Ended):
                ended = event
    except RunError:  # diverged: the curves say so
        pass
    return HeadTrialResult(
        trial,
        images.class_names[:classes],
        _count(images.labels[train], classes),
        _count(images.labels[validation], classes),
        tuple(epochs),
        ended,
        _count_correct(network, images, validation, classes) if ended else (0,) * classes,
    )


@lru_cache(maxsize=64)
def _draw_head(network: str, input_size: int, classes: int) -> nn.Sequential:
    """Draw the head that a run starts with; half a second of a large network is spent once."""
    source = get_network(network).with_input_size(input_size)
    return draw_head(source, plan_new_layer(source), classes, SEED)


def _weight_classes(labels: np.ndarray, classes: int) -> torch.Tensor | None:
    """Weigh classes as a run does; a class without images, which no run has, weighs 1."""
    present, own = np.unique(labels, return_inverse=True)
    weights = compute_class_weights(own, len(present))
    if weights is None or len(present) == classes:
        return weights
    all_weights = torch.ones(classes)
    all_weights[torch.from_numpy(present)] = weights
    return all_weights


@torch.inference_mode()
def _count_correct(
    network: nn.Sequential, images: HeadImages, validation: np.ndarray, classes: int
) -> tuple[int, ...]:
    layer, labels = network.get_submodule(HEAD).linear, images.labels[validation]
    features = torch.from_numpy(images.embeddings[validation]).to(layer.weight.device)
    predicted = layer(features).argmax(1).cpu().numpy()
    return _count(labels[predicted == labels], classes)


def _count(labels: Sequence[int], classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())

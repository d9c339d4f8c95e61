"""Train whole networks on the draws of `enough_images`: case 3, and case 4 from random weights."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transfer_core.cases import HEAD_SETTINGS, Strategy, list_strategies
from transfer_core.dataset import DataSet, PixelArray, find_burst
from transfer_core.networks import HEAD, SourceNetwork, adapt, list_kept_stages
from transfer_core.system import Progress, StopRequested, choose_device
from transfer_core.timing import TimeRange, forecast_run
from transfer_core.training import (
    Ended,
    EpochEnded,
    choose_step_format,
    train_head,
    train_whole_network,
)
from transfer_core.transferability.enough_images import CurvePoint, Draw
from transfer_core.transferability.estimate import draw_sample, load_known_evidence
from transfer_core.transferability.grouped_folds import group_near_duplicates, join_bursts
from transfer_core.transferability.head_trial import plan_new_layer
from transfer_core.transferability.sample_embedding import embed_sample

WHOLE_NETWORK_KEYS = ("3", "4-random")  # of `cases.list_strategies`


@dataclass(frozen=True, eq=False)
class EnoughImages:
    """The images to learn from of a data set, at most 2,000, and what a network makes of them."""

    data_set: DataSet
    source: SourceNetwork
    chosen: np.ndarray  # indices of the images in the data set, int64 (N,), ascending
    embeddings: np.ndarray  # what the head of case 1 reads, float32 (N, D)
    labels: np.ndarray  # class indices, int64 (N,)
    groups: np.ndarray  # group of near-duplicates of each image, int (N,)
    mirror: bool  # whether half of the images may be mirrored, as far as it was measured


def load_enough_images(
    data_set: DataSet, source: SourceNetwork, home: Path, progress: Progress
) -> EnoughImages:
    """Embed the training and validation images, or take the embeddings from the cache.

    Args:
        data_set: The images.
        source: The network; its pre-trained weights must be on this machine.
        home: The data folder, with the caches.
        progress: Called with the work, images done and total; may raise to cancel.
    """
    chosen, top = draw_sample(data_set), plan_new_layer(source).keep_through
    pixels = PixelArray(home, data_set, source.transform).read(chosen, progress)
    records = [data_set.records[index] for index in chosen]
    duplicates = group_near_duplicates(pixels, [record.digest for record in records])
    groups = join_bursts(duplicates, [find_burst(record.path) for record in records])
    embeddings = embed_sample(data_set, source, home, chosen, progress, (top,))[top]
    evidence = load_known_evidence(data_set, source, home)
    mirror = evidence is None or evidence.is_flip_invariant
    labels = data_set.labels[chosen]
    return EnoughImages(data_set, source, chosen, embeddings, labels, groups, mirror)


def get_strategy(images: EnoughImages, key: str) -> Strategy:
    """Return a way to train, with the settings that a run starts with."""
    strategies = list_strategies(images.source.stage_names, images.source.kind)
    return strategies[key].with_mirror(images.mirror)


def forecast_draws(
    images: EnoughImages, home: Path, jobs: Sequence[tuple[str, Draw]], *, may_measure: bool
) -> TimeRange:
    """Return the seconds that trainings will take; see `timing.forecast_run`.

    Args:
        images: From `load_enough_images`.
        home: The data folder.
        jobs: As for `train_draws`.
        may_measure: Whether a few batches may be timed now, which takes seconds.

    Raises:
        BusyError: If nothing was measured before, and may not be or a run trains.
    """
    total, known = TimeRange(0.0, 0.0), {}
    for key, draw in jobs:
        kind = key, draw.images_per_class
        if kind not in known:
            data_set, strategy = _make_data_set(images, draw), get_strategy(images, key)
            forecast = forecast_run(
                data_set, images.source, strategy, home, may_measure=may_measure
            )
            known[kind] = forecast.training + forecast.validation
        total += known[kind]
    return total


def train_draws(
    images: EnoughImages,
    home: Path,
    jobs: Sequence[tuple[str, Draw]],
    stop_requested: StopRequested,
) -> Iterator[CurvePoint]:
    """Train on draws in their order; a training that is stopped gives no point.

    The accuracy is that of the last epoch on the images held out, so that nothing is chosen by
    the images that it is measured on.

    Args:
        images: From `load_enough_images`.
        home: The data folder.
        jobs: Key of the strategy, one of `WHOLE_NETWORK_KEYS`, and the draw.
        stop_requested: Asked between batches.
    """
    pixels = PixelArray(home, images.data_set, images.source.transform)
    for key, draw in jobs:
        if stop_requested():
            return
        began = time.perf_counter()
        accuracy = _train(images, pixels, key, draw, stop_requested)
        if accuracy is not None:
            yield draw.make_point(key, accuracy, time.perf_counter() - began)


def _train(
    images: EnoughImages,
    pixels: PixelArray,
    key: str,
    draw: Draw,
    stop_requested: StopRequested,
) -> float | None:
    strategy, source = get_strategy(images, key), images.source
    classes, device = len(images.data_set.classes), choose_device()
    network = adapt(source, strategy, classes, draw.number).to(device)
    if strategy.optimiser.train_head_first:
        _train_head_first(images, network, draw, strategy)
    step_format = choose_step_format(source, device)
    training = train_whole_network(
        network,
        pixels,
        images.data_set.labels,
        images.chosen[draw.train],
        images.chosen[draw.held_out],
        strategy,
        source,
        seed=draw.number,
        class_weights=None,
        stop_requested=stop_requested,
        precision=step_format.precision,
        channels_last=step_format.channels_last,
    )
    accuracy = None
    for event in training:
        if isinstance(event, EpochEnded):
            accuracy = event.validation_accuracy
        elif isinstance(event, Ended):
            if event.reason == "stopped":
                return None
            if strategy.optimiser.interpolation < 1:  # of the weights after mixing
                accuracy = event.validation_accuracy
    return accuracy


def _train_head_first(images: EnoughImages, network, draw: Draw, strategy: Strategy) -> None:
    """Train the head alone on the draw's embeddings, and put it into the network."""
    frozen = list_kept_stages(images.source, strategy)
    alone = replace(strategy, frozen=frozen, optimiser=HEAD_SETTINGS)
    classes = len(images.data_set.classes)
    adapted = adapt(images.source, alone, classes, draw.number).to(choose_device())
    training = train_head(
        adapted,
        images.embeddings,
        images.labels,
        draw.train,
        draw.held_out,
        alone,
        seed=draw.number,
        class_weights=None,
        stop_requested=lambda: False,
    )
    for _ in training:
        pass
    network.get_submodule(HEAD).load_state_dict(adapted.get_submodule(HEAD).state_dict())


def _make_data_set(images: EnoughImages, draw: Draw) -> DataSet:
    """Return the draw as a data set whose validation images are those held out."""
    records = [
        replace(images.data_set.records[images.chosen[index]], split=split)
        for part, split in ((draw.train, "train"), (draw.held_out, "validation"))
        for index in part
    ]
    return replace(images.data_set, records=tuple(records))

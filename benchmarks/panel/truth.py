"""Measure the truth: train every case on the same images and test it."""

import time
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from benchmarks.panel.embeddings import EmbeddedPool
from benchmarks.panel.pools import Pool
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.features import embed
from transfer_core.networks import HEAD, SourceNetwork, adapt, load_pretrained
from transfer_core.system import choose_precision
from transfer_core.training import predict_logits, train_head, train_whole_network
from transfer_core.transferability import TransferabilityEvidence, stratify_order

MAX_TEST_IMAGES = 1_000  # images at most
VALIDATION_SHARE = 0.25  # of the images that are not for testing


def draw_split(pool: Pool, images: int, seed: int) -> dict[str, np.ndarray] | None:
    """Split a pool into training, validation and test images; None if it has too few.

    Args:
        pool: The pool to draw from.
        images: Number of training and validation images together.
        seed: Draws the images, equally many of every class if there are enough.
    """
    shuffled = np.random.default_rng(seed).permutation(len(pool.labels))
    order = stratify_order(shuffled, pool.labels)
    test = min(MAX_TEST_IMAGES, len(order) - images)
    if test < 50:
        return None
    validation = round(VALIDATION_SHARE * images)
    parts = np.split(order[: images + test], [validation, images])
    return dict(zip(("validation", "train", "test"), map(np.sort, parts), strict=True))


def measure_cases(
    pool: Pool, images: int, seed: int, source: SourceNetwork, evidence: TransferabilityEvidence
) -> dict | None:
    """Measure the test accuracy of every case.

    Args:
        pool: The pool to draw from.
        images: Number of training and validation images together.
        seed: Draws the images and the new weights.
        source: The network to transfer from.
        evidence: Measurements on the same images; they decide whether training images are flipped.

    Returns:
        "cuts": accuracy by last kept stage, the last one is case 1. "tuned": case 3, and case 4
        from pre-trained weights. "random": case 4 from random weights. Seconds of each. None if
        the pool has too few images.
    """
    split = draw_split(pool, images, seed)
    if split is None:
        return None
    chosen = np.concatenate(list(split.values()))
    where = {index: place for place, index in enumerate(chosen)}
    parts = {name: np.array([where[i] for i in part]) for name, part in split.items()}
    pixels, labels = pool.pixels[chosen], pool.labels[chosen]
    classes, began = int(pool.labels.max()) + 1, time.perf_counter()
    embeddings = embed(load_pretrained(source), pixels, source, source.stage_names[:-1])
    cuts = _train_heads(embeddings, labels, parts, source, seed)
    row = {"cuts": cuts, "frozen_seconds": time.perf_counter() - began}
    for name, case in (("tuned", 3), ("random", 4)):
        began = time.perf_counter()
        strategy = plan_strategy(TransferCase(case), source.stage_names, kind=source.kind)
        flips = replace(strategy.optimiser, mirror=evidence.is_flip_invariant)
        strategy = replace(strategy, optimiser=flips)
        network = adapt(source, strategy, classes, seed)
        arguments = _build_training_arguments(labels, parts, strategy, seed)
        precision = choose_precision()
        _exhaust(
            train_whole_network(network, pixels, source=source, precision=precision, **arguments)
        )
        outputs = predict_logits(network, pixels[parts["test"]], source)
        row[name] = _compute_accuracy(outputs, labels[parts["test"]])
        row[f"{name}_seconds"] = time.perf_counter() - began
    return row | {"classes": classes, "test_images": len(parts["test"])}


def measure_frozen_cases(
    embedded: EmbeddedPool, images: int, seed: int, source: SourceNetwork
) -> dict | None:
    """Measure the test accuracy of cases 1 and 2 only; see `measure_cases`."""
    split = draw_split(embedded.pool, images, seed)
    if split is None:
        return None
    kept = {name: embedded.embeddings[name] for name in source.stage_names[:-1]}
    cuts = _train_heads(kept, embedded.pool.labels, split, source, seed)
    return {"cuts": cuts, "test_images": len(split["test"])}


def _train_heads(
    embeddings: dict[str, np.ndarray],
    labels: np.ndarray,
    parts: dict[str, np.ndarray],
    source: SourceNetwork,
    seed: int,
) -> dict[str, float]:
    """Return the test accuracy of a head after each kept stage; the last one is case 1."""
    cuts = {}
    for stage, features in embeddings.items():
        strategy = plan_strategy(
            TransferCase.SMALL_DIFFERENT, source.stage_names, kind=source.kind, cut=stage
        )
        adapted = adapt(source, strategy, int(labels.max()) + 1, seed)
        # Without its frozen stages, whose weights would be compared after every epoch.
        network = nn.Sequential(OrderedDict({HEAD: adapted.get_submodule(HEAD)}))
        arguments = _build_training_arguments(labels, parts, strategy, seed)
        _exhaust(train_head(network, features, **arguments))
        with torch.inference_mode():
            test = torch.from_numpy(features[parts["test"]])
            outputs = network.get_submodule(HEAD).linear(test)
        cuts[stage] = _compute_accuracy(outputs, labels[parts["test"]])
    return cuts


def _build_training_arguments(
    labels: np.ndarray, parts: dict[str, np.ndarray], strategy: Strategy, seed: int
):
    return {
        "labels": labels,
        "train_indices": parts["train"],
        "validation_indices": parts["validation"],
        "strategy": strategy,
        "seed": seed,
        "class_weights": None,
        "stop_requested": lambda: False,
    }


def _exhaust(events) -> None:
    for _ in events:
        pass


def _compute_accuracy(outputs: torch.Tensor, labels: np.ndarray) -> float:
    return (outputs.argmax(1).numpy() == labels).mean().item()

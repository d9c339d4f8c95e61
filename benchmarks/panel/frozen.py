"""Measure the options that train a new layer only: cross-validated, and tested as a run is."""

import numpy as np
import torch

from benchmarks.panel.embeddings import EmbeddedPool
from benchmarks.panel.splits import Split
from transfer_core.features import fit_unit_scaling
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import (
    ALL_STAGES,
    MAX_REPEATED_IMAGES,
    REPEATS,
    CrossValidated,
    assign_grouped_folds,
    compute_leep,
    compute_skill,
    group_near_duplicates,
    log_distance,
    train_heads,
)

THUMBNAIL_SIZE = 16  # pixels a side


def measure_frozen(embedded: EmbeddedPool, split: Split, source: SourceNetwork) -> dict:
    """Cross-validate and test the new layer after each stage, and after all together.

    Returns:
        "cross_validated" and "test": accuracy by what the layer reads; "independent_images" of
        those to learn from; "predictors": the inputs of the calibration models.
    """
    pool, learn = embedded.pool, split.learn
    pixels, labels = np.asarray(pool.pixels[learn]), pool.labels[learn]
    groups = group_near_duplicates(pixels, [str(index) for index in learn])
    kept = {name: embedded.embeddings[name] for name in source.stage_names[:-1]}
    rows, scores, tested = np.concatenate([learn, split.test]), {}, {}
    for name in (*kept, ALL_STAGES):
        stages = list(kept) if name == ALL_STAGES else [name]
        features = np.concatenate([kept[stage][rows] for stage in stages], axis=1)
        scores[name], tested[name] = _measure_layer(features, split, pool.labels, groups)
    compared = [values[learn] for values in embedded.untrained.values()]
    without = [
        _measure_layer(features, split, pool.labels, groups, is_tested=False)[0]
        for features in (*compared, _make_thumbnails(pixels))
    ]
    leep = compute_leep(
        embedded.embeddings[source.stage_names[-1]][learn],
        labels,
        assign_grouped_folds(labels, groups, seed=0),
    ).mean()
    images = len(np.unique(groups))
    early = list(source.early)
    distance = embedded.distances.get(early[-1])
    return {
        "network": source.name,
        "weights": source.weights_hash,
        "pool": pool.name,
        "family": pool.family,
        "classes": int(pool.labels.max()) + 1,
        "images": len(learn),
        "independent_images": images,
        "test_images": len(split.test),
        "cross_validated": {name: round(each.accuracy(), 5) for name, each in scores.items()},
        "test": tested,
        "predictors": {
            name: round(float(value), 5)
            for name, value in list_predictors(scores, without, early, leep, distance).items()
        },
    }


def list_predictors(
    scores: dict[str, CrossValidated],
    without: list[CrossValidated],
    early: list[str],
    leep: float,
    distance: float | None,
) -> dict[str, float]:
    """Return what `TransferabilityEvidence` and `list_forecast_predictors` make of the same.

    "best" is missing: it needs all data sets.

    Args:
        scores: By what the layer reads: each kept stage, input to output, then all.
        without: Without pre-training: stages with random weights, and bare pixels.
        early: Names of the early stages.
        leep: Share of the labels' information in the source classes.
        distance: Batch-norm shift of the last early stage, in nats; None without.
    """
    balanced = {name: each.balanced_accuracy() for name, each in scores.items()}
    *stages, _ = scores
    top, best = stages[-1], max(balanced[name] for name in stages)
    labels = scores[top].labels
    classes = len(np.unique(labels))
    return {
        "log_per_class": np.log(len(labels) / classes),
        "log_classes": np.log(classes),
        "log_images": np.log(len(labels)),
        "gap": 100 * (max(balanced[name] for name in early) - balanced[top]),
        "gain": 100 * (best - max(each.balanced_accuracy() for each in without)),
        "leep": leep,
        "skill": compute_skill(best, classes),
        **({} if distance is None else {"log_distance": log_distance(distance)}),
    }


def _measure_layer(
    features: np.ndarray,
    split: Split,
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    is_tested: bool = True,
) -> tuple[CrossValidated, float | None]:
    """Return the cross-validated layer, and the test accuracy of a run's layer.

    Args:
        features: Of the images to learn from, then of the test images, float32 (N, D).
        split: The data set.
        labels: Of the whole pool.
        groups: Of the images to learn from.
        is_tested: Whether a run's layer is trained and tested.
    """
    learn = split.learn
    own = labels[learn]
    mean, divisor = fit_unit_scaling(features[: len(learn)])
    scaled = torch.from_numpy((features - mean) / divisor)
    kernel = scaled[: len(learn)] @ scaled[: len(learn)].T
    repeats = REPEATS if len(learn) <= MAX_REPEATED_IMAGES else 1
    folds = [assign_grouped_folds(own, groups, seed=repeat) for repeat in range(repeats)]
    held_out = np.stack([each == fold for each in folds for fold in np.unique(each)])
    trained = np.concatenate([~held_out, np.isin(learn, split.train)[None]])
    heads = train_heads(kernel, own, trained)
    right = (heads.predict(kernel)[:-1] == own) & held_out
    result = CrossValidated(right.sum(0) / repeats, own)
    if not is_tested:
        return result, None
    predicted = heads.predict(scaled[len(learn) :] @ scaled[: len(learn)].T)[-1]
    return result, round(float((predicted == labels[split.test]).mean()), 5)


def _make_thumbnails(pixels: np.ndarray) -> np.ndarray:
    step = max(1, pixels.shape[1] // THUMBNAIL_SIZE)
    return pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32)

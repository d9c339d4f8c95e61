"""Take all transferability measurements of a sample of images, before anything is trained."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import torch

from transfer_core.features import embed
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, build_untrained, load_pretrained
from transfer_core.system import Progress, ignore_progress, rename_progress
from transfer_core.transferability.batchnorm_shift import (
    measure_batchnorm_shift,
    select_early_distance,
)
from transfer_core.transferability.bootstrap import Bootstrap, draw_predictors
from transfer_core.transferability.evidence import (
    DECIMALS,
    ReportStage,
    StageEvidence,
    TransferabilityEvidence,
)
from transfer_core.transferability.flip_invariance import (
    choose_images_to_flip,
    measure_flip_invariance,
)
from transfer_core.transferability.grouped_folds import (
    assign_grouped_folds,
    group_near_duplicates,
    join_bursts,
)
from transfer_core.transferability.head_cross_validation import (
    CrossValidated,
    compute_kernel,
    cross_validate_head,
)
from transfer_core.transferability.learning_curve import measure_learning_curve
from transfer_core.transferability.leep import compute_energy, compute_leep
from transfer_core.transferability.stage_scores import StageScores

MIN_IMAGES_TO_LEARN = 20  # images; with fewer, neither learning curve nor flips are measured
MAX_SHIFT_IMAGES = 32  # for the batch-norm shift of a large network
THUMBNAIL_SIZE = 16  # pixels a side of the images for the new layer on bare pixels


def measure_transferability(
    pixels: np.ndarray,
    labels: np.ndarray,
    digests: list[str],
    source: SourceNetwork,
    *,
    bursts: Sequence[str | None] | None = None,
    embeddings: dict[str, np.ndarray] | None = None,
    progress: Progress = ignore_progress,
    report_stage: ReportStage | None = None,
) -> TransferabilityEvidence:
    """Measure a network on a sample of labelled images.

    Everything is computed in float32 and rounded, so that every machine measures the same.

    Args:
        pixels: uint8, shape (N, H, W, 3).
        labels: Class indices from 0, every class present, int64 (N,).
        digests: Hash of each image's content.
        source: The network; its pre-trained weights must be on this machine.
        bursts: Burst of each image, whose frames are cross-validated together; None for an
            image of none.
        embeddings: Output of every stage, float32 (N, D) by stage; None computes them.
        progress: Called with the name of the step, done and total; may raise to cancel.
        report_stage: Called with each stage as soon as it is measured, the top stage first.
    """
    bursts, network = bursts or [None] * len(labels), load_pretrained(source)
    near_duplicates = group_near_duplicates(pixels, digests)
    groups = join_bursts(near_duplicates, bursts)
    if embeddings is None:
        embeddings = embed(network, pixels, source, source.stage_names, progress=progress)
    distances = _measure_distances(network, pixels, source)
    untrained = _embed_untrained(pixels, source, progress) if is_quick(source) else {}
    evidence = summarise_embeddings(
        embeddings,
        pixels,
        labels,
        groups,
        source,
        untrained,
        distances,
        progress=progress,
        report_stage=report_stage,
    )
    evidence = replace(
        evidence, num_near_duplicates=_count_near_duplicates(near_duplicates, bursts)
    )
    if evidence.learning_curve is None:
        return evidence
    folds, best = assign_grouped_folds(labels, groups, seed=0), evidence.best_stage.stage
    flipped = pixels[choose_images_to_flip(folds), :, ::-1]
    progress = rename_progress(progress, _("Embedding mirror images"))
    flipped_features = embed(network, flipped, source, (best,), progress=progress)[best]
    return replace(
        evidence,
        flip_invariance=measure_flip_invariance(embeddings[best], flipped_features, labels, folds),
    )


def is_quick(source: SourceNetwork) -> bool:
    """Whether a network is so small that everything is measured on every image.

    Of other networks, the one with random weights is not measured, and the batch-norm shift is
    measured on a few images: together they would take four times as long as the rest.
    """
    return source.library == "demonstration"


def summarise_embeddings(
    embeddings: dict[str, np.ndarray],
    pixels: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[Hashable],
    source: SourceNetwork,
    untrained: dict[str, np.ndarray],
    distances: dict[str, float],
    *,
    progress: Progress = ignore_progress,
    report_stage: ReportStage | None = None,
) -> TransferabilityEvidence:
    """Measure embeddings; all that `measure_transferability` does but the mirror images.

    Args:
        embeddings: Output of every stage of the pre-trained network, float32 (N, D) by stage.
        pixels: uint8, shape (N, H, W, 3).
        labels: Class indices from 0, every class present, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        source: The network.
        untrained: The same of the kept stages with random weights; empty if not measured.
        distances: Batch-norm shift in nats by stage.
        progress: Called with the name of the step, done and total; may raise to cancel.
        report_stage: Called with each stage as soon as it is measured, the top stage first.
    """
    folds, early = assign_grouped_folds(labels, groups, seed=0), len(source.early)
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
    among_images = Bootstrap(labels, numbers, vary_classes=False)
    scores = StageScores(source, among_images, distances, report_stage)
    scores.measure(embeddings, labels, groups, progress)
    random = [_score_once(values, labels, groups) for values in untrained.values()]
    bare = _score_once(_make_thumbnails(pixels), labels, groups)
    leep = compute_leep(embeddings[source.stage_names[-1]], labels, folds)
    stages = scores.describe(random)
    evidence = TransferabilityEvidence(
        **_count_images(labels, groups),
        independent_images=among_images.independent_images,
        stages=stages,
        all_stages=scores.describe_together(),
        early=early,
        draws=draw_predictors(
            Bootstrap(labels, numbers, vary_classes=True),
            scores.kept,
            early,
            [*random, bare],
            leep,
        ),
        distance=select_early_distance(distances, source.early),
        leep=_round(leep.mean()),
        energy=_round(compute_energy(embeddings[source.stage_names[-1]])),
        pixels=_round(bare.balanced_accuracy()),
        best_cut=_choose_best_cut(stages[:early], scores.kept[:early], among_images),
    )
    if evidence.images < MIN_IMAGES_TO_LEARN or evidence.min_images_per_class < 2:
        return evidence
    best = evidence.best_stage.stage
    curve = measure_learning_curve(best, scores.kernels[best], labels, groups)
    return replace(evidence, learning_curve=curve)


def _round(value: float) -> float:
    return round(float(value), DECIMALS)


def _measure_distances(
    network: torch.nn.Sequential, pixels: np.ndarray, source: SourceNetwork
) -> dict[str, float]:
    """Return the batch-norm shift of each stage in nats."""
    if not is_quick(source):
        pixels = pixels[choose_shift_images(pixels)]
    distances = measure_batchnorm_shift(network, pixels, source)
    return {name: _round(value) for name, value in distances.items()}


def _count_near_duplicates(groups: np.ndarray, bursts: Sequence[str | None]) -> int:
    """Count images that nearly repeat another one; the split keeps those of a burst together."""
    alone = groups[[burst is None for burst in bursts]]
    return len(alone) - len(np.unique(alone))


def choose_shift_images(pixels: np.ndarray) -> np.ndarray:
    """Return the indices of the images on which the shift of a large network is measured."""
    return np.unique(np.linspace(0, len(pixels) - 1, MAX_SHIFT_IMAGES).astype(int))


def _count_images(labels: np.ndarray, groups: Sequence[Hashable]) -> dict[str, int]:
    return {
        "images": len(labels),
        "num_near_duplicates": len(labels) - len(np.unique(groups)),
        "classes": int(labels.max()) + 1,
        "min_images_per_class": int(np.bincount(labels).min()),
    }


def _embed_untrained(
    pixels: np.ndarray, source: SourceNetwork, progress: Progress
) -> dict[str, np.ndarray]:
    """Embed images by the kept stages of the same network with random weights."""
    return embed(
        build_untrained(source, num_classes=len(source.card["classes"]), seed=0),
        pixels,
        source,
        source.stage_names[:-1],
        progress=rename_progress(progress, _("Embedding them with random weights, to compare")),
    )


def _score_once(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[Hashable]
) -> CrossValidated:
    return cross_validate_head(compute_kernel(features), labels, groups, repeats=1)


def _make_thumbnails(pixels: np.ndarray) -> np.ndarray:
    """Every so many pixels, about 16 x 16 of each image, float32 (N, D)."""
    step = max(1, pixels.shape[1] // THUMBNAIL_SIZE)
    return pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32)


def _choose_best_cut(
    stages: tuple[StageEvidence, ...], scores: list[CrossValidated], bootstrap: Bootstrap
) -> str:
    """The deepest early stage within one standard error of the best one."""
    draws = bootstrap.resample_accuracies(scores)  # (B, early stages)
    best = max(range(len(stages)), key=lambda i: stages[i].accuracy)
    for index in reversed(range(len(stages))):
        error = (draws[:, best] - draws[:, index]).std()
        if stages[best].accuracy - stages[index].accuracy <= error + 10**-DECIMALS:
            return stages[index].stage
    return stages[best].stage

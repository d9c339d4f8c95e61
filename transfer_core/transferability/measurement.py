"""Take all readings of a sample of the new images, before anything is trained."""

import numpy as np

from transfer_core.features.embedding import embed
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.networks.weights_file import build_untrained, load_pretrained
from transfer_core.system.parallel import Progress, ignore_progress, rename_progress
from transfer_core.transferability.batchnorm_shift import (
    record_batchnorm_statistics,
    select_early_distance,
)
from transfer_core.transferability.cross_validation import assign_grouped_folds
from transfer_core.transferability.evidence import StageEvidence, TransferabilityEvidence
from transfer_core.transferability.flip_invariance import (
    choose_images_to_flip,
    measure_flip_invariance,
)
from transfer_core.transferability.learning_curve import measure_learning_curve
from transfer_core.transferability.leep import compute_energy, compute_leep
from transfer_core.transferability.near_copies import group_near_duplicates
from transfer_core.transferability.probes import ProbeResult, compute_kernel, cross_validate_probe

BOOTSTRAP_SAMPLES = 200  # bootstrap
MIN_IMAGES_TO_LEARN = 20  # images outside the folds scored on, below which no curve is drawn
THUMBNAIL_SIZE = 16  # pixels a side, of what the probe on bare pixels sees


def measure_transferability(
    pixels: np.ndarray,
    labels: np.ndarray,
    digests: list[str],
    source: SourceNetwork,
    *,
    progress: Progress = ignore_progress,
) -> TransferabilityEvidence:
    """Take every reading.

    Args:
        pixels: uint8, shape (N, H, W, 3).
        labels: Class indices from 0, every class present, int64 (N,).
        digests: Of each image's content.
        source: The network, with pre-trained weights.
        progress: Called with what is done, done and total; may raise to end the work.
    """
    groups, network = group_near_duplicates(pixels, digests), load_pretrained(source)
    folds = assign_grouped_folds(labels, groups, seed=0)
    kept = source.stage_names[:-1]
    with record_batchnorm_statistics(network) as shift:
        embeddings = embed(
            network,
            pixels,
            source,
            source.stage_names,
            progress=progress,
        )
    distances = shift()
    untrained = embed(
        build_untrained(source, num_classes=len(source.card["classes"]), seed=0),
        pixels,
        source,
        kept,
        progress=rename_progress(progress, "Embedding them with random weights, to compare"),
    )
    kernels, probes, compared = {}, [], []
    for number, stage in enumerate(kept):
        progress("Probing stages", number, len(kept))
        kernels[stage] = compute_kernel(embeddings[stage])
        probes.append(cross_validate_probe(kernels[stage], labels, groups))
        other = cross_validate_probe(compute_kernel(untrained[stage]), labels, groups, repeats=1)
        compared.append(other.balanced_accuracy())
    step = max(1, pixels.shape[1] // THUMBNAIL_SIZE)
    bare = pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32)
    early, draws = len(source.early), _draw_bootstrap_weights(labels)
    accuracies = np.array([[p.balanced_accuracy(w) for p in probes] for w in draws])
    gaps = np.array([_measure_gap(probes, early, folds, w) for w in draws])
    stages = _collect_stage_evidence(source, probes, compared, distances, accuracies)
    fewest, classes = int(np.bincount(labels).min()), int(labels.max()) + 1
    best = max(stages, key=lambda stage: stage.accuracy).stage
    scores = embeddings[source.stage_names[-1]]
    mirrored = embed(
        network,
        pixels[choose_images_to_flip(folds), :, ::-1],
        source,
        (best,),
        progress=rename_progress(progress, "Embedding mirror images"),
    )[best]
    learns = len(labels) >= MIN_IMAGES_TO_LEARN and fewest >= 2
    return TransferabilityEvidence(
        images=len(labels),
        num_near_duplicates=len(labels) - len(np.unique(groups)),
        classes=classes,
        min_images_per_class=fewest,
        stages=stages,
        early=early,
        gap=float(gaps.mean()),
        # Folds share training images, so the draws vary too little: widened by sqrt(2).
        gap_standard_deviation=float(gaps.std() * np.sqrt(2)),
        distance=select_early_distance(distances, source.early),
        leep=compute_leep(scores, labels, folds),
        energy=compute_energy(scores),
        pixels=cross_validate_probe(
            compute_kernel(bare), labels, groups, repeats=1
        ).balanced_accuracy(),
        best_cut=_choose_best_cut(stages[:early], accuracies[:, :early]),
        learning_curve=measure_learning_curve(best, kernels[best], labels, groups)
        if learns
        else None,
        flip_invariance=measure_flip_invariance(embeddings[best], mirrored, labels, folds)
        if learns
        else None,
    )


def _collect_stage_evidence(
    source, probes, untrained_accuracies, distances, accuracies
) -> tuple[StageEvidence, ...]:
    spread = 1.96 * np.sqrt(2) * accuracies.std(0)
    centre = [p.balanced_accuracy() for p in probes]
    return tuple(
        StageEvidence(
            stage.name,
            stage.title,
            accuracy,
            float(max(0, accuracy - s)),
            float(min(1, accuracy + s)),
            other,
            distances.get(stage.name),
        )
        for stage, accuracy, s, other in zip(
            source.stages, centre, spread, untrained_accuracies, strict=False
        )
    )


def _draw_bootstrap_weights(labels: np.ndarray) -> list[np.ndarray]:
    """Bootstrap: how often each image counts, drawn within each class."""
    generator, draws = np.random.default_rng(0), []
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(BOOTSTRAP_SAMPLES):
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        draws.append(np.bincount(chosen, minlength=len(labels)).astype(float))
    return draws


def _measure_gap(
    probes: list[ProbeResult], num_early_stages: int, folds: np.ndarray, weights: np.ndarray
) -> float:
    """By how much the best early stage beats the top; chosen and scored on different folds."""
    gaps = []
    for parity in (0, 1):
        choose, judge = weights * (folds % 2 == parity), weights * (folds % 2 != parity)
        best = max(probes[:num_early_stages], key=lambda p: p.balanced_accuracy(choose))
        gaps.append(best.balanced_accuracy(judge) - probes[-1].balanced_accuracy(judge))
    return float(np.mean(gaps))


def _choose_best_cut(stages: tuple[StageEvidence, ...], accuracies: np.ndarray) -> str:
    """The deepest early stage within one standard error of the best one."""
    best = max(range(len(stages)), key=lambda i: stages[i].accuracy)
    for index in reversed(range(len(stages))):
        error = (accuracies[:, best] - accuracies[:, index]).std()
        if stages[best].accuracy - stages[index].accuracy <= error:
            return stages[index].stage
    return stages[best].stage

"""Take all readings of a sample of the new images, before anything is trained."""

from collections.abc import Callable

import numpy as np

from transfer_core.features.embedding import embed
from transfer_core.networks.catalog import SourceNetwork
from transfer_core.networks.weights_file import build, load
from transfer_core.transferability.batchnorm_shift import depth_distance, recorded
from transfer_core.transferability.cross_validation import grouped_folds
from transfer_core.transferability.evidence import Readings, StageEvidence
from transfer_core.transferability.flip_invariance import mirroring, to_mirror
from transfer_core.transferability.learning_curve import learning_curve
from transfer_core.transferability.leep import energy, share_explained
from transfer_core.transferability.near_copies import near_copies
from transfer_core.transferability.probes import Probe, kernel, probe

DRAWS = 200  # bootstrap
ENOUGH_TO_LEARN = 20  # images outside the folds scored on, below which no curve is drawn
THUMBNAIL = 16  # pixels a side, of what the probe on bare pixels sees

Progress = Callable[[str, int, int], None]  # what is done, done, total


def read(
    pixels: np.ndarray,
    labels: np.ndarray,
    digests: list[str],
    source: SourceNetwork,
    *,
    progress: Progress | None = None,
) -> Readings:
    """Take every reading.

    Args:
        pixels: uint8, shape (N, H, W, 3).
        labels: Class indices from 0, every class present, int64 (N,).
        digests: Of each image's content.
        source: The network, with pre-trained weights.
        progress: Called with what is done, done and total; may raise to end the work.
    """
    report = progress or (lambda what, done, total: None)
    groups, network = near_copies(pixels, digests), load(source)
    folds = grouped_folds(labels, groups, seed=0)
    kept = source.stage_names[:-1]
    with recorded(network) as shift:
        embeddings = embed(
            network, pixels, source, source.stage_names,
            progress=lambda *n: report("Embedding images", *n),
        )  # fmt: skip
    distances = shift()
    untrained = embed(
        build(source, classes=len(source.card["classes"]), seed=0), pixels, source, kept,
        progress=lambda *n: report("Embedding them with random weights, to compare", *n),
    )  # fmt: skip
    kernels, probes, compared = {}, [], []
    for number, stage in enumerate(kept):
        report("Probing stages", number, len(kept))
        kernels[stage] = kernel(embeddings[stage])
        probes.append(probe(kernels[stage], labels, groups))
        other = probe(kernel(untrained[stage]), labels, groups, repeats=1)
        compared.append(other.balanced_accuracy())
    step = max(1, pixels.shape[1] // THUMBNAIL)
    bare = pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32)
    early, draws = len(source.early), _draws(labels)
    accuracies = np.array([[p.balanced_accuracy(w) for p in probes] for w in draws])
    gaps = np.array([_gap(probes, early, folds, w) for w in draws])
    stages = _evidence(source, probes, compared, distances, accuracies)
    fewest, classes = int(np.bincount(labels).min()), int(labels.max()) + 1
    best = max(stages, key=lambda stage: stage.accuracy).stage
    scores = embeddings[source.stage_names[-1]]
    mirrored = embed(
        network, pixels[to_mirror(folds), :, ::-1], source, (best,),
        progress=lambda *n: report("Embedding mirror images", *n),
    )[best]  # fmt: skip
    learns = len(labels) >= ENOUGH_TO_LEARN and fewest >= 2
    return Readings(
        images=len(labels), copies=len(labels) - len(np.unique(groups)), classes=classes,
        fewest=fewest, stages=stages, early=early,
        gap=float(gaps.mean()),
        # Folds share training images, so the draws vary too little: widened by sqrt(2).
        gap_spread=float(gaps.std() * np.sqrt(2)),
        distance=depth_distance(distances, source.early),
        share=share_explained(scores, labels, folds),
        energy=energy(scores),
        pixels=probe(kernel(bare), labels, groups, repeats=1).balanced_accuracy(),
        best_cut=_best_cut(stages[:early], accuracies[:, :early]),
        curve=learning_curve(best, kernels[best], labels, groups) if learns else None,
        mirroring=mirroring(embeddings[best], mirrored, labels, folds) if learns else None,
    )  # fmt: skip


def _evidence(source, probes, compared, distances, accuracies) -> tuple[StageEvidence, ...]:
    spread = 1.96 * np.sqrt(2) * accuracies.std(0)
    centre = [p.balanced_accuracy() for p in probes]
    return tuple(
        StageEvidence(
            stage.name, stage.title, accuracy, float(max(0, accuracy - s)),
            float(min(1, accuracy + s)), other, distances.get(stage.name),
        )
        for stage, accuracy, s, other in zip(source.stages, centre, spread, compared, strict=False)
    )  # fmt: skip


def _draws(labels: np.ndarray) -> list[np.ndarray]:
    """Bootstrap: how often each image counts, drawn within each class."""
    generator, draws = np.random.default_rng(0), []
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(DRAWS):
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        draws.append(np.bincount(chosen, minlength=len(labels)).astype(float))
    return draws


def _gap(probes: list[Probe], early: int, folds: np.ndarray, weights: np.ndarray) -> float:
    """By how much the best early stage beats the top; chosen and scored on different folds."""
    gaps = []
    for parity in (0, 1):
        choose, judge = weights * (folds % 2 == parity), weights * (folds % 2 != parity)
        best = max(probes[:early], key=lambda p: p.balanced_accuracy(choose))
        gaps.append(best.balanced_accuracy(judge) - probes[-1].balanced_accuracy(judge))
    return float(np.mean(gaps))


def _best_cut(stages: tuple[StageEvidence, ...], accuracies: np.ndarray) -> str:
    """The deepest early stage within one standard error of the best one."""
    best = max(range(len(stages)), key=lambda i: stages[i].accuracy)
    for index in reversed(range(len(stages))):
        error = (accuracies[:, best] - accuracies[:, index]).std()
        if stages[best].accuracy - stages[index].accuracy <= error:
            return stages[index].stage
    return stages[best].stage

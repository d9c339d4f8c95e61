"""Measure everything that might predict, without training, which case is best."""

import time
from dataclasses import asdict

import numpy as np
from scipy.special import logsumexp

from benchmarks.panel.embeddings import EmbeddedPool
from benchmarks.panel.pools import Pool
from benchmarks.panel.truth import draw_split
from transfer_core.features import embed, fit_standardisation
from transfer_core.networks import SourceNetwork, load_pretrained
from transfer_core.transferability import (
    assign_grouped_folds,
    group_near_duplicates,
    measure_transferability,
    summarise_embeddings,
)

NEIGHBOURS = 5


def measure_signals(pool: Pool, images: int, seed: int, source: SourceNetwork) -> dict | None:
    """Measure the training and validation images of one data set.

    Returns:
        "evidence": the measurements that the app uses. Candidates that it does not use: per
        stage "neighbours", "logme" and "h_score"; "entropy" of the source classes. None if the
        pool has too few images.
    """
    split = draw_split(pool, images, seed)
    if split is None:
        return None
    began = time.perf_counter()
    chosen = np.concatenate([split["train"], split["validation"]])
    pixels, groups = pool.pixels[chosen], [str(index) for index in chosen]
    labels = np.unique(pool.labels[chosen], return_inverse=True)[1]
    evidence = measure_transferability(pixels, labels, groups, source)
    seconds, folds = time.perf_counter() - began, assign_grouped_folds(labels, groups, seed=0)
    embeddings = embed(load_pretrained(source), pixels, source, source.stage_names)
    scores, kept = embeddings[source.stage_names[-1]], source.stage_names[:-1]
    return {
        "evidence": asdict(evidence),
        "neighbours": {name: _score_neighbours(embeddings[name], labels, folds) for name in kept},
        "logme": {name: compute_logme(embeddings[name], labels) for name in kept},
        "h_score": {name: compute_h_score(embeddings[name], labels) for name in kept},
        "entropy": _compute_entropy(scores),
        "seconds": seconds,
    }


def measure_embedded_signals(
    embedded: EmbeddedPool, images: int, seed: int, source: SourceNetwork
) -> dict | None:
    """Measure the evidence alone, from the embeddings of a pool; see `measure_signals`.

    Mirror images are not embedded. Of the bootstrap draws every fourth is returned, which keeps
    the file of the lines small.
    """
    split = draw_split(embedded.pool, images, seed)
    if split is None:
        return None
    began = time.perf_counter()
    chosen = np.concatenate([split["train"], split["validation"]])
    pixels, labels = embedded.pool.pixels[chosen], embedded.pool.labels[chosen]
    evidence = summarise_embeddings(
        {name: values[chosen] for name, values in embedded.embeddings.items()},
        pixels,
        np.unique(labels, return_inverse=True)[1],
        group_near_duplicates(pixels, [str(index) for index in chosen]),
        source,
        {},
        embedded.distances,
    )
    values = asdict(evidence)
    values["draws"] = {name: draws[::4] for name, draws in values["draws"].items()}
    return {"evidence": values, "seconds": time.perf_counter() - began}


def _score_neighbours(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float:
    """Cross-validated balanced accuracy of the five nearest neighbours by cosine."""
    mean, deviation = fit_standardisation(features)
    standard = (features - mean) / deviation
    standard /= np.linalg.norm(standard, axis=1, keepdims=True) + 1e-9
    alike = standard @ standard.T
    alike[folds[:, None] == folds[None]] = -np.inf
    nearest = np.argsort(-alike, axis=1)[:, :NEIGHBOURS]
    votes = np.zeros((len(labels), labels.max() + 1))
    for column in nearest.T:
        votes[np.arange(len(labels)), labels[column]] += 1
    right = votes.argmax(1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def compute_h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of the features' whitened variance that lies between classes.

    Source:
        Bao et al. 2019, "An information-theoretic approach to transferability"; with the
        shrinkage of Ibrahim et al. 2022, divided by its largest value, C - 1.
    """
    centred = features - features.mean(0)
    means = np.stack([centred[labels == label].mean(0) for label in np.unique(labels)])
    counts = np.bincount(labels)
    _, scale, directions = np.linalg.svd(centred / np.sqrt(len(centred)), full_matrices=False)
    variance = scale**2
    shrinkage = 0.1 * variance.sum() / centred.shape[1]
    along = means @ directions.T
    between = (counts[:, None] / counts.sum() * along**2).sum(0)
    return float((between / (variance + shrinkage)).sum() / max(1, len(counts) - 1))


def compute_logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Return the logarithm of the maximum evidence per image, mean over the classes.

    Source:
        You et al. 2021, "LogME: practical assessment of pre-trained models".
    """
    mean, deviation = fit_standardisation(features)
    inputs = ((features - mean) / deviation).astype(np.float64)
    u, s, _ = np.linalg.svd(inputs, full_matrices=False)
    eigen, count, per_class = s**2, len(inputs), []
    for label in np.unique(labels):
        target = (labels == label).astype(np.float64)
        along = (u.T @ target) ** 2
        rest = max(target @ target - along.sum(), 0)
        alpha = beta = 1.0
        for _ in range(30):
            gamma = (beta * eigen / (alpha + beta * eigen)).sum()
            weights = (beta**2 * eigen * along / (alpha + beta * eigen) ** 2).sum()
            error = rest + (along * alpha**2 / (alpha + beta * eigen) ** 2).sum()
            alpha, beta = gamma / (weights + 1e-9), (count - gamma) / (error + 1e-9)
        evidence = (
            inputs.shape[1] / 2 * np.log(alpha)
            + count / 2 * np.log(beta)
            - beta / 2 * error
            - alpha / 2 * weights
            - count / 2 * np.log(2 * np.pi)
            - 0.5 * np.log(alpha + beta * eigen).sum()
            - 0.5 * max(0, inputs.shape[1] - len(eigen)) * np.log(alpha)
        )
        per_class.append(evidence / count)
    return float(np.mean(per_class))


def _compute_entropy(scores: np.ndarray) -> float:
    logs = scores - logsumexp(scores, axis=1, keepdims=True)
    return float(-(np.exp(logs) * logs).sum(1).mean())

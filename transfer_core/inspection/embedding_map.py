"""Embeddings of the test images before and after training, projected onto a plane."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from torch import nn

from transfer_core import dataset
from transfer_core.features import embed, fit_standardisation, join_embeddings
from transfer_core.inspection.out_of_distribution import subsample
from transfer_core.inspection.trained_network import TrainedNetwork
from transfer_core.networks import HEAD, adapt, list_head_stages
from transfer_core.system import Progress, ignore_progress, rename_progress

MAX_IMAGES = 1_000  # test images that are projected; of more, a random sample
PCA_COMPONENTS = 50  # that t-SNE works on, as is common


@dataclass(frozen=True)
class EmbeddedImages:
    """Embeddings of test images before and after training."""

    positions: np.ndarray  # among the test images, int64 (M,), ascending
    labels: np.ndarray  # true classes, int64 (M,)
    before: np.ndarray  # float32 (M, D), what the head reads
    after: np.ndarray  # float32 (M, D), what the trained head reads, or logits (M, C)
    after_is_logits: bool  # kept stages that did not change would embed as before


@dataclass(frozen=True)
class Projection:
    """Images as points of a plane."""

    points: np.ndarray  # float32 (M, 2)
    explained_variance_ratio: tuple[float, float] | None  # of each direction; None for t-SNE


def embed_test_images(
    home: Path, trained: TrainedNetwork, progress: Progress = ignore_progress
) -> EmbeddedImages:
    """Embed the test images with the initial and with the trained network.

    Args:
        home: The data folder.
        trained: The network of a run.
        progress: Called with what is done, images done and total; may raise.

    Raises:
        NetworkError: If the initial weights are not on this computer.
        DataSetError: If the data set was removed.
    """
    config, source = trained.record.config, trained.source
    data_set = dataset.load(home, config.data_id)
    test = data_set.indices("test")
    positions = subsample(np.arange(len(test)), MAX_IMAGES)
    pixels = dataset.PixelArray(home, data_set, source.transform).read(test[positions], progress)
    initial = adapt(source, config.strategy, len(trained.classes), config.seed)
    unchanged = _is_backbone_unchanged(initial, trained.network)

    stages = list_head_stages(source, config.strategy)

    def embed_by(network: nn.Sequential, when: str) -> np.ndarray:
        report = rename_progress(progress, f"Embedding them {when} training")
        return join_embeddings(embed(network, pixels, source, stages, progress=report), stages)

    before = embed_by(initial, "before")
    after = (
        _compute_logits(trained.network, before)
        if unchanged
        else embed_by(trained.network, "after")
    )
    return EmbeddedImages(positions, data_set.labels[test[positions]], before, after, unchanged)


def project_with_pca(embeddings: np.ndarray) -> Projection:
    """Project onto the two directions of greatest variance (PCA); fast.

    Args:
        embeddings: float32 (M, D), M at least 1.
    """
    if min(embeddings.shape) < 2:
        return Projection(np.zeros((len(embeddings), 2), np.float32), (0.0, 0.0))
    pca = PCA(2, random_state=0)
    points = pca.fit_transform(_standardise(embeddings))
    first, second = np.nan_to_num(pca.explained_variance_ratio_)
    return Projection(points.astype(np.float32), (float(first), float(second)))


def project_with_tsne(embeddings: np.ndarray) -> Projection:
    """Project so that neighbours stay neighbours (t-SNE); takes seconds, distances mean little.

    Args:
        embeddings: float32 (M, D), M at least 1.

    Source:
        van der Maaten and Hinton 2008, "Visualizing data using t-SNE".
    """
    count = len(embeddings)
    if count < 4 or embeddings.shape[1] < 2:
        return Projection(project_with_pca(embeddings).points, None)
    features = _standardise(embeddings)
    if min(features.shape) > PCA_COMPONENTS:
        features = PCA(PCA_COMPONENTS, random_state=0).fit_transform(features)
    perplexity = min(30.0, (count - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features)
    return Projection(points, None)


def measure_nearest_neighbour_accuracy(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images whose nearest other image has their class, in [0, 1].

    Args:
        embeddings: float32 (M, D).
        labels: int64 (M,).
    """
    if len(labels) < 2:
        return 0.0
    features = _standardise(embeddings)
    neighbours = NearestNeighbors(n_neighbors=1).fit(features).kneighbors(return_distance=False)
    return float((labels[neighbours[:, 0]] == labels).mean())


def _standardise(embeddings: np.ndarray) -> np.ndarray:
    mean, deviation = fit_standardisation(embeddings)
    return (embeddings - mean) / deviation


@torch.inference_mode()
def _compute_logits(network: nn.Module, embeddings: np.ndarray) -> np.ndarray:
    return network.get_submodule(HEAD).linear(torch.from_numpy(embeddings)).numpy()


def _is_backbone_unchanged(initial: nn.Module, trained: nn.Module) -> bool:
    before, after = initial.state_dict(), trained.state_dict()
    return all(
        bool((before[name] == value).all())
        for name, value in after.items()
        if not name.startswith(f"{HEAD}.")
    )

"""Embeddings of the test images before and after training, laid out on a plane."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from transfer_core import dataset
from transfer_core.features.embedding import embed
from transfer_core.features.standardisation import fit_standardisation
from transfer_core.inspection.prediction import TrainedNetwork
from transfer_core.networks.surgery import HEAD, adapt
from transfer_core.system.parallel import Progress, ignore_progress, rename_progress

MAX_IMAGES = 1_000  # test images that are laid out; more are drawn from at random
PCA_COMPONENTS = 50  # principal ones that t-SNE works on, as is usual


@dataclass(frozen=True)
class EmbeddedImages:
    """What a network makes of the test images, before it was trained and after."""

    positions: np.ndarray  # among the test images, int64 (M,), ascending
    labels: np.ndarray  # true classes, int64 (M,)
    before: np.ndarray  # float32 (M, D), at the last kept stage
    after: np.ndarray  # float32 (M, D) there, or (M, C) scores of the new layer
    after_is_logits: (
        bool  # whether `after` are scores: kept stages that did not change embed as before
    )


@dataclass(frozen=True)
class Projection:
    """Images as points of a plane."""

    points: np.ndarray  # float32 (M, 2)
    explained_variance_ratio: (
        tuple[float, float] | None
    )  # of the variance, of each direction; None of t-SNE


def embed_test_images(
    home: Path, trained: TrainedNetwork, progress: Progress = ignore_progress
) -> EmbeddedImages:
    """Embed the test images with the network as it began and as it ended.

    Args:
        home: The data folder.
        trained: The network of a run.
        progress: Called with what is done, images done and total; may raise.

    Raises:
        NetworkError: If the weights that it began with are not on this computer.
        DataSetError: If the data set was removed.
    """
    config, source = trained.record.config, trained.source
    data_set = dataset.load(home, config.data_id)
    test = data_set.indices("test")
    positions = np.arange(len(test))
    if len(test) > MAX_IMAGES:
        positions = np.sort(np.random.default_rng(0).choice(len(test), MAX_IMAGES, replace=False))
    pixels = dataset.PixelArray(home, data_set, source.transform).read(test[positions], progress)
    begun = adapt(source, config.strategy, len(trained.classes), config.seed)
    scores = _is_backbone_unchanged(begun, trained.network)

    def embed_at(network, stage: str, when: str) -> np.ndarray:
        report = rename_progress(progress, f"Embedding them {when} training")
        return embed(network, pixels, source, (stage,), progress=report)[stage]

    kept = config.strategy.keep_through
    return EmbeddedImages(
        positions,
        data_set.labels[test[positions]],
        embed_at(begun, kept, "before"),
        embed_at(trained.network, HEAD if scores else kept, "after"),
        scores,
    )


def project_with_pca(embeddings: np.ndarray) -> Projection:
    """The two directions of greatest variance (PCA), at once.

    Args:
        embeddings: float32 (M, D), M at least 1.
    """
    if min(embeddings.shape) < 2:
        return Projection(np.zeros((len(embeddings), 2), np.float32), (0.0, 0.0))
    reduced = PCA(2, random_state=0)
    points = reduced.fit_transform(_standardise(embeddings))
    first, second = np.nan_to_num(reduced.explained_variance_ratio_)
    return Projection(points.astype(np.float32), (float(first), float(second)))


def project_with_tsne(embeddings: np.ndarray) -> Projection:
    """Neighbours stay neighbours, distances mean little (t-SNE); takes seconds.

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
    """Share of the images whose nearest other image is of their class, in [0, 1]."""
    if len(labels) < 2:
        return 0.0
    features = _standardise(embeddings)
    neighbours = NearestNeighbors(n_neighbors=1).fit(features).kneighbors(return_distance=False)
    return float((labels[neighbours[:, 0]] == labels).mean())


def _standardise(embeddings: np.ndarray) -> np.ndarray:
    mean, deviation = fit_standardisation(embeddings)
    return (embeddings - mean) / deviation


def _is_backbone_unchanged(begun, ended) -> bool:
    states = begun.state_dict(), ended.state_dict()
    return all(
        bool((states[0][name] == value).all())
        for name, value in states[1].items()
        if not name.startswith(f"{HEAD}.")
    )

"""Embeddings of the test images before and after training, laid out on a plane."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from transfer_core import dataset
from transfer_core.features.embedding import embed
from transfer_core.features.standardisation import standardisation
from transfer_core.inspection.prediction import TrainedNetwork
from transfer_core.networks.surgery import NEW, operate

MOST = 1_000  # test images that are laid out; more are drawn from at random
DIRECTIONS = 50  # principal ones that t-SNE works on, as is usual

Progress = Callable[[str, int, int], None]  # what is done, done, total


@dataclass(frozen=True)
class EmbeddedImages:
    """What a network makes of the test images, before it was trained and after."""

    positions: np.ndarray  # among the test images, int64 (M,), ascending
    labels: np.ndarray  # true classes, int64 (M,)
    before: np.ndarray  # float32 (M, D), at the last kept stage
    after: np.ndarray  # float32 (M, D) there, or (M, C) scores of the new layer
    scores: bool  # whether `after` are scores: kept stages that did not change embed as before


@dataclass(frozen=True)
class Plane:
    """Images as points of a plane."""

    points: np.ndarray  # float32 (M, 2)
    shares: tuple[float, float] | None  # of the variance, of each direction; None of t-SNE


def embedded_test_images(
    home: Path, trained: TrainedNetwork, progress: Progress | None = None
) -> EmbeddedImages:
    """Embed the test images with the network as it began and as it ended.

    Args:
        home: The data folder.
        trained: The network of a run.
        progress: Called with what is done, images done and images in all; may raise.

    Raises:
        NetworkError: If the weights that it began with are not on this computer.
        DataSetError: If the data set was removed.
    """
    report = progress or (lambda what, done, total: None)
    config, source = trained.record.config, trained.source
    data_set = dataset.load(home, config.data_id)
    test = data_set.indices("test")
    positions = np.arange(len(test))
    if len(test) > MOST:
        positions = np.sort(np.random.default_rng(0).choice(len(test), MOST, replace=False))
    pixels = dataset.Pixels(home, data_set, source.transform).read(
        test[positions], lambda *n: report("Decoding images", *n)
    )
    begun = operate(source, config.strategy, len(trained.classes), config.seed)
    scores = _same_but_for_the_new_layer(begun, trained.network)

    def embedded(network, stage: str, when: str) -> np.ndarray:
        def progress(done: int, total: int) -> None:
            report(f"Embedding them {when} training", done, total)

        return embed(network, pixels, source, (stage,), progress=progress)[stage]

    kept = config.strategy.keep_through
    return EmbeddedImages(
        positions, data_set.labels[test[positions]], embedded(begun, kept, "before"),
        embedded(trained.network, NEW if scores else kept, "after"), scores,
    )  # fmt: skip


def principal_plane(embeddings: np.ndarray) -> Plane:
    """The two directions of greatest variance (PCA), at once.

    Args:
        embeddings: float32 (M, D), M at least 1.
    """
    if min(embeddings.shape) < 2:
        return Plane(np.zeros((len(embeddings), 2), np.float32), (0.0, 0.0))
    reduced = PCA(2, random_state=0)
    points = reduced.fit_transform(_comparable(embeddings))
    first, second = np.nan_to_num(reduced.explained_variance_ratio_)
    return Plane(points.astype(np.float32), (float(first), float(second)))


def neighbourhood_plane(embeddings: np.ndarray) -> Plane:
    """Neighbours stay neighbours, distances mean little (t-SNE); takes seconds.

    Args:
        embeddings: float32 (M, D), M at least 1.

    Source:
        van der Maaten and Hinton 2008, "Visualizing data using t-SNE".
    """
    count = len(embeddings)
    if count < 4 or embeddings.shape[1] < 2:
        return Plane(principal_plane(embeddings).points, None)
    features = _comparable(embeddings)
    if min(features.shape) > DIRECTIONS:
        features = PCA(DIRECTIONS, random_state=0).fit_transform(features)
    perplexity = min(30.0, (count - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features)
    return Plane(points, None)


def alike_neighbours(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images whose nearest other image is of their class, in [0, 1]."""
    if len(labels) < 2:
        return 0.0
    features = _comparable(embeddings)
    neighbours = NearestNeighbors(n_neighbors=1).fit(features).kneighbors(return_distance=False)
    return float((labels[neighbours[:, 0]] == labels).mean())


def _comparable(embeddings: np.ndarray) -> np.ndarray:
    mean, deviation = standardisation(embeddings)
    return (embeddings - mean) / deviation


def _same_but_for_the_new_layer(begun, ended) -> bool:
    states = begun.state_dict(), ended.state_dict()
    return all(
        bool((states[0][name] == value).all())
        for name, value in states[1].items()
        if not name.startswith(f"{NEW}.")
    )

"""Which network suits these images? Every network on this computer, probed on the same sample.

Nothing that is timed has a part in the order. What was measured is read again without torch.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.errors import TransferError
from transfer_core.features import get_cache_folder
from transfer_core.languages import _
from transfer_core.networks import (
    DEFAULT_NETWORK,
    SourceNetwork,
    get_network,
    has_weights,
    list_networks,
)
from transfer_core.system import (
    Progress,
    ignore_progress,
    load_json,
    rename_progress,
    save_json,
)
from transfer_core.transferability.grouped_folds import group_near_duplicates, join_bursts

SAMPLE_IMAGES = 300  # images; more with more classes
MIN_IMAGES_PER_CLASS = 5  # images of each class, if there are so many
MAX_SAMPLE_IMAGES = 1_000  # images at most
CACHE_VERSION = 2  # of stored scores; raised when they are measured in another way


@dataclass(frozen=True, slots=True)
class NetworkScore:
    """How well a new layer on one network tells the classes apart, or why that is not known."""

    network: str  # its name
    accuracy: float = 0.0  # balanced, cross-validated, in [0, 1]
    low: float = 0.0  # of its 95 % interval
    high: float = 0.0
    error: str = ""  # for people; then there is no accuracy


@dataclass(frozen=True, slots=True)
class NetworkRanking:
    """The networks on this computer, by what they are worth on one data set."""

    images: int  # in the sample that every network was probed on
    scores: tuple[NetworkScore, ...]  # most accurate first, then those with an error
    best: str | None  # the cheapest network within the interval of the most accurate one
    equal: tuple[str, ...]  # other networks within that interval
    waiting: tuple[str, ...]  # networks that were not probed yet, cheapest first

    @property
    def is_complete(self) -> bool:
        """Whether every network has an accuracy."""
        return not self.waiting and not any(score.error for score in self.scores)


def list_present_networks() -> tuple[SourceNetwork, ...]:
    """Return the networks whose weights are on this computer, cheapest first."""
    here = (network for network in list_networks() if has_weights(network))
    return tuple(sorted(here, key=_get_cost))


def rank_networks(
    data_set: DataSet, home: Path, *, progress: Progress = ignore_progress
) -> NetworkRanking:
    """Probe every network on this computer that was not probed on this data set before.

    Each score is kept as soon as it is known, so work that is cancelled goes on where it ended.
    A network that fails is told with its error, and the others go on.

    Args:
        data_set: The new images.
        home: The data folder, with the caches.
        progress: Called with the network and the work, images done and total; may raise to
            cancel.
    """
    present, indices = list_present_networks(), draw_balanced_sample(data_set)
    groups = None
    for number, source in enumerate(present, 1):
        score = _load_score(data_set, source, home, indices)
        if score and not score.error:
            continue
        # Imported here because it imports torch, which scores on disk do not need.
        from transfer_core.transferability.network_probe import probe_network

        if groups is None:
            groups = group_images(data_set, home, indices)

        told = {"number": number, "networks": len(present), "network": _(source.title)}
        report = rename_progress(progress, _("{number} of {networks}: {network}, images", **told))
        report("", 0, len(indices))
        try:
            figures = probe_network(data_set, source, home, indices, groups, progress=report)
            score = NetworkScore(source.name, *figures)
        except TransferError as error:
            score = NetworkScore(source.name, error=f"{error.problem} {error.remedy}")
        _save_score(score, data_set, source, home, indices)
    return load_ranking(data_set, home)


def load_ranking(data_set: DataSet, home: Path) -> NetworkRanking:
    """Return what is known of the networks on this computer; nothing is measured."""
    present, indices = list_present_networks(), draw_balanced_sample(data_set)
    scores = {each.name: _load_score(data_set, each, home, indices) for each in present}
    known = [score for score in scores.values() if score]  # cheapest first, as `present`
    return order_scores(
        known, len(indices), tuple(name for name, score in scores.items() if not score)
    )


def order_scores(
    scores: list[NetworkScore], images: int, waiting: tuple[str, ...] = ()
) -> NetworkRanking:
    """Rank scores.

    Args:
        scores: Cheapest network first.
        images: Number of images in the sample.
        waiting: Networks without a score.
    """
    measured = [score for score in scores if not score.error]
    failed = [score for score in scores if score.error]
    best_first = sorted(measured, key=lambda score: -score.accuracy)  # equal ones: cheapest first
    equal = [s.network for s in measured if s.accuracy >= best_first[0].low] or [None]
    return NetworkRanking(
        images=images,
        scores=(*best_first, *failed),
        best=equal[0],
        equal=tuple(equal[1:]),
        waiting=waiting,
    )


def _get_cost(source: SourceNetwork) -> tuple[float, str]:
    return source.card["operations"], source.name


def draw_balanced_sample(data_set: DataSet) -> np.ndarray:
    """About 300 training and validation images, of each class as many as of the others."""
    usable = np.concatenate([data_set.indices("train"), data_set.indices("validation")])
    order = np.random.default_rng(0).permutation(np.sort(usable))
    labels, rank = data_set.labels[order], np.empty(len(order), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    wanted = max(SAMPLE_IMAGES, MIN_IMAGES_PER_CLASS * len(data_set.classes))
    return np.sort(order[np.argsort(rank, kind="stable")[: min(wanted, MAX_SAMPLE_IMAGES)]])


def group_images(data_set: DataSet, home: Path, indices: np.ndarray) -> np.ndarray:
    """Groups of near-duplicates and bursts, the same for every network; they share a fold."""
    transform = get_network(DEFAULT_NETWORK).transform  # small, and often decoded already
    pixels = dataset.PixelArray(home, data_set, transform).read(indices)
    records = [data_set.records[i] for i in indices]
    groups = group_near_duplicates(pixels, [record.digest for record in records])
    return join_bursts(groups, [dataset.find_burst(record.path) for record in records])


def _locate_score(data_set: DataSet, source: SourceNetwork, home: Path, indices) -> Path:
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, indices)
    return folder / f"probe_{CACHE_VERSION}.json"


def _load_score(
    data_set: DataSet, source: SourceNetwork, home: Path, indices: np.ndarray
) -> NetworkScore | None:
    values = load_json(_locate_score(data_set, source, home, indices))
    return None if values is None else NetworkScore(**values)


def _save_score(
    score: NetworkScore, data_set: DataSet, source: SourceNetwork, home: Path, indices: np.ndarray
) -> None:
    save_json(home, _locate_score(data_set, source, home, indices), asdict(score))

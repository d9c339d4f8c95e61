"""Cross-validation folds that keep near-duplicates together."""

from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

FOLDS = 5
THUMBNAIL_SIZE = 16  # pixels, side of the thumbnails that are compared
MIN_CORRELATION = 0.99  # of two thumbnails; near-duplicates correlate at least so
MIN_CONTRAST = 2.0  # grey levels; the correlation of flatter thumbnails says nothing


def assign_grouped_folds(labels: np.ndarray, groups: Sequence[Hashable], seed: int) -> np.ndarray:
    """Assign images to stratified folds; a group is never split.

    Args:
        labels: Class indices, int64 (N,).
        groups: Group of each image; near-duplicates share one.
        seed: Draws the folds.

    Returns:
        Fold of each image in [0, 5), int64 (N,).
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    fold_of: dict[Hashable, int] = {}
    next_fold = np.random.default_rng(seed).integers(0, FOLDS, labels.max() + 1)
    for index in order:
        if groups[index] not in fold_of:
            fold_of[groups[index]] = next_fold[labels[index]] % FOLDS
            next_fold[labels[index]] += 1
    return np.array([fold_of[group] for group in groups])


def stratify_order(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Reorder images so that every prefix holds about the same share of each class.

    Args:
        order: Indices of images, int64 (N,). Images of one class keep their order.
        labels: Class indices of all images, int64.
    """
    rank = np.empty(len(order))  # of each image within its class, in (0, 1)
    for label in np.unique(labels[order]):
        members = np.flatnonzero(labels[order] == label)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(rank, kind="stable")]


def group_near_duplicates(pixels: np.ndarray, digests: list[str]) -> np.ndarray:
    """Group images that are equal or nearly so: recompressed, resized, retouched.

    Mirrored and cropped copies are not found.

    Args:
        pixels: uint8, shape (N, H, W, 3), H and W at least 16.
        digests: Hash of each image's content; equal hashes are the same image.

    Returns:
        Group number of each image, int (N,).
    """
    count = len(pixels)
    thumbnails, deviation = _make_thumbnails(pixels)
    has_contrast = deviation >= MIN_CONTRAST
    first, second = np.nonzero(thumbnails @ thumbnails.T >= MIN_CORRELATION)
    both = has_contrast[first] & has_contrast[second]
    _, content = np.unique(digests, return_inverse=True)
    edges = coo_matrix(
        (
            np.ones(both.sum() + count),
            # Every content is a node too: it joins all images that have it.
            (np.r_[first[both], np.arange(count)], np.r_[second[both], count + content]),
        ),
        shape=(2 * count, 2 * count),
    )
    return connected_components(edges, directed=False)[1][:count]


def join_bursts(groups: np.ndarray, bursts: Sequence[str | None]) -> np.ndarray:
    """Let each burst be one group, in place of the groups that its frames were put in.

    Frames are near-duplicates across the bursts of a class too. Were all of them one group, a
    class would lie in one fold, and no probe that learned it could be tested on it.

    Args:
        groups: Group of each image, from `group_near_duplicates`, int (N,).
        bursts: Burst of each image; None for an image of none.
    """
    number_of: dict[str, int] = {}
    first = len(groups)  # greater than all of the groups' numbers
    return np.array(
        [
            group if burst is None else number_of.setdefault(burst, first + len(number_of))
            for group, burst in zip(groups.tolist(), bursts, strict=True)
        ]
    )


def _make_thumbnails(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardised grey thumbnails, (N, 256), and their contrasts, (N,)."""
    count, height, width, _ = pixels.shape
    rows, columns = height // THUMBNAIL_SIZE, width // THUMBNAIL_SIZE
    cropped = pixels[:, : rows * THUMBNAIL_SIZE, : columns * THUMBNAIL_SIZE]
    blocks = cropped.reshape(count, THUMBNAIL_SIZE, rows, THUMBNAIL_SIZE, columns, 3)
    thumbnails = blocks.mean((2, 4, 5), dtype=np.float32).reshape(count, -1)
    thumbnails -= thumbnails.mean(1, keepdims=True)
    deviation = thumbnails.std(1)
    scale = np.maximum(deviation, MIN_CONTRAST) * np.sqrt(thumbnails.shape[1])
    return thumbnails / scale[:, None], deviation

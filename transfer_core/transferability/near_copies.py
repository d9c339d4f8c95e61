"""Near-copies: images so alike that a fold with one of them knows the other."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

THUMBNAIL_SIZE = 16  # pixels of the thumbnails that are compared
MIN_CORRELATION = 0.99  # correlation of two thumbnails from which they are near-copies
MIN_CONTRAST = 2.0  # grey levels; thumbnails that vary less say nothing


def group_near_duplicates(pixels: np.ndarray, digests: list[str]) -> np.ndarray:
    """Groups of images that are the same or nearly so: recompressed, resized, retouched.

    Mirrored and cropped copies are not found.

    Args:
        pixels: uint8, shape (N, H, W, 3), H and W at least 16.
        digests: Of each image's content; equal ones are the same image.

    Returns:
        Number of each image's group, int (N,).
    """
    count, height, width, _ = pixels.shape
    rows, columns = height // THUMBNAIL_SIZE, width // THUMBNAIL_SIZE
    cut = pixels[:, : rows * THUMBNAIL_SIZE, : columns * THUMBNAIL_SIZE]
    blocks = cut.reshape(count, THUMBNAIL_SIZE, rows, THUMBNAIL_SIZE, columns, 3).mean(
        (2, 4, 5), dtype=np.float32
    )
    thumbnails = blocks.reshape(count, -1)
    thumbnails -= thumbnails.mean(1, keepdims=True)
    deviation = thumbnails.std(1, keepdims=True)
    telling = deviation[:, 0] >= MIN_CONTRAST
    thumbnails /= np.maximum(deviation, MIN_CONTRAST) * THUMBNAIL_SIZE
    first, second = np.nonzero(thumbnails @ thumbnails.T >= MIN_CORRELATION)
    both = telling[first] & telling[second]
    _, same = np.unique(digests, return_inverse=True)
    edges = coo_matrix(
        (
            np.ones(both.sum() + count),
            # Images of one content are joined through a node of their own.
            (np.r_[first[both], np.arange(count)], np.r_[second[both], count + same]),
        ),
        shape=(2 * count, 2 * count),
    )
    return connected_components(edges, directed=False)[1][:count]

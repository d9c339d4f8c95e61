"""Near-duplicates of a data set: groups of images that are copies of one another, or nearly.

`group_near_duplicates` groups a sample for the folds of an estimate; this looks at all images, and
also finds copies whose brightness, contrast or colours were changed.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from transfer_core import images
from transfer_core.dataset import DataSet, list_versions, load
from transfer_core.dataset.pixel_cache import PixelArray
from transfer_core.dataset.store import exists
from transfer_core.system.files import write_atomically
from transfer_core.system.parallel import Progress, ignore_progress

HASH_INPUT_SIZE = (
    64  # pixels of the square that is hashed; the demonstration network's, so decoded anyway
)
MAX_HAMMING_DISTANCE = 4  # of 64 bits that differ at most
MIN_GREY_STD = 2.0  # grey levels; images that vary less say nothing, and their hash is noise
BATCH_SIZE = 256  # images that are decoded at a time
MAX_PAIRS_PER_BLOCK = 2**23  # pairs at a time, which bounds the memory to about 200 MB
HASH_DTYPE = np.dtype([("hash", np.uint64), ("telling", np.bool_)])


@dataclass(frozen=True, slots=True)
class NearDuplicateGroup:
    """Images that look the same."""

    images: tuple[int, ...]  # indices into the data set's records, ascending
    is_leak: bool  # whether they stand in several parts of the split
    is_conflict: bool  # whether they are of several classes


def find_near_duplicates(
    home: Path, data_set: DataSet, progress: Progress = ignore_progress
) -> tuple[NearDuplicateGroup, ...]:
    """Groups of images that look the same, those that leak first, then those in two classes.

    Recompressed, scaled, brightened and grey copies are found; mirrored, turned and
    strongly cropped ones are not. Of an image that is not square only the centre counts.

    Args:
        home: The data folder; the hashes are kept there.
        data_set: An ingested data set or a version.
        progress: Called with what is done, images done and total; may raise to end the work.

    Source:
        The hash is imagehash.phash: the signs of the lowest frequencies of the image.
    """
    hashes = _compute_missing_hashes(home, data_set, progress)
    groups = _group_similar(hashes, [record.digest for record in data_set.records])
    found = [_build_group(data_set, group) for group in groups]
    return tuple(sorted(found, key=lambda g: (not g.is_leak, not g.is_conflict, g.images)))


def _build_group(data_set: DataSet, group: np.ndarray) -> NearDuplicateGroup:
    records = [data_set.records[index] for index in group]
    splits, labels = {r.split for r in records}, {r.label for r in records}
    return NearDuplicateGroup(tuple(group.tolist()), len(splits) > 1, len(labels) > 1)


def _compute_missing_hashes(home: Path, data_set: DataSet, progress: Progress) -> np.ndarray:
    """Of every image, dtype HASH (N,); those that versions before had are not computed again."""
    kept = _get_hash_file(home, data_set.id)
    if kept.is_file():
        return np.load(kept)
    known = _load_earlier_hashes(home, data_set)
    hashes = np.zeros(len(data_set.records), HASH_DTYPE)
    new = []
    for index, record in enumerate(data_set.records):
        if record.digest in known:
            hashes[index] = known[record.digest]
        else:
            new.append(index)
    pixels, done = PixelArray(home, data_set, images.Transform(HASH_INPUT_SIZE)), 0
    chosen = None if len(new) == len(hashes) else np.array(new, np.int64)  # all are also kept
    with closing(pixels.iter_batches(BATCH_SIZE, chosen)) as batches:
        for batch in batches:
            hashes[new[done : done + len(batch)]] = [_compute_hash(image) for image in batch]
            done += len(batch)
            progress("Looking for near-duplicates", done, len(new))
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, lambda file: np.save(file, hashes))
    return hashes


def _load_earlier_hashes(home: Path, data_set: DataSet) -> dict[str, np.void]:
    """By digest, of the nearest version before that has them."""
    for version in reversed(list_versions(home, data_set.id)):
        kept = _get_hash_file(home, version.parent)
        if kept.is_file() and exists(home, version.parent):
            digests = (record.digest for record in load(home, version.parent).records)
            return dict(zip(digests, np.load(kept), strict=True))
    return {}


def _get_hash_file(home: Path, data_id: str) -> Path:
    return home / "hashes" / f"{data_id}.npy"


def _compute_hash(pixels: np.ndarray) -> tuple[int, bool]:
    image = Image.fromarray(pixels)
    bits = imagehash.phash(image).hash
    telling = np.asarray(image.convert("L")).std() >= MIN_GREY_STD
    return int(np.packbits(bits).view(np.uint64)[0]), bool(telling)


def _group_similar(hashes: np.ndarray, digests: list[str]) -> list[np.ndarray]:
    """Groups of two and more images, as indices."""
    count, telling = len(hashes), np.flatnonzero(hashes["telling"])
    values, first, second = hashes["hash"][telling], [], []
    rows = max(1, MAX_PAIRS_PER_BLOCK // max(1, len(values)))
    for start in range(0, len(values), rows):
        differing = np.bitwise_count(values[start : start + rows, None] ^ values[None, start:])
        one, other = np.nonzero(differing <= MAX_HAMMING_DISTANCE)
        first.append(telling[one + start])
        second.append(telling[other + start])
    _, same = np.unique(digests, return_inverse=True)
    # Images of one content are joined through a node of their own, be they flat or not.
    first, second = (
        np.concatenate([*first, np.arange(count)]),
        np.concatenate([*second, count + same]),
    )
    edges = coo_matrix((np.ones(len(first)), (first, second)), shape=(2 * count, 2 * count))
    _, group = connected_components(edges, directed=False)
    order = np.argsort(group[:count], kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [np.sort(part) for part in parts if len(part) > 1]

"""Near-duplicates: groups of images that look the same, over a whole data set.

Unlike `group_near_duplicates`, which groups a sample for the folds of an estimate, this also
finds copies whose brightness, contrast or colours were changed.
"""

from collections.abc import Sequence
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
from transfer_core.languages import N_
from transfer_core.system import Progress, ignore_progress, open_array, save_array

HASH_INPUT_SIZE = 64  # pixels a side; the demonstration network's, so often decoded already
MAX_DISTANCE = 4  # Hamming, of the 64 bits of the coarse hash
# Of the 256 bits of the fine one. Copies of photos, scans and samples, recompressed, scaled or with
# other colours, nearly all differ in fewer. So do 55 of the 1.6 million pairs of different people's
# digits; 1,194 of those pairs agree in the coarse hash.
MAX_FINE_DISTANCE = 30
MIN_GREY_STD = 2.0  # grey levels; the hash of a flatter image is noise
BATCH_SIZE = 256  # images
MAX_PAIRS_PER_BLOCK = 2**23  # compared at a time, which bounds the memory to about 200 MB
HASH_DTYPE = np.dtype(  # telling: not flat
    [("hash", np.uint64), ("fine", np.uint64, (4,)), ("telling", np.bool_)]
)


@dataclass(frozen=True, slots=True)
class NearDuplicateGroup:
    """Images that look the same."""

    images: tuple[int, ...]  # indices into the data set's records, ascending
    is_leak: bool  # whether they lie in several parts of the split
    is_conflict: bool  # whether they belong to several classes


def find_near_duplicates(
    home: Path, data_set: DataSet, progress: Progress = ignore_progress
) -> tuple[NearDuplicateGroup, ...]:
    """Groups of images that look the same: first leaks, then conflicts of classes.

    Finds copies that were recompressed, scaled, brightened or turned grey, but not mirrored,
    rotated or strongly cropped ones. Only the central square of an image is compared.

    Args:
        home: The data folder, where the hashes are cached.
        data_set: An ingested data set or a version.
        progress: Called with what is done, images done and total; may raise to end the work.

    Source:
        imagehash.phash: the signs of the lowest frequencies of the image, at two scales: simple
        drawings of one kind agree in the coarse shapes, copies in the fine ones too.
    """
    hashes = _compute_missing_hashes(home, data_set, progress)
    groups = _group_similar(hashes, [record.digest for record in data_set.records])
    described = [_build_group(data_set, group) for group in groups]
    return tuple(sorted(described, key=lambda g: (not g.is_leak, not g.is_conflict, g.images)))


def count_copies(data_set: DataSet, groups: Sequence[NearDuplicateGroup]) -> tuple[int, int]:
    """How many images repeat another one of their group exactly, and how many more nearly do."""
    exact = near = 0
    for group in groups:
        contents = len({data_set.records[index].digest for index in group.images})
        exact += len(group.images) - contents
        near += contents - 1
    return exact, near


def look_alike(first: bytes, second: bytes) -> bool:
    """Return whether two image files count as near-duplicates of each other."""
    transform = images.Transform(HASH_INPUT_SIZE)
    one, other = (
        _compute_hash(
            images.apply_transform(images.decode_image(data, transform.min_decoded_side), transform)
        )
        for data in (first, second)
    )
    hashes = np.array([one, other], HASH_DTYPE)
    return bool(hashes["telling"].all()) and len(_find_pairs(hashes)[0]) > 0


def _build_group(data_set: DataSet, group: np.ndarray) -> NearDuplicateGroup:
    records = [data_set.records[index] for index in group]
    splits, labels = {r.split for r in records}, {r.label for r in records}
    return NearDuplicateGroup(tuple(group.tolist()), len(splits) > 1, len(labels) > 1)


def _compute_missing_hashes(home: Path, data_set: DataSet, progress: Progress) -> np.ndarray:
    """The hash of every image, HASH_DTYPE (N,); those of earlier versions are reused."""
    file = _get_hash_file(home, data_set.id)
    if (stored := _load_hashes(file)) is not None and len(stored) == len(data_set.records):
        return stored
    known = _load_earlier_hashes(home, data_set)
    hashes = np.zeros(len(data_set.records), HASH_DTYPE)
    new = []
    for index, record in enumerate(data_set.records):
        if record.digest in known:
            hashes[index] = known[record.digest]
        else:
            new.append(index)
    pixels, done = PixelArray(home, data_set, images.Transform(HASH_INPUT_SIZE)), 0
    # Reading all images also fills the pixel cache.
    chosen = None if len(new) == len(hashes) else np.array(new, np.int64)
    with closing(pixels.iter_batches(BATCH_SIZE, chosen)) as batches:
        for batch in batches:
            hashes[new[done : done + len(batch)]] = [_compute_hash(image) for image in batch]
            done += len(batch)
            progress(N_("Looking for near-duplicates"), done, len(new))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_array(file, hashes)
    return hashes


def _load_earlier_hashes(home: Path, data_set: DataSet) -> dict[str, np.void]:
    """Hashes by digest, from the latest earlier version that has them."""
    for version in reversed(list_versions(home, data_set.id)):
        file = _get_hash_file(home, version.parent)
        if exists(home, version.parent) and (stored := _load_hashes(file)) is not None:
            digests = (record.digest for record in load(home, version.parent).records)
            return dict(zip(digests, stored, strict=False))
    return {}


def _load_hashes(file: Path) -> np.ndarray | None:
    """Stored hashes; None if there are none, they are damaged or of an older kind."""
    stored = open_array(file)
    return stored if stored is not None and stored.dtype == HASH_DTYPE else None


def _get_hash_file(home: Path, data_id: str) -> Path:
    return home / "hashes" / f"{data_id}.npy"


def _compute_hash(pixels: np.ndarray) -> tuple[int, np.ndarray, bool]:
    """Return one element of HASH_DTYPE."""
    image = Image.fromarray(pixels)
    coarse, fine = (
        np.packbits(imagehash.phash(image, hash_size=size).hash).view(np.uint64) for size in (8, 16)
    )
    telling = np.asarray(image.convert("L")).std() >= MIN_GREY_STD
    return int(coarse[0]), fine, bool(telling)


def _group_similar(hashes: np.ndarray, digests: list[str]) -> list[np.ndarray]:
    """Group images that look the same, two or more in a group, as indices."""
    count, telling = len(hashes), np.flatnonzero(hashes["telling"])
    first, second = (telling[part] for part in _find_pairs(hashes[telling]))
    _, same = np.unique(digests, return_inverse=True)
    # Equal files, flat or not, are joined through one more node for each content.
    first, second = (
        np.concatenate([first, np.arange(count)]),
        np.concatenate([second, count + same]),
    )
    edges = coo_matrix((np.ones(len(first)), (first, second)), shape=(2 * count, 2 * count))
    _, group = connected_components(edges, directed=False)
    order = np.argsort(group[:count], kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [np.sort(part) for part in parts if len(part) > 1]


def _find_pairs(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs that look the same, as indices into the hashes; none is flat."""
    values, fine, first, second = hashes["hash"], hashes["fine"], [], []
    rows = max(1, MAX_PAIRS_PER_BLOCK // max(1, len(values)))
    for start in range(0, len(values), rows):
        differing = np.bitwise_count(values[start : start + rows, None] ^ values[None, start:])
        one, other = np.nonzero(np.triu(differing <= MAX_DISTANCE, 1))
        differing = np.bitwise_count(fine[one + start] ^ fine[other + start]).sum(axis=1)
        alike = differing <= MAX_FINE_DISTANCE
        first.append(one[alike] + start)
        second.append(other[alike] + start)
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])

"""The split of very many images: each one's part follows from its content and the seed."""

from collections.abc import Sequence

import numpy as np

from transfer_core.dataset.splitting import HELD_OUT_FRACTION
from transfer_core.dataset.types import SPLITS, Split
from transfer_core.system import hash_bytes

LEFT_OUT = len(SPLITS)  # in place of an index into SPLITS


def give_splits(
    contents: np.ndarray,
    groups: np.ndarray,
    given: np.ndarray,
    made_splits: Sequence[Split],
    seed: int,
) -> tuple[np.ndarray, int]:
    """Give each image its split: the given one, or by its group for the parts that are missing.

    Copies of validation and test images are left out of train, those of test out of validation.

    Args:
        contents: Equal for exact copies, uint64 (N,).
        groups: Equal for images that stay together, uint64 (N,).
        given: Index into SPLITS, or more for none, uint8 (N,).
        made_splits: The parts to take from train; empty if all are given.
        seed: Of the parts that are made.

    Returns:
        Index into SPLITS or LEFT_OUT, uint8 (N,), and how many are left out.
    """
    splits = np.where(given < len(SPLITS), given, SPLITS.index("train")).astype(np.uint8)
    divided, draws = splits == SPLITS.index("train"), _draw(groups, seed)
    for number, split in enumerate(made_splits):
        low, high = (HELD_OUT_FRACTION * each for each in (number, number + 1))
        splits[divided & (draws >= low) & (draws < high)] = SPLITS.index(split)
    __, group = np.unique(contents, return_inverse=True)
    last = np.zeros(group.max() + 1, np.uint8)
    np.maximum.at(last, group, splits)
    leaks = splits != last[group]
    splits[leaks] = LEFT_OUT
    return splits, int(leaks.sum())


def find_copies(contents: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many images are copies of others, and how many contents lie in several classes."""
    different, group = np.unique(contents, return_inverse=True)
    pairs = np.unique(group.astype(np.int64) * (int(labels.max()) + 1) + labels)
    several = np.bincount(pairs // (int(labels.max()) + 1)) > 1
    return len(contents) - len(different), int(several.sum())


def _draw(groups: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each group, that looks drawn at random: splitmix64's last steps."""
    mixed = groups ^ np.uint64(int(hash_bytes(str(seed).encode())[:16], 16))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed / 2.0**64

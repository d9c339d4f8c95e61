"""The records of a data set in shards: a table that is mapped from the disk."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from transfer_core.dataset.shards.shard_files import Shards, make_changed_error
from transfer_core.dataset.types import SPLITS, ImageRecord
from transfer_core.system import hash_unchanged_file

ROWS_FILE, PATHS_FILE = "rows.bin", "paths.bin"  # of the index
ROW = np.dtype(
    [
        ("path_end", "<u8"),  # of the path in the file of all paths, bytes
        ("offset", "<u8"),  # of the image file in its shard, bytes
        ("length", "<u4"),  # bytes
        ("shard", "<u4"),  # its number
        ("width", "<u4"),  # pixels
        ("height", "<u4"),
        ("label", "<u2"),
        ("split", "u1"),  # index into SPLITS
        ("digest", "u1", (32,)),  # SHA-256 of the image file
    ]
)


class RecordTable(Sequence[ImageRecord]):
    """Records by index, each made when it is asked for.

    Args:
        rows: Of dtype ROW, shape (N,).
        paths: All paths one after the other, UTF-8, uint8.
    """

    def __init__(self, rows: np.ndarray, paths: np.ndarray) -> None:
        self._rows, self._paths = rows, paths

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> ImageRecord:
        end, offset, length, _, width, height, label, split, digest = self._rows[index].item()
        start = int(self._rows["path_end"][index - 1]) if index % len(self._rows) else 0
        path = self._paths[start:end].tobytes().decode()
        sha = bytes(digest).hex()
        return ImageRecord(path, label, SPLITS[split], sha, offset, length, width, height)

    def read_column(self, name: str) -> np.ndarray:
        """A column of numbers, int64, shape (N,)."""
        return self._rows[name].astype(np.int64)

    def has_any(self, digests: Iterable[str]) -> bool:
        """Whether an image file has one of these SHA-256, hexadecimal."""
        own = np.ascontiguousarray(self._rows["digest"]).view("V32")[:, 0]
        return any((own == np.void(bytes.fromhex(digest))).any() for digest in digests)

    def get_shard(self, index: int) -> int:
        """The number of the shard that holds an image."""
        return int(self._rows["shard"][index])


def open_table(folder: Path, shards: Shards) -> RecordTable:
    """Map the table of a data set.

    Args:
        folder: The data set's, with the files of the index.
        shards: With their hashes.

    Raises:
        DataSetError: If one is damaged.
    """
    hashes = {ROWS_FILE: shards.rows_sha256, PATHS_FILE: shards.paths_sha256}
    for name, digest in hashes.items():
        if hash_unchanged_file(folder / name) != digest:
            raise make_changed_error(f"data/{folder.name}/{name}")
    rows = np.memmap(folder / ROWS_FILE, ROW, "r")
    return RecordTable(rows, np.memmap(folder / PATHS_FILE, np.uint8, "r"))

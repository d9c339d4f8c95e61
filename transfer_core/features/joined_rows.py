"""Embeddings that lie in several arrays and are too large to be copied into one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

MAX_COPIED_BYTES = 256 << 20  # that are copied into one array all the same: it is faster to read


@dataclass(frozen=True)
class JoinedRows:
    """Arrays side by side or one below the other, joined row by row as they are read."""

    parts: "tuple[np.ndarray | JoinedRows, ...]"  # float32 (N, D) each
    axis: Literal[0, 1]  # 0: one below the other, 1: side by side

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return sum(part.nbytes for part in self.parts)

    def __len__(self) -> int:
        lengths = [len(part) for part in self.parts]
        return lengths[0] if self.axis else sum(lengths)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Rows by indices >= 0, int64 (M,), as float32 (M, D) in memory."""
        if self.axis:
            return np.concatenate([part[indices] for part in self.parts], axis=1)
        ends = np.cumsum([len(part) for part in self.parts])
        place = np.searchsorted(ends, indices, side="right")
        rows = None
        for number, part in enumerate(self.parts):
            here = place == number
            found = part[indices[here] - (ends[number] - len(part))]
            rows = np.empty((len(indices), found.shape[1]), np.float32) if rows is None else rows
            rows[here] = found
        return rows


def join_rows(
    parts: Sequence[np.ndarray | JoinedRows], axis: Literal[0, 1]
) -> np.ndarray | JoinedRows:
    """Join embeddings into one array, or into `JoinedRows` if that would take much memory."""
    if len(parts) == 1:
        return parts[0]  # without a copy: it may be mapped from disk
    joined = JoinedRows(tuple(parts), axis)
    if joined.nbytes > MAX_COPIED_BYTES:
        return joined
    return np.concatenate(parts, axis=axis)

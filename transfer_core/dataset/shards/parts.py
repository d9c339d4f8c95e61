"""A finished shard's part of the index, kept until all shards are written."""

import io
import json
from dataclasses import asdict, dataclass

import numpy as np

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.shards.addresses import Address
from transfer_core.dataset.shards.shard_files import ShardFile

PARTS_FOLDER = "parts"
NOT_GIVEN = 255  # in the column of the splits: the archive does not say


@dataclass(frozen=True)
class Part:
    """What the index needs to know of one shard."""

    made_from: str  # a hash of the names and sizes of its source files
    shard: ShardFile
    rows: np.ndarray  # of dtype ROW; splits as given, `path_end` within this part
    paths: bytes  # one after the other, UTF-8
    formats: dict[str, int]  # images of each format
    unreadable: tuple[Problem, ...]

    def save(self, address: Address, number: int) -> None:
        """Write it; from now on the shard counts as finished."""
        values = {
            "made_from": self.made_from,
            "shard": asdict(self.shard),
            "formats": self.formats,
            "unreadable": [asdict(problem) for problem in self.unreadable],
        }
        texts = {"paths": self.paths, "values": json.dumps(values).encode()}
        arrays = {name: np.frombuffer(text, np.uint8) for name, text in texts.items()}
        buffer = io.BytesIO()
        np.savez(buffer, rows=self.rows, **arrays)
        address.write_whole(_name(number), buffer.getvalue())


def load_part(address: Address, number: int) -> Part | None:
    """Read the part of a shard; None if the shard is not finished, or its part is damaged."""
    content = address.read(_name(number))
    try:
        with np.load(io.BytesIO(content or b"")) as arrays:
            values = json.loads(arrays["values"].tobytes())
            return Part(
                values["made_from"],
                ShardFile(**values["shard"]),
                arrays["rows"],
                arrays["paths"].tobytes(),
                values["formats"],
                tuple(Problem(**each) for each in values["unreadable"]),
            )
    except Exception:  # NumPy raises many kinds on a damaged file
        return None


def _name(number: int) -> str:
    return f"{PARTS_FOLDER}/{number:06}.npz"

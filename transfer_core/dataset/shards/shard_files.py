"""The shards of a data set: read where they lie, or from this machine's cache of them."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from transfer_core.dataset.shards.addresses import Address, translate_address_errors
from transfer_core.errors import DataSetError
from transfer_core.languages import _
from transfer_core.system import CacheFullError, add_entry, open_file

BLOCK_BYTES = 4 << 20  # copied at a time
MAX_OPENINGS = 20  # of a shard elsewhere, for single images; then all of it is copied

_openings: Counter[str] = Counter()  # in this process, by the shard's hash
_copying: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # one thread a shard


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A tar file of images."""

    name: str
    sha256: str  # hexadecimal
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Shards:
    """Where the images of a data set lie, and the hashes of all that lies there."""

    address: str
    files: tuple[ShardFile, ...]
    rows_sha256: str  # of the index beside the data set's description
    paths_sha256: str
    made_from: str  # a hash of the names and sizes of the source files, and of the split's seed

    def open(self, home: Path, number: int, *, many: bool) -> BinaryIO:
        """Open a shard.

        Args:
            home: The data folder, with the cache.
            number: Of the shard, from 0.
            many: Whether many of its images will be read, so that a copy of it pays.

        Raises:
            DataSetError: If it cannot be read, or is not the one that was written.
        """
        shard, address = self.files[number], Address(self.address)
        with translate_address_errors(f"{self.address}/{shard.name}"):
            if address.folder:
                return (address.folder / shard.name).open("rb")
            _openings[shard.sha256] += 1
            many = many or _openings[shard.sha256] > MAX_OPENINGS
            copy = _open_copy(address, shard, home, may_fetch=many)
            # Without a cache each image is one request for its bytes.
            return copy or address.open(shard.name, cache_type="none")


def _open_copy(address: Address, shard: ShardFile, home: Path, *, may_fetch: bool):
    """Open the copy of a shard in the cache; None if there is none and no room for one."""
    path = home / "shards" / f"{shard.sha256}.tar"
    with _copying[shard.sha256]:
        if (copy := open_file(path, shard.size)) or not may_fetch:
            return copy
        try:
            with add_entry(home, path, shard.size) as entry:
                _fetch(address, shard, entry)
        except CacheFullError:
            return None
        return open_file(path, shard.size)


def _fetch(address: Address, shard: ShardFile, to: BinaryIO) -> None:
    digest = sha256()
    with address.open(shard.name) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            to.write(block)
    if digest.hexdigest() != shard.sha256:
        raise make_changed_error(f"{address.text}/{shard.name}")


def make_changed_error(file: str) -> DataSetError:
    """The error for a file that is not the one whose hash was noted when it was written."""
    return DataSetError(
        _("A file of the data set is damaged or was changed."),
        found=file,
        remedy=_("Write the shards again, to an empty address."),
    )

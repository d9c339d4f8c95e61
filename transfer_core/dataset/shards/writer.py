"""Write a folder or zip of images into shards; interrupted writing goes on where it was."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from tarfile import USTAR_FORMAT, TarInfo
from typing import BinaryIO

import numpy as np

from transfer_core.dataset.archive import Limits, Member, Problem, open_archive
from transfer_core.dataset.archive.entry_paths import make_printable
from transfer_core.dataset.ingestion import TASK_BYTES, TASK_IMAGES, clean_members
from transfer_core.dataset.layout import read_layout
from transfer_core.dataset.shards.addresses import Address
from transfer_core.dataset.shards.index import Source, write_index
from transfer_core.dataset.shards.opening import read_manifest
from transfer_core.dataset.shards.parts import NOT_GIVEN, Part, load_part
from transfer_core.dataset.shards.record_table import ROW
from transfer_core.dataset.shards.shard_files import ShardFile
from transfer_core.dataset.types import SPLITS
from transfer_core.errors import DataSetError
from transfer_core.images import ImageCleaner, find_endings, read_limits
from transfer_core.languages import N_, _
from transfer_core.system import (
    Progress,
    StopRequested,
    group_into_tasks,
    hash_bytes,
    ignore_progress,
    map_in_order,
)

SHARD_BYTES = 128 << 20  # of source files in a shard
SHARD_IMAGES = 10_000  # in a shard, at most
TAR_BLOCK = 512  # bytes; files in a tar begin at a multiple of it
MAX_ENTRIES, MAX_BYTES = 50_000_000, 1 << 50  # of a source that the administrator chose


def write_shards(
    source: Path,
    address: str,
    *,
    name: str | None = None,
    seed: int = 0,
    progress: Progress = ignore_progress,
    stop: StopRequested | None = None,
) -> None:
    """Write the images of a zip or folder, one folder for each class, into shards.

    The same source gives the same files. Shards that an earlier call finished are kept.

    Args:
        source: The zip or folder; see `ingest`.
        address: A folder, or an address that fsspec can write.
        name: Shown to people; None takes the source's.
        seed: Of the splits to make.
        progress: Called with what is done, images done and total; may raise to end the work.
        stop: Called at least five times a second; True ends the work.

    Raises:
        ArchiveError: If the source cannot be read safely as a whole.
        DataSetError: If its images do not make a data set, the address cannot be written, or other
            images lie there.
        WorkStopped: If `stop` returned True; what was finished is kept.
    """
    limits = replace(
        Limits(),
        entries=MAX_ENTRIES,
        archive_bytes=MAX_BYTES,
        total_bytes=MAX_BYTES,
        entry_bytes=read_limits().megabytes << 20,
    )
    place = Address(address)
    with open_archive(source, limits) as archive:
        layout = read_layout(archive)
        hashes = [shard.made_from for shard in _plan_shards(layout.images)]
        title = make_printable(name or Path(source).resolve().stem)
        described = Source(archive, layout, title, seed, hash_bytes(f"{seed} {hashes}".encode()))
        if _is_written(place, described):
            return
        total = len(layout.images)

        def report(done: int) -> bool:
            progress(N_("Reading images"), done, total)
            return bool(stop and stop())

        with ImageCleaner() as cleaner:
            for shard in _plan_shards(layout.images):
                if not _is_finished(place, shard):
                    report_more = partial(lambda first, done: report(first + done), shard.first)
                    _write_shard(shard, place, described, cleaner, report_more)
                report(shard.first + len(shard.members))
        write_index(place, described, len(hashes))


@dataclass(frozen=True)
class _Shard:
    """A shard to write."""

    number: int
    first: int  # position of its first image among all
    members: Sequence[Member]
    made_from: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"shard-{self.number:06}.tar"


class _TarWriter:
    """Write files one after the other in a tar of equal bytes every time, and hash it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self.position = file, sha256(), 0

    def add(self, name: str, data: bytes) -> int:
        """Add a file; returns the offset of its content in bytes."""
        info = TarInfo(name)
        info.size = len(data)
        self._write(info.tobuf(USTAR_FORMAT))
        offset = self.position
        self._write(data + bytes(-len(data) % TAR_BLOCK))
        return offset

    def finish(self) -> str:
        """Write the end; returns the SHA-256 of all, hexadecimal."""
        self._write(bytes(2 * TAR_BLOCK))
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self.position += self._file.write(data)


def _write_shard(
    shard: _Shard, place: Address, source: Source, cleaner: ImageCleaner, report: Callable
) -> None:
    """Check and clean the images of a shard, write them, and then its part of the index."""
    rows, unreadable, formats = np.zeros(len(shard.members), ROW), [], Counter()
    paths, count = bytearray(), 0
    tasks = group_into_tasks(shard.members, lambda member: member.size, TASK_BYTES, TASK_IMAGES)
    with (
        place.open(shard.name, "wb") as file,
        closing(
            map_in_order(
                lambda task: clean_members(source.archive, task, cleaner),
                tasks,
                lambda: report(count + len(unreadable)),
            )
        ) as cleaned,
    ):
        tar = _TarWriter(file)
        for member, image, *digests in (each for batch in cleaned for each in batch):
            if isinstance(image, Problem):
                unreadable.append(image)
                continue
            class_name, split = source.layout.get_class_and_split(member)
            label, key = source.classes.index(class_name), f"{shard.first + count:09}"
            ending = find_endings(image.data)[0]
            offset = tar.add(f"{key}.{ending}", image.data)
            tar.add(f"{key}.cls", str(label).encode())
            paths += member.path.encode()
            info, given = image.info, SPLITS.index(split) if split else NOT_GIVEN
            size = len(image.data)
            facts = len(paths), offset, size, shard.number, info.width, info.height, label, given
            rows[count] = (*facts, tuple(bytes.fromhex(digests[1])))
            formats[info.format] += 1
            count += 1
        digest = tar.finish()
    written = ShardFile(shard.name, digest, tar.position)
    part = Part(
        shard.made_from, written, rows[:count], bytes(paths), dict(formats), tuple(unreadable)
    )
    part.save(place, shard.number)


def _plan_shards(images: Sequence[Member]) -> Iterator[_Shard]:
    """Deal the images to shards at random, the same way every time."""
    members: list[Member] = []
    number = first = size = 0
    for position, index in enumerate(np.random.default_rng(0).permutation(len(images)), start=1):
        members.append(images[index])
        size += images[index].size
        if size >= SHARD_BYTES or len(members) == SHARD_IMAGES or position == len(images):
            names = "\n".join(f"{member.path} {member.size}" for member in members)
            yield _Shard(number, first, members, hash_bytes(names.encode()))
            members, number, first, size = [], number + 1, position, 0


def _is_finished(place: Address, shard: _Shard) -> bool:
    part = load_part(place, shard.number)
    return part is not None and part.made_from == shard.made_from


def _is_written(place: Address, source: Source) -> bool:
    """Whether all shards of a source are finished.

    Raises:
        DataSetError: If those of another one lie there.
    """
    known = read_manifest(place)
    if known is None or known.shards.made_from == source.made_from:
        return known is not None
    raise DataSetError(
        _("Other images, or a split by another seed, lie at this address."),
        found=place.text[:200],
        remedy=_("Choose an empty address."),
    )

"""Take an archive into the store: every image checked, everything or nothing kept."""

import hashlib
import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from transfer_core.dataset import store
from transfer_core.dataset.archive import (
    Archive,
    Limits,
    Member,
    MemberError,
    Problem,
    open_archive,
)
from transfer_core.dataset.archive.names import make_printable
from transfer_core.dataset.assembly import IMPORT_VERSION, ArchiveContents, assemble
from transfer_core.dataset.atomic_folder import (
    create_unfinished_folder,
    publish,
    remove_abandoned_folders,
    translate_disk_errors,
)
from transfer_core.dataset.layout import Layout, read_layout
from transfer_core.dataset.splitting import DecodedImage
from transfer_core.dataset.types import DataSet
from transfer_core.errors import ImageError
from transfer_core.images.decoding import ImageInfo, check_image
from transfer_core.system.files import hash_bytes, write_atomically
from transfer_core.system.parallel import (
    Progress,
    StopRequested,
    WorkStopped,
    group_into_tasks,
    ignore_progress,
    map_in_order,
)

WRITE_BUFFER_BYTES = 1024**2  # bytes of small images that are written at once


def ingest(
    source: Path,
    *,
    home: Path,
    name: str | None = None,
    seed: int = 0,
    progress: Progress = ignore_progress,
    stop: StopRequested | None = None,
) -> DataSet:
    """Read a zip or a folder of images in class folders into the store.

    The same content with the same seed gives the same data set, and a zip that is
    known is not read again. Only original image files are stored, under no name
    that the archive chose.

    Args:
        source: The zip or folder.
        home: The data folder.
        name: For people, such as the name of the upload; taken from the source if
            None. A known set keeps its first name.
        seed: Of the splits that have to be made.
        progress: Called with what is done, images done and total; may raise to end the work.
        stop: Asked at least five times a second.

    Raises:
        ArchiveError: If the archive cannot be read safely as a whole.
        DataSetError: If its images do not make a data set.
        WorkStopped: If `stop` said so; then nothing is left behind.
    """
    source = Path(source)
    data = home / "data"
    with translate_disk_errors():
        data.mkdir(parents=True, exist_ok=True)
        remove_abandoned_folders(data)
        note = _locate_known_id(source, data, seed, stop)
        if note and note.is_file() and store.exists(home, note.read_text()):
            return store.load(home, note.read_text())
        limits = replace(Limits(), total_bytes=_compute_max_bytes(data))
    with open_archive(source, limits, name=name) as opened:
        layout = read_layout(opened)
        with translate_disk_errors(), create_unfinished_folder(data) as folder:
            images, unreadable = _write_pack(opened, layout, folder, progress, stop)
            material = ArchiveContents(opened, layout, images, unreadable)
            data_set = assemble(material, make_printable(name or _derive_name(source)), seed)
            store.write(data_set, folder)
            new = publish(folder, data / data_set.id)
            if note:
                note.parent.mkdir(exist_ok=True)
                write_atomically(note, data_set.id)
    return data_set if new else store.load(home, data_set.id)


def _write_pack(
    archive: Archive, layout: Layout, folder: Path, progress: Progress, stop: StopRequested | None
) -> tuple[list[DecodedImage], list[Problem]]:
    """Check every image and write the bytes of the good ones one after the other."""
    images, unreadable, done, offset = [], [], 0, 0
    known: dict[ImageInfo, ImageInfo] = {}  # one object for all images of one kind and size
    tasks = group_into_tasks(layout.images, lambda member: member.size)
    checked = map_in_order(
        lambda task: [(m, *_check_member(archive, m)) for m in task], tasks, stop
    )
    with (folder / "images.pack").open("wb", WRITE_BUFFER_BYTES) as pack, closing(checked):
        for batch in checked:
            for member, found, digest, data in batch:
                if isinstance(found, Problem):
                    unreadable.append(found)
                    continue
                facts = known.setdefault(found, found)
                place, where = layout.place(member), (offset, len(data))
                images.append(DecodedImage(member.path, *place, digest, *where, facts))
                offset += pack.write(data)
            done += len(batch)
            progress("Reading images", done, len(layout.images))
        pack.flush()
        os.fsync(pack.fileno())
    return images, unreadable


def _check_member(archive: Archive, member: Member) -> tuple[ImageInfo | Problem, str, bytes]:
    """What is known of an image or what is wrong with it, its digest and its bytes."""
    try:
        data = archive.read(member)
        return check_image(data), hash_bytes(data), data
    except (MemberError, ImageError) as error:
        return Problem("unreadable", member.path, f"{error.problem} {error.remedy}"), "", b""


def _compute_max_bytes(data: Path) -> int:
    """Half of what is free, so that the archive cannot fill the disk."""
    return min(Limits().total_bytes, shutil.disk_usage(data).free // 2)


def _locate_known_id(
    source: Path, data: Path, seed: int, stop: StopRequested | None
) -> Path | None:
    """Where the id of a zip that was read before is noted; None for what is no such zip."""
    if not source.is_file() or source.stat().st_size > Limits().archive_bytes:
        return None
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while block := file.read(16 * 1024**2):
            if stop and stop():
                raise WorkStopped
            digest.update(block)
    return data / "known" / f"{digest.hexdigest()}-{seed}-{IMPORT_VERSION}"


def _derive_name(source: Path) -> str:
    return source.resolve().name if source.is_dir() else source.stem

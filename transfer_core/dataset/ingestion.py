"""Read an archive into the store: check every image, and store all or nothing."""

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import closing, suppress
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
    read_archive_limits,
)
from transfer_core.dataset.archive.entry_paths import make_printable
from transfer_core.dataset.assembly import IMPORT_VERSION, ArchiveContents, assemble
from transfer_core.dataset.atomic_folder import (
    create_unfinished_folder,
    publish,
    remove_abandoned_folders,
)
from transfer_core.dataset.layout import Layout, read_layout
from transfer_core.dataset.shards.opening import has_shards, open_shards
from transfer_core.dataset.splitting import DecodedImage
from transfer_core.dataset.types import DataSet
from transfer_core.dataset.versions import share_images
from transfer_core.errors import ArchiveError
from transfer_core.images import CleanImage, ImageCleaner, ImageInfo, read_limits
from transfer_core.languages import N_, _
from transfer_core.system import (
    Progress,
    StopRequested,
    WorkStopped,
    group_into_tasks,
    hash_bytes,
    ignore_progress,
    map_in_order,
    require_space,
    translate_disk_errors,
    write_atomically,
)

MEGABYTE = 1024**2
TASK_BYTES = MEGABYTE  # of image files that a child process gets at once
TASK_IMAGES = 128
WRITE_BUFFER_BYTES = MEGABYTE  # so that small images are written many at a time


def ingest(
    source: Path | str,
    *,
    home: Path,
    name: str | None = None,
    seed: int = 0,
    progress: Progress = ignore_progress,
    stop: StopRequested | None = None,
) -> DataSet:
    """Read a zip or a folder of images in class folders into the store.

    The same content with the same seed gives the same data set, and a zip that was read before
    is not read again. Of the image files only the pixels are stored, see `clean_image`, and never
    under a name from the archive.

    Args:
        source: The zip or folder, or the address of shards, which stay where they are.
        home: The data folder.
        name: Shown to people, such as the name of the upload; None takes the source's. A data
            set that is stored already keeps its first name.
        seed: Of the splits to make.
        progress: Called with what is done, images done and total; may raise to end the work.
        stop: Called at least five times a second; True ends the work.

    Raises:
        ArchiveError: If the archive cannot be read safely as a whole.
        DataSetError: If its images do not make a data set.
        WorkStopped: If `stop` returned True; then nothing is left behind.
    """
    if has_shards(source):
        return open_shards(source, home)
    source = Path(source)
    data, state = home / "data", _read_state(source)
    with translate_disk_errors():
        data.mkdir(parents=True, exist_ok=True)
        remove_abandoned_folders(data)
        note = _locate_known_id(source, data, seed, stop)
        if note and note.is_file() and (known := store.load_whole(home, _read_note(note))):
            return known
        entry_bytes = read_limits().megabytes * MEGABYTE
        limits = read_archive_limits()
        total_bytes = _compute_max_bytes(data, limits)
        limits = replace(limits, entry_bytes=entry_bytes, total_bytes=total_bytes)
    with open_archive(source, limits, name=name) as opened:
        layout = read_layout(opened)
        require_space(data, _sum_sizes(layout, limits), N_("these images"))
        with translate_disk_errors(), create_unfinished_folder(data) as folder:
            images, unreadable = _write_pack(opened, layout, folder, limits, progress, stop)
            if state != _read_state(source):
                raise _make_changed_error(opened.name)
            contents = ArchiveContents(opened, layout, images, unreadable)
            data_set = assemble(contents, make_printable(name or _derive_name(source)), seed)
            store.write(data_set, folder)
            was_there = (data / data_set.id).exists()
            new = publish(
                folder,
                data / data_set.id,
                lambda: store.load_whole(home, data_set.id) is not None,
            )
            if new and was_there:  # it was damaged
                share_images(home, data_set)
            if note:
                with suppress(OSError):  # the zip is then read again next time
                    note.parent.mkdir(exist_ok=True)
                    write_atomically(note, data_set.id)
    return data_set if new else store.load(home, data_set.id)


def _write_pack(
    archive: Archive,
    layout: Layout,
    folder: Path,
    limits: Limits,
    progress: Progress,
    stop: StopRequested | None,
) -> tuple[list[DecodedImage], list[Problem]]:
    """Decode every image and write what is kept of the good ones one after the other."""
    images, unreadable, done, offset = [], [], 0, 0
    infos: dict[ImageInfo, ImageInfo] = {}  # one object for all images of one format and size
    tasks = group_into_tasks(layout.images, lambda member: member.size, TASK_BYTES, TASK_IMAGES)

    def report() -> bool:
        """Tell the progress also while nothing comes, so that the person may end the work."""
        progress(N_("Reading images"), done, len(layout.images))
        limits.check_decoding(cleaner.seconds, done, len(layout.images))
        return bool(stop and stop())

    with (
        (folder / "images.pack").open("wb", WRITE_BUFFER_BYTES) as pack,
        ImageCleaner() as cleaner,
        closing(
            map_in_order(lambda task: clean_members(archive, task, cleaner), tasks, report)
        ) as cleaned,
    ):
        for batch in cleaned:
            for member, image, *digests in batch:
                if isinstance(image, Problem):
                    unreadable.append(image)
                    continue
                info = infos.setdefault(image.info, image.info)
                class_name, split = layout.get_class_and_split(member)
                size = pack.write(image.data)
                images.append(
                    DecodedImage(
                        member.path, class_name, split, digests[0], offset, size, info, digests[1]
                    )
                )
                offset += size
                limits.check_total(offset)
            done += len(batch)
            report()
        pack.flush()
        os.fsync(pack.fileno())
    return images, unreadable


def clean_members(
    archive: Archive, members: Sequence[Member], cleaner: ImageCleaner
) -> list[tuple[Member, CleanImage, str, str] | tuple[Member, Problem]]:
    """Each member with what is kept of it, and the hashes of both, or with the problem with it."""
    files, errors = {}, {}
    for member in members:
        try:
            files[member.path] = archive.read(member)
        except MemberError as error:
            errors[member.path] = error
    results = dict(zip(files, cleaner.clean(tuple(files.values())), strict=True)) | errors
    told = []
    for member in members:
        result = results[member.path]
        if isinstance(result, CleanImage):
            data = files[member.path]
            digest = hash_bytes(data)
            kept = digest if result.data is data else hash_bytes(result.data)
            told.append((member, result, digest, kept))
        else:
            reason = f"{result.problem} {result.remedy}"
            told.append((member, Problem("unreadable", member.path, reason)))
    return told


def _read_state(source: Path) -> tuple[int, ...] | None:
    """What changes when a zip is written to or replaced; None for a folder."""
    try:
        status = source.stat()
    except (OSError, ValueError):  # reading it says so
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _make_changed_error(name: str) -> ArchiveError:
    return ArchiveError(
        _("The zip changed while it was read."),
        found=name,
        remedy=_("Wait until it is copied, and read it again."),
    )


def _sum_sizes(layout: Layout, limits: Limits) -> int:
    """Bytes that the images claim to have; what claims more than an image may is left out."""
    return sum(min(member.size, limits.entry_bytes) for member in layout.images)


def _compute_max_bytes(data: Path, limits: Limits) -> int:
    """Bytes that an archive may unpack to: half of the free disk at most."""
    return min(limits.total_bytes, shutil.disk_usage(data).free // 2)


def _locate_known_id(
    source: Path, data: Path, seed: int, stop: StopRequested | None
) -> Path | None:
    """The file that notes the data set's id of a zip, by its hash; None for a folder."""
    if not source.is_file() or source.stat().st_size > Limits().archive_bytes:
        return None
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while block := file.read(16 * 1024**2):
            if stop and stop():
                raise WorkStopped
            digest.update(block)
    return data / "known" / f"{digest.hexdigest()}-{seed}-{IMPORT_VERSION}"


def list_known_ids(home: Path, digest: str) -> set[str]:
    """The ids of the data sets that were read from the zip of this SHA-256, one for each seed."""
    return {_read_note(note) for note in (home / "data" / "known").glob(f"{digest}-*")}


def _read_note(note: Path) -> str:
    return note.read_text(errors="replace")


def _derive_name(source: Path) -> str:
    return source.resolve().name if source.is_dir() else source.stem

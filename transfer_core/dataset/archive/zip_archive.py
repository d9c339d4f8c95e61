"""A zip as an archive."""

import threading
import zlib
from pathlib import Path

from transfer_core.dataset.archive import entry_paths
from transfer_core.dataset.archive.base import (
    ByteBudget,
    Limits,
    Member,
    MemberError,
    make_compression_ratio_error,
)
from transfer_core.dataset.archive.entry_collector import EntryCollector
from transfer_core.dataset.archive.zip_directory import DEFLATED, ZipEntry, read_directory
from transfer_core.errors import ArchiveError
from transfer_core.languages import _
from transfer_core.system import pause_collection

_OTHER_ARCHIVE_SIGNATURES = (
    (0, b"Rar!", "RAR"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ", "xz"),
    (257, b"ustar", "tar"),
)


class ZipArchive:
    """An opened zip; see `Archive`."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.name
        self._limits = limits
        self._budget = ByteBudget(limits)
        self._lock = threading.Lock()  # one file position for all threads
        self._file = path.open("rb")
        try:
            with pause_collection():
                self._read_members(path.stat().st_size)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def read(self, member: Member) -> bytes:
        """See `Archive.read`."""
        entry = member.location
        if entry.compressed_size > self._limits.entry_bytes:
            raise _make_too_large_error(member, self._limits)
        with self._lock:
            self._file.seek(entry.start)
            packed = self._file.read(entry.compressed_size)
        data = self._decompress(member, entry, packed)
        self._budget.spend(len(data), len(packed))
        if zlib.crc32(data) != entry.crc:
            raise _make_damaged_member_error(member, "its checksum is wrong")
        return data

    def _read_members(self, length: int) -> None:
        self._refuse_other_kinds(length)
        listing = EntryCollector(self._limits)
        for name, entry in read_directory(self._file, length, self._limits):
            if len(name) > self._limits.name_bytes:
                listing.add_too_long(name)
                continue
            parts = entry_paths.check_and_split_path(name)
            if name.endswith(("/", "\\")):
                listing.add_folder(parts)
            else:
                listing.add_file(parts, entry.size, entry)
        self.members, self.folders = tuple(listing.members), tuple(listing.folders)
        self.problems, self.junk = tuple(listing.problems), listing.junk

    def _refuse_other_kinds(self, length: int) -> None:
        if length > self._limits.archive_bytes:
            raise ArchiveError(
                _("The archive is too large."),
                found=f"{length / 1024**2:,.0f} MB",
                remedy=_(
                    "At most {size:,.0f} MB are accepted; make the images smaller or "
                    "leave some out.",
                    size=self._limits.archive_bytes / 1024**2,
                ),
            )
        start = self._file.read(512)
        for offset, signature, kind in _OTHER_ARCHIVE_SIGNATURES:
            if start[offset:].startswith(signature):
                raise _make_not_a_zip_error(f"a {kind} archive")
        if not start:
            raise _make_not_a_zip_error("an empty file")
        if start.startswith(b"PK\5\6"):
            raise ArchiveError(
                _("There are no images in the archive."),
                found=_("an empty zip"),
                remedy=_("Pack a folder that holds one folder of images for each class."),
            )
        if not start.startswith(b"PK\3\4"):
            raise _make_not_a_zip_error("a file of another kind")

    def _decompress(self, member: Member, entry: ZipEntry, packed: bytes) -> bytes:
        limits = self._limits
        if entry.method != DEFLATED:
            return packed
        max_bytes_by_ratio = max(limits.min_bytes_for_ratio, limits.entry_ratio * len(packed))
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflate.decompress(packed, min(max_bytes_by_ratio, limits.entry_bytes) + 1)
        except zlib.error:
            raise _make_damaged_member_error(member, "its compressed data are broken") from None
        if len(data) > max_bytes_by_ratio:
            raise make_compression_ratio_error(len(data) / len(packed), limits.entry_ratio)
        if len(data) > limits.entry_bytes:
            raise _make_too_large_error(member, limits)
        if not inflate.eof:
            raise _make_damaged_member_error(member, "its compressed data end early")
        return data


def _make_not_a_zip_error(found: str) -> ArchiveError:
    return ArchiveError(
        _("This is not a zip."),
        found=found,
        remedy=_("Pack the folder of images as an ordinary zip."),
    )


def _make_too_large_error(member: Member, limits: Limits) -> MemberError:
    return MemberError(
        f"The file is larger than {limits.entry_bytes // 1024**2} MB.",
        found=member.path,
        remedy="Save the image smaller.",
    )


def _make_damaged_member_error(member: Member, what: str) -> MemberError:
    return MemberError(
        f"The file is damaged inside the zip: {what}.",
        found=member.path,
        remedy="Pack this file again.",
    )

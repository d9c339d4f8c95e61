"""Read the directory of a zip strictly: every entry has its own bytes and one name.

The standard library is too lenient for hostile archives: before Python 3.11.8 it unpacks
entries that overlap, and before 3.11.14 it believes a false zip64 record. Here each offset is
checked before anything is unpacked.

Source:
    PKWARE APPNOTE.TXT 6.3.10; Fifield 2019, "A better zip bomb".
"""

import stat
import struct
from collections.abc import Iterator
from operator import attrgetter
from typing import BinaryIO, NamedTuple

from transfer_core.dataset.archive.base import (
    Limits,
    make_damaged_zip_error,
    make_too_many_entries_error,
)
from transfer_core.dataset.archive.entry_paths import decode_old_name, make_printable
from transfer_core.errors import ArchiveError
from transfer_core.languages import _

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4sH2xHH4x3L3H4x2L")  # x: version, time, disk, internal attributes
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _STRONGLY_ENCRYPTED, _UTF8 = 0x1, 0x40, 0x800
_UNIX_HOSTS = (3, 19)  # Unix and macOS keep a file mode
_MAX_DIRECTORY_BYTES_PER_ENTRY = 320  # in the directory, on average over the archive
_MAX_DECODED_BYTES = 4096  # of a name; longer ones are left out, and only their beginning is shown


class ZipEntry(NamedTuple):  # a tuple, since a zip may hold a million of them
    """Location, sizes and compression of one file in a zip."""

    method: int
    crc: int
    compressed_size: int  # bytes
    size: int  # bytes, as claimed
    start: int  # offset of its data


class DirectoryRecord(NamedTuple):
    """One record of the directory."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int  # bytes
    size: int  # bytes, as claimed
    header: int  # offset of the local header

    @property
    def name(self) -> str:
        """The name as text, or the beginning of one that is too long to be used."""
        if len(self.raw_name) > _MAX_DECODED_BYTES:
            return self.raw_name[:_MAX_DECODED_BYTES].decode("utf-8", "replace")
        if not self.flags & _UTF8:
            return decode_old_name(self.raw_name)
        try:
            return self.raw_name.decode("utf-8")
        except UnicodeDecodeError:
            raise make_damaged_zip_error("a name that is marked as UTF-8 and is not") from None


def read_directory(file: BinaryIO, length: int, limits: Limits) -> Iterator[tuple[str, ZipEntry]]:
    """Read and check the whole directory.

    Args:
        file: The zip, opened for reading.
        length: Its length in bytes.
        limits: Bounds the number of entries.

    Yields:
        Name and entry of each file and folder, in the order of their data.

    Raises:
        ArchiveError: If anything is inconsistent; this may come only after the last entry.
    """
    start, end, claimed = _find_directory(file, length, limits)
    file.seek(start)
    data = file.read(end - start)
    lines, position = [], 0
    while position < len(data):
        line, position = _parse_record(data, position)
        lines.append(line)
        if len(lines) > limits.entries:
            raise make_too_many_entries_error(limits)
        if claimed is not None and len(lines) > claimed:
            raise make_damaged_zip_error("its directory holds more files than it says")
    del data
    lines.sort(key=attrgetter("header"))
    lines.reverse()  # the last first, since they are popped from the end
    yield from _locate_data(file, lines, start)


def _find_directory(file: BinaryIO, length: int, limits: Limits) -> tuple[int, int, int | None]:
    """Offsets of the directory's first byte and of the byte after its last; its most records."""
    tail_start = max(0, length - _END.size - 0xFFFF)
    file.seek(tail_start)
    tail = file.read(length - tail_start)
    at = tail.rfind(b"PK\5\6")
    while at >= 0 and not _ends_file(tail, at):
        at = tail.rfind(b"PK\5\6", 0, at + 3)
    if at < 0:
        raise make_damaged_zip_error(
            "the directory at its end is missing, so it is cut off or no zip"
        )
    __, disk, start_disk, count, __, size, start, __ = _END.unpack_from(tail, at)
    end = tail_start + at
    if disk not in (0, 0xFFFF) or start_disk not in (0, 0xFFFF):
        raise make_damaged_zip_error("it is one part of a zip that was split into several files")
    claimed = None  # old programs count no further than 65,535, and begin again
    if 0xFFFFFFFF in (size, start) or 0xFFFF in (disk, start_disk, count):
        end, size, start, claimed = _read_zip64_end(file, end, size, start)
    if start + size != end:
        raise make_damaged_zip_error(
            "its directory is not where it says, or other data stand before the zip"
        )
    if max(claimed or 0, size // _MAX_DIRECTORY_BYTES_PER_ENTRY) > limits.entries:
        raise make_too_many_entries_error(limits)
    return start, end, claimed


def _ends_file(tail: bytes, at: int) -> bool:
    end = at + _END.size
    return end <= len(tail) and end + _END.unpack_from(tail, at)[-1] == len(tail)


def _read_zip64_end(
    file: BinaryIO, end: int, size: int, start: int
) -> tuple[int, int, int, int | None]:
    """End, size, start and entries of the directory of a zip of over 4 GB or 65,534 entries."""
    file.seek(max(0, end - _LOCATOR64.size))
    locator = file.read(_LOCATOR64.size)
    if not locator.startswith(b"PK\6\7"):
        return end, size, start, None  # exactly 65,535 entries, or the caller finds the sizes wrong
    __, disk, record, __ = _LOCATOR64.unpack(locator)
    if disk or record != end - _LOCATOR64.size - _END64.size:
        raise make_damaged_zip_error("its zip64 record is not where it says")
    file.seek(record)
    signature, *__, claimed, size, start = _END64.unpack(file.read(_END64.size))
    if signature != b"PK\6\6":
        raise make_damaged_zip_error("its zip64 record is missing")
    return record, size, start, claimed


def _parse_record(data: bytes, position: int) -> tuple[DirectoryRecord, int]:
    if len(data) - position < _CENTRAL.size:
        raise make_damaged_zip_error("its directory ends in the middle of an entry")
    signature, made_by, flags, method, *numbers = _CENTRAL.unpack_from(data, position)
    crc, packed, size, name_length, extra_length, comment_length, attributes, header = numbers
    name_end = position + _CENTRAL.size + name_length
    extra_end = name_end + extra_length
    after = extra_end + comment_length
    if signature != b"PK\1\2" or after > len(data):
        raise make_damaged_zip_error("its directory holds something that is no entry")
    raw_name = data[position + _CENTRAL.size : name_end]
    extra = data[name_end:extra_end]
    packed, size, header = _resolve_zip64_sizes(extra, packed, size, header)
    line = DirectoryRecord(raw_name, flags, method, crc, packed, size, header)
    _refuse_unsupported(line)
    if made_by >> 8 in _UNIX_HOSTS:
        _refuse_special_files(line, attributes >> 16)
    return line, after


def _refuse_unsupported(line: DirectoryRecord) -> None:
    if line.flags & (_ENCRYPTED | _STRONGLY_ENCRYPTED):
        raise ArchiveError(
            _("The archive is protected by a password."),
            found=make_printable(line.name),
            remedy=_("Remove the password: unpack it and pack the images again without one."),
        )
    if line.method not in (STORED, DEFLATED):
        raise ArchiveError(
            _("The archive uses a compression method that is not supported."),
            found=_(
                "method {method} for {file}",
                method=line.method,
                file=make_printable(line.name),
            ),
            remedy=_("Pack the images as an ordinary zip (deflate)."),
        )


def _refuse_special_files(line: DirectoryRecord, mode: int) -> None:
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(
            _("The archive holds a link or a device instead of a file."),
            found=make_printable(line.name),
            remedy=_("Pack the images themselves, not links to them."),
        )


def _resolve_zip64_sizes(extra: bytes, packed: int, size: int, header: int) -> tuple[int, int, int]:
    """Replace the sizes and the offset that did not fit into 32 bits."""
    if 0xFFFFFFFF not in (packed, size, header):
        return packed, size, header
    values = {"size": size, "packed": packed, "header": header}
    large = [key for key in ("size", "packed", "header") if values[key] == 0xFFFFFFFF]
    position = 0
    while large and position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        if tag == 1 and length >= 8 * len(large) and position + 4 + length <= len(extra):
            numbers = struct.unpack_from(f"<{len(large)}Q", extra, position + 4)
            values.update(zip(large, numbers, strict=True))
            large = []
        position += 4 + length
    if large:
        raise make_damaged_zip_error("the sizes of a large file are missing")
    return values["packed"], values["size"], values["header"]


def _locate_data(
    file: BinaryIO, lines: list[DirectoryRecord], directory: int
) -> Iterator[tuple[str, ZipEntry]]:
    """Check that each record has a file header of its own, and find where its data begin.

    Args:
        lines: Records, the last in the file first; the list is emptied to save memory.
        directory: Offset of the directory.
    """
    if lines and lines[-1].header != 0:
        raise make_damaged_zip_error(
            "other data stand before the zip, such as a program or a second zip"
        )
    previous_end = 0
    while lines:
        line = lines.pop()
        if line.header < previous_end:
            raise make_damaged_zip_error(
                f"{make_printable(line.name)} shares its bytes with another entry"
            )
        start = _read_data_offset(file, line, directory)
        previous_end = start + line.compressed_size
        if previous_end > directory:
            raise make_damaged_zip_error(
                f"{make_printable(line.name)} reaches beyond the end of the data"
            )
        yield line.name, ZipEntry(line.method, line.crc, line.compressed_size, line.size, start)


def _read_data_offset(file: BinaryIO, line: DirectoryRecord, directory: int) -> int:
    wanted = _LOCAL.size + len(line.raw_name)
    if line.header + wanted > directory:
        raise make_damaged_zip_error(
            f"{make_printable(line.name)} reaches beyond the end of the data"
        )
    file.seek(line.header)
    header = file.read(wanted)
    signature, __, flags, method, *__, name_length, extra_length = _LOCAL.unpack_from(header)
    if signature != b"PK\3\4" or header[_LOCAL.size :] != line.raw_name:
        raise make_damaged_zip_error(
            f"the directory says {make_printable(line.name)}, the file itself does not"
        )
    if name_length != len(line.raw_name) or method != line.method or flags & _ENCRYPTED:
        raise make_damaged_zip_error(
            f"the directory and the file disagree about {make_printable(line.name)}"
        )
    return line.header + wanted + extra_length

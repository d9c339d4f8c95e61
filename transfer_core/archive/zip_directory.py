"""The directory of a zip, read strictly: every entry has its own bytes and one name.

The standard library is lenient where hostile archives live: before Python 3.11.8
it unpacks entries that overlap, and before 3.11.14 it believes a false zip64
record. Here each offset is checked before anything is unpacked.

Source:
    PKWARE APPNOTE.TXT 6.3.10; Fifield 2019, "A better zip bomb".
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from transfer_core.archive.names import decode_old_name, printable
from transfer_core.archive.source import Limits
from transfer_core.errors import ArchiveError

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _STRONGLY_ENCRYPTED, _UTF8 = 0x1, 0x40, 0x800
_UNIX_HOSTS = (3, 19)  # Unix and macOS keep a file mode
_MOST_BYTES_OF_AN_ENTRY = 1024  # in the directory, on average over the archive


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the directory."""

    name: str
    raw_name: bytes
    method: int
    crc: int
    packed: int  # bytes
    size: int  # bytes, as claimed
    header: int  # offset of the local header
    mode: int  # Unix file mode, 0 where there is none


def read_directory(file: BinaryIO, length: int, limits: Limits) -> tuple[list[Entry], list[int]]:
    """Read and check the whole directory.

    Args:
        file: The zip, opened for reading.
        length: Its length in bytes.
        limits: Bounds the number of entries.

    Returns:
        The entries in the order of the directory, and for each the offset of its data.

    Raises:
        ArchiveError: If anything is not as it has to be.
    """
    start, end = _find_directory(file, length, limits)
    file.seek(start)
    data = file.read(end - start)
    entries, position = [], 0
    while position < len(data):
        entry, position = _entry(data, position)
        entries.append(entry)
        if len(entries) > limits.entries:
            raise too_many_entries(limits)
    return entries, _data_offsets(file, entries, start)


def too_many_entries(limits: Limits) -> ArchiveError:
    """The error for an archive with too many files."""
    return ArchiveError(
        "The archive holds too many files.",
        found=f"more than {limits.entries:,}",
        remedy="Split it into several archives or leave images out.",
    )


def damaged(what: str) -> ArchiveError:
    """The error for a zip whose inner structure is broken."""
    return ArchiveError(
        "The zip is damaged, or was made to deceive.",
        found=what,
        remedy="Pack the images again, or copy the file again if the copy was interrupted.",
    )


def _find_directory(file: BinaryIO, length: int, limits: Limits) -> tuple[int, int]:
    """Offsets of the first byte of the directory and of the byte after it."""
    tail_start = max(0, length - _END.size - 0xFFFF)
    file.seek(tail_start)
    tail = file.read(length - tail_start)
    at = tail.rfind(b"PK\5\6")
    while at >= 0 and not _ends_file(tail, at):
        at = tail.rfind(b"PK\5\6", 0, at + 3)
    if at < 0:
        raise damaged("the directory at its end is missing, so it is cut off or no zip")
    _, disk, start_disk, count, _, size, start, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if disk not in (0, 0xFFFF) or start_disk not in (0, 0xFFFF):
        raise damaged("it is one part of a zip that was split into several files")
    if 0xFFFFFFFF in (size, start) or 0xFFFF in (disk, start_disk, count):
        end, size, start = _zip64_end(file, end, size, start)
    if start + size != end:
        raise damaged("its directory is not where it says, or other data stand before the zip")
    if size > limits.entries * _MOST_BYTES_OF_AN_ENTRY:
        raise too_many_entries(limits)
    return start, end


def _ends_file(tail: bytes, at: int) -> bool:
    if at + _END.size > len(tail):
        return False
    return at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail)


def _zip64_end(file: BinaryIO, end: int, size: int, start: int) -> tuple[int, int, int]:
    """End, size and start of the directory of a zip of more than 4 GB or 65,534 entries."""
    file.seek(max(0, end - _LOCATOR64.size))
    locator = file.read(_LOCATOR64.size)
    if not locator.startswith(b"PK\6\7"):
        return end, size, start  # exactly 65,535 entries, or the caller finds the sizes wrong
    _, disk, record, _ = _LOCATOR64.unpack(locator)
    if disk or record != end - _LOCATOR64.size - _END64.size:
        raise damaged("its zip64 record is not where it says")
    file.seek(record)
    signature, *_, size, start = _END64.unpack(file.read(_END64.size))
    if signature != b"PK\6\6":
        raise damaged("its zip64 record is missing")
    return record, size, start


def _entry(data: bytes, position: int) -> tuple[Entry, int]:
    if len(data) - position < _CENTRAL.size:
        raise damaged("its directory ends in the middle of an entry")
    (signature, made_by, _, flags, method, _, _, crc, packed, size, name_length, extra_length,
     comment_length, _, _, attributes, header) = _CENTRAL.unpack_from(data, position)  # fmt: skip
    name_end = position + _CENTRAL.size + name_length
    extra_end = name_end + extra_length
    after = extra_end + comment_length
    if signature != b"PK\1\2" or after > len(data):
        raise damaged("its directory holds something that is no entry")
    raw_name = data[position + _CENTRAL.size : name_end]
    name = _decoded_name(raw_name, flags)
    _refuse_unsupported(name, flags, method)
    packed, size, header = _zip64_sizes(data[name_end:extra_end], packed, size, header, name)
    mode = attributes >> 16 if made_by >> 8 in _UNIX_HOSTS else 0
    return Entry(name, raw_name, method, crc, packed, size, header, mode), after


def _decoded_name(raw: bytes, flags: int) -> str:
    if not flags & _UTF8:
        return decode_old_name(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise damaged("a name that is marked as UTF-8 and is not") from None


def _refuse_unsupported(name: str, flags: int, method: int) -> None:
    if flags & (_ENCRYPTED | _STRONGLY_ENCRYPTED):
        raise ArchiveError(
            "The archive is protected by a password.",
            found=printable(name),
            remedy="Remove the password: unpack it and pack the images again without one.",
        )
    if method not in (STORED, DEFLATED):
        raise ArchiveError(
            "The archive uses a compression method that is not supported.",
            found=f"method {method} for {printable(name)}",
            remedy="Pack the images as an ordinary zip (deflate).",
        )


def _zip64_sizes(extra: bytes, packed: int, size: int, header: int, name: str):
    """Replace the sizes and the offset that did not fit into 32 bits."""
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
        raise damaged(f"the sizes of {printable(name)} are missing")
    return values["packed"], values["size"], values["header"]


def _data_offsets(file: BinaryIO, entries: list[Entry], directory: int) -> list[int]:
    """Check that each entry has a header of its own, and find where its data begin."""
    offsets = [0] * len(entries)
    order = sorted(range(len(entries)), key=lambda i: entries[i].header)
    previous_end = 0
    for rank, index in enumerate(order):
        entry = entries[index]
        if rank == 0 and entry.header != 0:
            raise damaged("other data stand before the zip, such as a program or a second zip")
        if entry.header < previous_end:
            raise damaged(f"{printable(entry.name)} shares its bytes with another entry")
        offsets[index] = _data_offset(file, entry, directory)
        previous_end = offsets[index] + entry.packed
        if previous_end > directory:
            raise damaged(f"{printable(entry.name)} reaches beyond the end of the data")
    return offsets


def _data_offset(file: BinaryIO, entry: Entry, directory: int) -> int:
    wanted = _LOCAL.size + len(entry.raw_name)
    if entry.header + wanted > directory:
        raise damaged(f"{printable(entry.name)} reaches beyond the end of the data")
    file.seek(entry.header)
    header = file.read(wanted)
    signature, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack_from(header)
    if signature != b"PK\3\4" or header[_LOCAL.size :] != entry.raw_name:
        raise damaged(f"the directory says {printable(entry.name)}, the file itself does not")
    if name_length != len(entry.raw_name) or method != entry.method or flags & _ENCRYPTED:
        raise damaged(f"the directory and the file disagree about {printable(entry.name)}")
    return entry.header + wanted + extra_length

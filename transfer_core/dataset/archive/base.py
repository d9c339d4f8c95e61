"""What every kind of archive gives: members, folders, problems, and bounded reading."""

import threading
from dataclasses import dataclass
from typing import Protocol

from transfer_core.errors import ArchiveError

MEGABYTE = 1024**2
GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may cost. Bytes are counted as they are produced, never as claimed."""

    archive_bytes: int = 2 * GIGABYTE  # of the zip itself
    entries: int = 1_200_000  # files and folders, junk included; memory grows with them
    entry_bytes: int = 50 * MEGABYTE  # unpacked
    total_bytes: int = 20 * GIGABYTE  # unpacked
    archive_ratio: int = 100  # unpacked bytes per packed byte, whole archive
    entry_ratio: int = 200  # unpacked bytes per packed byte, one entry
    min_bytes_for_ratio: int = MEGABYTE  # below this no ratio is looked at
    depth: int = 10  # components of a path
    component_bytes: int = 150  # UTF-8
    name_bytes: int = 512  # UTF-8


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the person should know about one file, or about the whole."""

    kind: str  # a slug: "unreadable", "not-an-image", "duplicate", "leak", ...
    path: str  # as in the archive; empty when it concerns the whole
    message: str  # one sentence


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive that is neither junk nor set aside."""

    path: str  # separated by "/", relative, without "." and ".."
    size: int  # bytes as claimed; only for progress and batching
    place: object = None  # what the source finds it by, where its path is not enough


class MemberError(ArchiveError):
    """One member cannot be read; the others can."""


class Archive(Protocol):
    """An opened archive. `read` may be called from several threads at once."""

    name: str  # of the zip or folder, for people
    members: tuple[Member, ...]  # in the order of the archive
    folders: tuple[str, ...]  # folders that are listed by themselves, maybe empty
    problems: tuple[Problem, ...]  # entries that were set aside by their name or kind
    junk: int  # hidden and system files that were ignored

    def read(self, member: Member) -> bytes:
        """The bytes of one member.

        Raises:
            MemberError: If this member is damaged or too large.
            ArchiveError: If the archive as a whole goes beyond its limits.
        """
        ...


class ByteBudget:
    """Counts the bytes that come out of an archive and ends the reading when they are too many."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = self._packed = 0
        self._lock = threading.Lock()

    def spend(self, unpacked: int, packed: int) -> None:
        """Count one member that was read.

        Raises:
            ArchiveError: If the total or the ratio goes beyond the limits.
        """
        limits = self._limits
        with self._lock:
            self._unpacked += unpacked
            self._packed += packed
            total, ratio = self._unpacked, self._unpacked / max(1, self._packed)
        if total > limits.total_bytes:
            raise ArchiveError(
                "The archive unpacks to more than may be stored.",
                found=f"more than {limits.total_bytes // MEGABYTE:,} MB",
                remedy="Use fewer or smaller images, or free space on the disk.",
            )
        if total > limits.min_bytes_for_ratio and ratio > limits.archive_ratio:
            raise compression_ratio_error(ratio, limits.archive_ratio)


def compression_ratio_error(ratio: float, allowed: int) -> ArchiveError:
    """The error for an archive that unpacks to far more than photos ever do."""
    return ArchiveError(
        "The archive is compressed far more tightly than images can be, as a zip bomb is.",
        found=f"{ratio:,.0f} bytes from each byte, where {allowed} is the most allowed",
        remedy="Pack the original image files into a new zip.",
    )

"""The interface of all archives: members, folders, problems, and reading within limits."""

import threading
from dataclasses import dataclass, replace
from typing import Protocol

from transfer_core.errors import ArchiveError
from transfer_core.languages import _
from transfer_core.system import read_limit

MEGABYTE = 1024**2
GIGABYTE = 1024**3
LIMIT_VARIABLES = {  # of the environment, by the field that they set
    "entries": "TRANSFER_ARCHIVE_ENTRIES",
    "decoding_seconds": "TRANSFER_ARCHIVE_SECONDS",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an archive. Bytes are counted as they come out, never as the archive claims."""

    archive_bytes: int = 2 * GIGABYTE  # of the zip itself
    entries: int = 100_000  # files and folders with junk; time and memory grow with their number
    entry_bytes: int = 50 * MEGABYTE  # unpacked
    total_bytes: int = 20 * GIGABYTE  # unpacked
    archive_ratio: int = 100  # unpacked bytes per packed byte, whole archive
    entry_ratio: int = 200  # unpacked bytes per packed byte, one entry
    min_bytes_for_ratio: int = MEGABYTE  # unpacked bytes below which ratios are not checked
    depth: int = 10  # components of a path
    component_bytes: int = 150  # UTF-8
    name_bytes: int = 512  # UTF-8
    decoding_seconds: int = 3600  # that the images take together, however many cores decode

    def check_total(self, size: int) -> None:
        """Raise an ArchiveError if all files together have too many bytes."""
        if size > self.total_bytes:
            raise ArchiveError(
                _("The archive unpacks to more than may be stored."),
                found=_("more than {size:,} MB", size=self.total_bytes // MEGABYTE),
                remedy=_("Use fewer or smaller images, or free space on the disk."),
            )

    def check_decoding(self, seconds: float, done: int, total: int) -> None:
        """Raise an ArchiveError if decoding took too long, with how many images were done."""
        if seconds > self.decoding_seconds:
            raise ArchiveError(
                _("Reading these images takes too long."),
                found=_(
                    "{done:,} of {total:,} images in {seconds:,.0f} s of decoding",
                    done=done,
                    total=total,
                    seconds=seconds,
                ),
                remedy=_("Use fewer or smaller images, saved as ordinary JPEG or PNG."),
            )


def read_archive_limits() -> Limits:
    """The limits, with those that the environment sets.

    Raises:
        SettingsError: If one is no whole number above 0.
    """
    usual = Limits()
    read = {n: read_limit(v, getattr(usual, n)) for n, v in LIMIT_VARIABLES.items()}
    return replace(usual, **read)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the person should know about one file or about the whole archive."""

    kind: str  # a slug: "unreadable", "not-an-image", "duplicate", "leak", ...
    path: str  # as in the archive; empty for the whole archive
    message: str  # one sentence


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive that is neither junk nor a problem."""

    path: str  # separated by "/", relative, without "." and ".."
    size: int  # bytes as the archive claims; only for progress and batching
    location: object = None  # how the archive finds it, if the path is not enough


class MemberError(ArchiveError):
    """One member cannot be read; the others may be good."""


class Archive(Protocol):
    """An opened archive. `read` may be called from several threads at once."""

    name: str  # of the zip or folder, for people
    members: tuple[Member, ...]  # in the order of the archive
    folders: tuple[str, ...]  # that have an entry of their own; they may be empty
    problems: tuple[Problem, ...]  # entries left out because of their name or kind
    junk: int  # number of hidden and system files, which are ignored

    def read(self, member: Member) -> bytes:
        """The bytes of one member.

        Raises:
            MemberError: If this member is damaged or too large.
            ArchiveError: If the archive as a whole goes beyond its limits.
        """
        ...


class ByteBudget:
    """Count the bytes that come out of an archive, and stop reading when they are too many."""

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
        limits.check_total(total)
        if total > limits.min_bytes_for_ratio and ratio > limits.archive_ratio:
            raise make_compression_ratio_error(ratio, limits.archive_ratio)


def make_compression_ratio_error(ratio: float, allowed: int) -> ArchiveError:
    """The error for an archive that unpacks to far more than photos ever do."""
    return ArchiveError(
        _("The archive is compressed far more tightly than images can be, as a zip bomb is."),
        found=_(
            "{ratio:,.0f} bytes from each byte, where {allowed} is the most allowed",
            ratio=ratio,
            allowed=allowed,
        ),
        remedy=_("Pack the original image files into a new zip."),
    )


def make_too_many_entries_error(limits: Limits) -> ArchiveError:
    """The error for an archive with too many files."""
    return ArchiveError(
        _("The archive holds too many files."),
        found=_("more than {entries:,}", entries=limits.entries),
        remedy=_("Split it into several archives or leave images out."),
    )


def make_damaged_zip_error(what: str) -> ArchiveError:
    """The error for a zip whose inner structure is broken."""
    return ArchiveError(
        _("The zip is damaged, or was made to deceive."),
        found=what,
        remedy=_("Pack the images again, or copy the file again if the copy was interrupted."),
    )

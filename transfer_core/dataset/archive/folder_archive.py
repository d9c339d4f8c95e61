"""A folder on this computer as an archive."""

import errno
import os
import stat
from itertools import islice
from pathlib import Path

from transfer_core.dataset.archive import entry_paths
from transfer_core.dataset.archive.base import (
    ByteBudget,
    Limits,
    Member,
    MemberError,
    make_too_many_entries_error,
)
from transfer_core.dataset.archive.entry_collector import EntryCollector


class FolderArchive:
    """An opened folder; see `Archive`. Links are never followed."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.name = path.resolve().name
        self._root = path
        self._limits = limits
        self._budget = ByteBudget(limits)
        listing = EntryCollector(limits)
        self._entry_count = 0
        self._walk(path, (), listing)
        self.members, self.folders = tuple(listing.members), tuple(listing.folders)
        self.problems, self.junk = tuple(listing.problems), listing.junk

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def read(self, member: Member) -> bytes:
        """See `Archive.read`."""
        max_bytes = self._limits.entry_bytes
        try:
            with open(self._root / member.path, "rb", opener=_open_file) as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise MemberError(
                f"The file cannot be read: {error.strerror}.",
                found=member.path,
                remedy="Check that it exists and that you may read it.",
            ) from error
        if len(data) > max_bytes:
            raise MemberError(
                f"The file is larger than {max_bytes // 1024**2} MB.",
                found=member.path,
                remedy="Save the image smaller.",
            )
        self._budget.spend(len(data), len(data))
        return data

    def _walk(self, folder: Path, parent_parts: tuple[str, ...], listing: EntryCollector) -> None:
        try:
            with os.scandir(folder) as listed:  # one more than may be there is enough
                some = islice(listed, self._limits.entries - self._entry_count + 1)
                entries = sorted(some, key=lambda entry: entry.name)
        except OSError as error:
            message = f"Left out: the folder cannot be read ({error.strerror})."
            listing.add_problem("unreadable-folder", "/".join(parent_parts), message)
            return
        for entry in entries:
            self._entry_count += 1
            if self._entry_count > self._limits.entries:
                raise make_too_many_entries_error(self._limits)
            parts = (*parent_parts, entry.name)
            if not entry_paths.is_junk(parts) and entry_paths.has_hidden_characters(entry.name):
                listing.add_problem("name", "/".join(parts), "Left out: its name cannot be shown.")
            elif entry.is_dir(follow_symlinks=False):
                self._add_folder(entry, parts, listing)
            else:
                self._add_file(entry, parts, listing)

    def _add_folder(
        self, entry: os.DirEntry, parts: tuple[str, ...], listing: EntryCollector
    ) -> None:
        listing.add_folder(parts)
        if len(parts) < self._limits.depth:
            self._walk(Path(entry.path), parts, listing)
        elif not entry_paths.is_junk(parts):
            message = f"Left out: it lies {self._limits.depth} folders deep or deeper."
            listing.add_problem("too-deep", "/".join(parts), message)

    def _add_file(
        self, entry: os.DirEntry, parts: tuple[str, ...], listing: EntryCollector
    ) -> None:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) or entry_paths.is_junk(parts):
            listing.add_file(parts, status.st_size)
        else:
            message = "Left out: it is a link or a device, not a file."
            listing.add_problem("not-a-file", "/".join(parts), message)


def _open_file(path: str, flags: int) -> int:
    """Open a file, unless something else has taken its place: a link out, or a pipe."""
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would never end
    descriptor = os.open(path, flags | safe)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file any more")
    return descriptor

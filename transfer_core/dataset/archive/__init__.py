"""Read an untrusted zip or a folder as a list of members, within limits and without unpacking.

Members are read into memory one at a time; their names never become paths on the disk. This
room knows nothing of labels.
"""

from transfer_core.dataset.archive.base import (
    Archive,
    Limits,
    Member,
    MemberError,
    Problem,
    read_archive_limits,
)
from transfer_core.dataset.archive.opening import open_archive

__all__ = [
    "Archive",
    "Limits",
    "Member",
    "MemberError",
    "Problem",
    "open_archive",
    "read_archive_limits",
]

"""Reading an untrusted zip, or a folder, as a list of members: bounded, and nothing unpacked.

Knows nothing of labels. Members are read one at a time into memory; their names
are labels only and never become paths on the disk.
"""

from transfer_core.dataset.archive.base import Archive, Limits, Member, MemberError, Problem
from transfer_core.dataset.archive.opening import open_archive

__all__ = ["Limits", "Member", "MemberError", "Problem", "Archive", "open_archive"]

"""Open a zip or a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_core.dataset.archive.base import Archive, Limits
from transfer_core.dataset.archive.entry_paths import make_printable
from transfer_core.dataset.archive.folder_archive import FolderArchive
from transfer_core.dataset.archive.zip_archive import ZipArchive
from transfer_core.errors import ArchiveError
from transfer_core.languages import _

DEFAULT_LIMITS = Limits()


@contextmanager
def open_archive(
    path: Path, limits: Limits = DEFAULT_LIMITS, *, name: str | None = None
) -> Iterator[Archive]:
    """Open a zip or a folder and check its names; nothing is unpacked yet.

    Args:
        path: The zip or folder.
        limits: Of its size and depth.
        name: Shown to people, for example the name of an upload; None takes the file's name.

    Raises:
        ArchiveError: If it cannot be read safely as a whole.
    """
    path = Path(path)
    try:
        source = FolderArchive(path, limits) if path.is_dir() else ZipArchive(path, limits)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        raise ArchiveError(
            _("The file cannot be opened."),
            found=f"{make_printable(str(path))} ({getattr(error, 'strerror', None) or error})",
            remedy=_("Check the name and that you may read it."),
        ) from error
    if name is not None:
        source.name = make_printable(name)
    try:
        yield source
    finally:
        source.close()

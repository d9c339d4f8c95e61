"""Data on the server or in shards that its administrator offers to everyone who opens the app."""

import os
from pathlib import Path

from transfer_core.dataset.archive.entry_paths import has_hidden_characters
from transfer_core.errors import DataSetError
from transfer_core.languages import _

SETTING = "TRANSFER_FOLDERS"  # environment variable: folders whose content is offered
SHARDS_SETTING = "TRANSFER_SHARDS"  # addresses of shards that are offered, separated by spaces
MAX_OFFERED = 500


def list_offered() -> dict[str, Path | str]:
    """What is offered, by name: shards, and the folders and zips directly in the given folders.

    Hidden ones are left out, names that cannot be shown, and links that lead out of the folder.
    """
    addresses = os.environ.get(SHARDS_SETTING, "").split()
    offered: dict[str, Path | str] = {
        each.rstrip("/").rpartition("/")[2]: each for each in addresses
    }
    for root in _list_roots():
        for entry in sorted(root.iterdir()):
            name = f"{root.name}/{entry.name}"
            if _is_inside(entry, root) and _can_be_read(entry) and name not in offered:
                offered[name] = entry
    return dict(list(offered.items())[:MAX_OFFERED])


def find_offered(name: str) -> Path | str:
    """The path or address of what is offered under a name, whatever else the name may look like.

    Raises:
        DataSetError: If nothing is offered under it now.
    """
    path = list_offered().get(name)
    if path is None:
        raise DataSetError(
            _("This folder is not offered here."),
            found=name[:200],
            remedy=_("Choose one from the list."),
        )
    return path


def _list_roots() -> list[Path]:
    names = filter(None, os.environ.get(SETTING, "").split(os.pathsep))
    roots = (Path(name).expanduser().resolve() for name in names)
    return [root for root in roots if root.is_dir()]


def _is_inside(entry: Path, root: Path) -> bool:
    try:
        return entry.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a link to nothing, or in a circle
        return False


def _can_be_read(entry: Path) -> bool:
    if entry.name.startswith(".") or has_hidden_characters(entry.name):
        return False
    is_data = entry.is_dir() or (entry.is_file() and entry.suffix.lower() == ".zip")
    return is_data and os.access(entry, os.R_OK)

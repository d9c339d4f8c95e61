"""The data folder, which holds everything that is stored, and the machine's own folder."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def get_home() -> Path:
    """`TRANSFER_HOME`, or else the user's data directory; created if it does not exist."""
    folder = locate_home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def locate_home() -> Path:
    """The data folder, whether it exists or not."""
    setting = os.environ.get("TRANSFER_HOME")
    return Path(setting).expanduser() if setting else user_data_path("transfer-lab")


def get_machine_folder() -> Path:
    """The folder for what was measured on this machine, for every data folder; it may not exist.

    `TRANSFER_MACHINE_FOLDER`, or else the user's cache directory.
    """
    setting = os.environ.get("TRANSFER_MACHINE_FOLDER")
    return Path(setting).expanduser() if setting else user_cache_path("transfer-lab")

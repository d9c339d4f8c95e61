"""The data folder, which holds everything that is stored."""

import os
from pathlib import Path

from platformdirs import user_data_path


def home() -> Path:
    """`TRANSFER_HOME`, or else the user's data directory; created if it does not exist."""
    setting = os.environ.get("TRANSFER_HOME")
    folder = Path(setting).expanduser() if setting else user_data_path("transfer-lab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""The one folder under which everything that is kept lies."""

import os
from pathlib import Path

from platformdirs import user_data_path


def home() -> Path:
    """`TRANSFER_HOME`, or the user's data directory; made if it does not exist."""
    setting = os.environ.get("TRANSFER_HOME")
    folder = Path(setting).expanduser() if setting else user_data_path("transfer-lab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""The file format of checkpoints, read without torch."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

FORMAT_VERSION = 2  # of the file; version 1 could be saved at the end of an epoch only
READABLE_VERSIONS = (1, 2)  # a checkpoint of another version is not resumed from
SUFFIX = ".safetensors"


def is_readable_checkpoint(path: Path) -> bool:
    """Return whether a file is a checkpoint that can be resumed from; reads its header only."""
    if path.suffix != SUFFIX:
        return False
    try:
        with safe_open(path, framework="np") as file:
            state = json.loads((file.metadata() or {}).get("state", "{}"))
    except (SafetensorError, OSError, ValueError):
        return False
    return isinstance(state, dict) and state.get("version") in READABLE_VERSIONS

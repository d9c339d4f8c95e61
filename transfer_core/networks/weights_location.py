"""Find the weights of source networks on this machine. Nothing here loads torch."""

import os
from pathlib import Path
from typing import Literal

from transfer_core.networks.source_network import SourceNetwork
from transfer_core.system import get_home

BUNDLED_WEIGHTS_FOLDER = Path(__file__).with_name("weights")

WeightsStatus = Literal["bundled", "cached", "download"]


def find_weights(source: SourceNetwork) -> Path:
    """Return the path of a network's weights file; the file need not exist yet."""
    folders = {
        "bundled": BUNDLED_WEIGHTS_FOLDER,
        "torchvision": get_torch_checkpoint_folder(),
        "own": get_own_weights_folder(),
    }
    return folders[source.origin] / source.file


def get_weights_status(source: SourceNetwork) -> WeightsStatus:
    """Return "bundled" with this program, "cached" on this machine, or "download" if missing."""
    if source.origin == "bundled":
        return "bundled"
    return "cached" if find_weights(source).is_file() else "download"


def get_torch_checkpoint_folder() -> Path:
    """Return the folder where torch keeps downloaded weights, as `torch.hub.get_dir` does."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    folder = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(folder).expanduser() / "hub" / "checkpoints"


def get_own_weights_folder() -> Path:
    """Return the folder of imported weights."""
    return get_home() / "weights"

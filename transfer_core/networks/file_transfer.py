"""Fetch a file over http; what came before a break is kept, and the next attempt resumes it."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from transfer_core.languages import N_
from transfer_core.system import Progress

BLOCK_BYTES = 1 << 20  # bytes read at a time
TIMEOUT_SECONDS = 30  # seconds without a byte, after which a connection counts as broken


def fetch_file(
    url: str, part: Path, progress: Progress, headers: Mapping[str, str] | None = None
) -> None:
    """Fetch a file, or what is missing of it, if the server can send a part.

    Args:
        url: Address of the file.
        part: Where it goes; what is there already is kept.
        progress: Called with what is done, megabytes here and megabytes in total; may raise to
            end the work.
        headers: Added to the request.

    Raises:
        OSError, HTTPException: If it does not come whole; `describe_failure` puts it into words.
    """
    there = part.stat().st_size if part.is_file() else 0
    wanted = {"Range": f"bytes={there}-"} if there else {}
    request = urllib.request.Request(
        url, headers={"User-Agent": "transfer-lab", **(headers or {}), **wanted}
    )
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
        progress(N_("Downloading, MB"), there >> 20, max(there, total) >> 20)
    if there < total:
        raise OSError(
            f"the connection broke off after {format_megabytes(there)} of {format_megabytes(total)}"
        )


def _parse_range_start(response) -> int:
    """Return the position of the first byte of a partial response, -1 if it is not given."""
    text = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdecimal() else -1


def describe_failure(error: Exception) -> str:
    """Say in a few words why a file did not come."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(reason) or type(error).__name__


def format_megabytes(count: int) -> str:
    """Format a number of bytes for people."""
    return f"{count / 2**20:,.1f} MB"

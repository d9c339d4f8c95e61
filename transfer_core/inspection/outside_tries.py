"""Tries of others: images that people showed a trained network to see where it fails.

Each lies in the run's folder as an image, encoded again without the metadata of its file, and a
JSON file that says what the network answered and what the image shows. No name is kept.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core.errors import RunError
from transfer_core.images import shrink_image
from transfer_core.languages import _
from transfer_core.runs import RunDirectory
from transfer_core.system import (
    check_seal,
    hash_bytes,
    hash_unchanged_file,
    seal,
    write_atomically,
)

MAX_TRIES = 300  # of one run
MAX_BYTES = 30 << 20  # of all kept images of one run
KEPT_SIDE = 640  # longer side of a kept image in pixels
KEPT_QUALITY = 90  # of its JPEG
DIGEST_LENGTH = 32  # characters of a hash that name a try

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutsideTry:
    """What the network said of an image, and what the person who showed it says."""

    id: str  # hash of the kept image
    predicted: str  # the likeliest class
    share: float  # its probability, in [0, 1]
    is_unknown: bool | None  # whether the network doubted that it knows such images; None: unasked
    actual: str | None  # the class that the person named; None is none of the classes
    time: float  # seconds since 1970

    @property
    def is_right(self) -> bool:
        """Whether the class is right, or an image of no class was called unknown."""
        return self.is_unknown is True if self.actual is None else self.predicted == self.actual


def keep_try(
    home: Path,
    run_id: str,
    file: bytes,
    *,
    predicted: str,
    share: float,
    is_unknown: bool | None,
    actual: str | None,
) -> OutsideTry:
    """Keep an image with its answer; the same image again replaces what was said of it.

    Args:
        home: The data folder.
        run_id: The run whose network was tried.
        file: Content of the image file.
        predicted: The likeliest class.
        share: Its probability, in [0, 1].
        is_unknown: Whether the image is unlike all training images; None if that is not known.
        actual: The class that the person named; None if it is none of them.

    Raises:
        ImageError: If it cannot be used as an image.
        RunError: If no more tries can be kept.
    """
    content = shrink_image(file, KEPT_SIDE, KEPT_QUALITY)
    folder = _locate(home, run_id)
    name = hash_bytes(content)[:DIGEST_LENGTH]
    image = folder / f"{name}.jpg"
    if not image.is_file():
        _check_room(folder, len(content))
    told = OutsideTry(name, predicted, share, is_unknown, actual, time.time())
    folder.mkdir(exist_ok=True)
    write_atomically(image, content)
    write_atomically(folder / f"{name}.json", json.dumps(seal(asdict(told))))
    return told


def list_tries(home: Path, run_id: str) -> tuple[OutsideTry, ...]:
    """Return the tries of a run's network, the newest first; damaged ones are left out."""
    found = []
    for path in _locate(home, run_id).glob("*.json"):
        try:
            told = OutsideTry(**check_seal(json.loads(path.read_bytes())))
            digest = hash_unchanged_file(path.with_suffix(".jpg"))
            if not told.id == path.stem == digest[:DIGEST_LENGTH]:
                raise ValueError("the image is not the one that was kept")
            found.append(told)
        except FileNotFoundError:
            pass  # half of it: the process was killed meanwhile
        except (ValueError, TypeError, AttributeError, OSError) as damage:
            _LOG.warning("%s is damaged and left out: %s", path, damage)
    return tuple(sorted(found, key=lambda each: -each.time))


def read_try_image(home: Path, run_id: str, told: OutsideTry) -> bytes:
    """Return the kept image, as the content of a JPEG file."""
    return (_locate(home, run_id) / f"{told.id}.jpg").read_bytes()


def remove_try(home: Path, run_id: str, told: OutsideTry) -> None:
    """Forget a try and its image."""
    for suffix in (".json", ".jpg"):
        (_locate(home, run_id) / f"{told.id}{suffix}").unlink(missing_ok=True)


def _locate(home: Path, run_id: str) -> Path:
    return RunDirectory.locate(home, run_id).tries_folder


def _check_room(folder: Path, size: int) -> None:
    kept = [path.stat().st_size for path in folder.glob("*.jpg")]
    if len(kept) >= MAX_TRIES or sum(kept) + size > MAX_BYTES:
        raise RunError(
            _("No more tries can be kept for this network."),
            found=_("{images:,} images, {size:.0f} MB", images=len(kept), size=sum(kept) / 1e6),
            remedy=_("Ask its owner to remove some on the page Try it."),
        )

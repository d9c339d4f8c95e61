"""The images of the layer-transfer experiment, and its points on disk."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import get_cache_folder
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    CacheFullError,
    Progress,
    add_entry,
    ignore_progress,
    mark_used,
)
from transfer_core.transferability.layer_transfer import LabelledPixels
from transfer_core.transferability.layer_transfer_plan import LayerTransferPoint
from transfer_core.transferability.network_ranking import draw_balanced_sample, group_images

STORE_VERSION = 1  # of stored points; raised when they are measured in another way


def load_own_images(
    home: Path, data_set: DataSet, source: SourceNetwork, progress: Progress = ignore_progress
) -> LabelledPixels:
    """Return about 300 images, of each class as many as of the others, and no test image.

    Args:
        home: The data folder.
        data_set: The person's images.
        source: The network whose input they become.
        progress: Called with what is done, images done and total; may raise to end the work.
    """
    indices = draw_balanced_sample(data_set)
    pixels = dataset.PixelArray(home, data_set, source.transform).read(indices, progress)
    return LabelledPixels(pixels, data_set.labels[indices], group_images(data_set, home, indices))


def load_points(
    home: Path, data_set: DataSet, source: SourceNetwork
) -> tuple[LayerTransferPoint, ...]:
    """Return what was measured so far."""
    file = _locate(home, data_set, source)
    with suppress(OSError, ValueError, TypeError):  # missing, or cut off by a power failure
        points = tuple(LayerTransferPoint(**each) for each in json.loads(file.read_text("utf-8")))
        mark_used(file)
        return points
    return ()


def save_points(
    home: Path, data_set: DataSet, source: SourceNetwork, points: tuple[LayerTransferPoint, ...]
) -> None:
    """Keep what was measured, if the cache has room."""
    data = json.dumps([asdict(point) for point in points]).encode()
    with (
        suppress(CacheFullError),
        add_entry(home, _locate(home, data_set, source), len(data)) as part,
    ):
        part.write(data)


def _locate(home: Path, data_set: DataSet, source: SourceNetwork) -> Path:
    indices = draw_balanced_sample(data_set)
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, indices)
    return folder / f"layer_transfer_{STORE_VERSION}.json"

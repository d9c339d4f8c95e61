"""The images of the layer-transfer experiment, and its points on disk."""

from dataclasses import asdict
from pathlib import Path

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import get_cache_folder
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    Progress,
    ignore_progress,
    load_json,
    save_json,
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
    points = load_json(_locate(home, data_set, source)) or ()
    return tuple(LayerTransferPoint(**each) for each in points)


def save_points(
    home: Path, data_set: DataSet, source: SourceNetwork, points: tuple[LayerTransferPoint, ...]
) -> None:
    """Keep what was measured, if the cache has room."""
    save_json(home, _locate(home, data_set, source), [asdict(point) for point in points])


def _locate(home: Path, data_set: DataSet, source: SourceNetwork) -> Path:
    indices = draw_balanced_sample(data_set)
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, indices)
    return folder / f"layer_transfer_{STORE_VERSION}.json"

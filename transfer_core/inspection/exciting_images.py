"""The images, and the places in them, that excite each channel of a network most."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from transfer_core.dataset import PixelArray, iter_batches
from transfer_core.features import choose_batch_size, normalise
from transfer_core.inspection.feature_maps import arrange_maps
from transfer_core.inspection.receptive_field import Box, locate_patch
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress, get_device, ignore_progress

KEPT_IMAGES = 9  # that excite a channel most
MAX_IMAGES = 500  # that are passed through the network
MIN_IMAGES = 100  # also for networks with large inputs, if there are so many
PIXEL_BUDGET = MAX_IMAGES * 64**2  # of all images together: some seconds on two cores


@dataclass(frozen=True)
class Excitement:
    """The most exciting images of each of a stage's C channels, the strongest first."""

    values: np.ndarray  # highest activation in the image, float32 (C, K)
    images: np.ndarray  # indices into the data set's records, int64 (C, K)
    positions: np.ndarray  # where in the map, row by row, int64 (C, K)
    side: int  # of the maps, in positions

    def locate(self, channel: int, field: int, size: int) -> Iterator[tuple[int, Box]]:
        """Yield the image and the part of it that excites a channel.

        Args:
            channel: A channel of the stage.
            field: Side of the stage's receptive field, pixels.
            size: Side of the network's input, pixels.
        """
        for image, position in zip(self.images[channel], self.positions[channel], strict=True):
            row, column = divmod(int(position), self.side)
            yield int(image), locate_patch(row, column, self.side, field, size)


def choose_images(indices: np.ndarray, source: SourceNetwork) -> np.ndarray:
    """Choose the images to pass through a network: at most 500, fewer of large inputs.

    The number depends on the size of the input only, never on a clock, so that every machine
    finds the same images.

    Args:
        indices: Of the images to choose from, int64 (N,).
        source: The network.
    """
    count = max(MIN_IMAGES, min(MAX_IMAGES, PIXEL_BUDGET // source.input_size**2))
    if len(indices) <= count:
        return indices
    return np.sort(np.random.default_rng(0).choice(indices, count, replace=False))


@torch.inference_mode()
def find_exciting_images(
    network: nn.Sequential,
    source: SourceNetwork,
    pixels: np.ndarray | PixelArray,
    indices: np.ndarray,
    *,
    progress: Progress = ignore_progress,
) -> dict[str, Excitement]:
    """Find the images that excite each channel of every stage most, in one pass.

    Args:
        network: The source network, or one adapted from it; in eval mode.
        source: Describes the normalisation.
        pixels: uint8, shape (N, H, W, 3).
        indices: Indices of the images to look at, int64 (M,), M at least 1.
        progress: Called with what is done, images done and total; may raise to end the work.

    Returns:
        By name of stage, without the layer that names the classes.

    Source:
        Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", show a
        channel by the nine patches that excite it most.
    """
    stages, device = list(network.named_children())[:-1], get_device(network)
    best: dict[str, Excitement] = {}
    done = 0
    for batch in iter_batches(pixels, choose_batch_size(source), indices):
        features = normalise(batch, source, device)
        here = indices[done : done + len(batch)]
        for name, stage in stages:
            features = stage(features)
            best[name] = _merge(best.get(name), _find_peaks(arrange_maps(features), here))
        done += len(batch)
        progress(_("Looking for what excites the channels"), done, len(indices))
    return best


def _find_peaks(maps: torch.Tensor, images: np.ndarray) -> Excitement:
    """Return the highest activation of each image (B) in each channel, unsorted."""
    values, positions = maps.flatten(2).float().max(2)
    return Excitement(
        values.T.cpu().numpy(),
        np.broadcast_to(images, (maps.shape[1], len(images))),
        positions.T.cpu().numpy(),
        maps.shape[-1],
    )


def _merge(known: Excitement | None, new: Excitement) -> Excitement:
    """Keep the strongest of two; the image that comes first wins a tie."""
    parts = (known, new) if known else (new,)
    values, images, positions = (
        np.concatenate([getattr(part, name) for part in parts], axis=1)
        for name in ("values", "images", "positions")
    )
    order = np.argsort(-values, axis=1, kind="stable")[:, :KEPT_IMAGES]
    return Excitement(
        *(np.take_along_axis(each, order, axis=1) for each in (values, images, positions)),
        new.side,
    )

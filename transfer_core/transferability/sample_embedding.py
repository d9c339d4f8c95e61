"""Embed the images that are measured, so that a run finds them in the cache."""

from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.features import load_or_embed
from transfer_core.networks import SourceNetwork, load_pretrained
from transfer_core.system import Progress

MAX_EXTRA_IMAGES = 0.5  # of the sample; so many more are embedded at once, as a run needs them


def embed_sample(
    data_set: DataSet,
    source: SourceNetwork,
    home: Path,
    indices: np.ndarray,
    progress: Progress,
    stages: tuple[str, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Return the output of stages for a sample of a data set, float32 (N, D) by stage.

    Where the sample is most of the data set, all images are embedded, test images too: a run
    embeds all of them, and then has nothing left to embed. They are not looked at here.

    Args:
        data_set: The images.
        source: The network; its pre-trained weights must be on this machine.
        home: The data folder, with the cache of embeddings.
        indices: Indices of the sample's images, int64 (N,).
        progress: Called with the work, images done and total; may raise to cancel.
        stages: Names of the wanted stages; None for every one.
    """
    takes_all = len(data_set.records) <= (1 + MAX_EXTRA_IMAGES) * len(indices)
    embeddings, _ = load_or_embed(
        home,
        data_set.id,
        load_pretrained(source),
        dataset.PixelArray(home, data_set, source.transform),
        source,
        stages or source.stage_names,
        indices=None if takes_all else indices,
        progress=progress,
    )
    chosen = indices if takes_all else slice(None)
    return {name: np.array(values[chosen]) for name, values in embeddings.items()}

"""Data sets: from an archive to classes, splits and problems, and the store that keeps them.

Knows nothing of networks.
"""

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.changes import Change
from transfer_core.dataset.ingestion import ingest
from transfer_core.dataset.pixel_cache import Pixels, in_batches, pixels
from transfer_core.dataset.store import (
    DataSetSummary,
    image,
    image_bytes,
    list_data_sets,
    load,
    problems_csv,
)
from transfer_core.dataset.types import SPLITS, DataSet, ImageRecord, Reading, Split
from transfer_core.dataset.versions import (
    Version,
    addition,
    history,
    make_version,
    repaired_in_words,
    set_aside,
)
from transfer_core.dataset.zipping import zip_pieces

__all__ = [
    "SPLITS",
    "Change",
    "DataSet",
    "DataSetSummary",
    "ImageRecord",
    "Pixels",
    "Problem",
    "Reading",
    "Split",
    "Version",
    "addition",
    "history",
    "image",
    "image_bytes",
    "in_batches",
    "ingest",
    "list_data_sets",
    "load",
    "make_version",
    "pixels",
    "problems_csv",
    "repaired_in_words",
    "set_aside",
    "zip_pieces",
]

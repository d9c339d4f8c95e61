"""Data sets: from an archive to classes, splits and problems, and the store that keeps them.

Knows nothing of networks.
"""

from transfer_core.archive import Problem
from transfer_core.dataset.ingestion import ingest
from transfer_core.dataset.store import (
    DataSetSummary,
    image,
    image_bytes,
    list_data_sets,
    load,
    problems_csv,
)
from transfer_core.dataset.types import SPLITS, DataSet, ImageRecord, Reading, Split

__all__ = [
    "SPLITS",
    "DataSet",
    "DataSetSummary",
    "ImageRecord",
    "Problem",
    "Reading",
    "Split",
    "image",
    "image_bytes",
    "ingest",
    "list_data_sets",
    "load",
    "problems_csv",
]

"""Data sets: from an archive to classes, splits and problems, and the store that keeps them.

Knows nothing of networks.
"""

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.changes import Change
from transfer_core.dataset.ingestion import ingest
from transfer_core.dataset.pixel_cache import PixelArray, iter_batches, load_pixels
from transfer_core.dataset.store import (
    DataSetSummary,
    export_problems_csv,
    list_data_sets,
    load,
    load_image,
    read_image_bytes,
)
from transfer_core.dataset.types import SPLITS, DataSet, ImageRecord, ImportSummary, Split
from transfer_core.dataset.versions import (
    Version,
    describe_test_edits,
    list_versions,
    load_set_aside,
    make_addition,
    make_version,
)
from transfer_core.dataset.zip_export import stream_zip

__all__ = [
    "SPLITS",
    "Change",
    "DataSet",
    "DataSetSummary",
    "ImageRecord",
    "PixelArray",
    "Problem",
    "ImportSummary",
    "Split",
    "Version",
    "make_addition",
    "list_versions",
    "load_image",
    "read_image_bytes",
    "iter_batches",
    "ingest",
    "list_data_sets",
    "load",
    "make_version",
    "load_pixels",
    "export_problems_csv",
    "describe_test_edits",
    "load_set_aside",
    "stream_zip",
]

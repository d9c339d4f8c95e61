"""Sample data sets that anybody can start with, made by code and so without a network."""

from transfer_core.dataset.samples.catalog import (
    PRACTICE_PREFIX,
    SAMPLE_PREFIX,
    SAMPLES,
    SAMPLES_LINE,
    SOURCE_DATA_SET,
    Sample,
    resolve_path,
    write_sample_zip,
)

__all__ = [
    "PRACTICE_PREFIX",
    "SAMPLES",
    "SAMPLES_LINE",
    "SAMPLE_PREFIX",
    "SOURCE_DATA_SET",
    "Sample",
    "resolve_path",
    "write_sample_zip",
]

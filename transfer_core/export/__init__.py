"""Out of the app and in again: bundles, ONNX files, scripts and notebooks, reports."""

from transfer_core.export.formats import (
    WEIGHTS_FILE,
    export_run,
    find_download,
    prepare_download,
    read_onnx_check,
)

"""Export a trained network: as a bundle, an ONNX file, a script and notebook, a report, a page."""

import json
import logging
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file

from transfer_core.export.model_card import (
    CARD_FILE,
    HASH_KEY,
    build_model_card,
    find_data_set,
    write_model_card,
)
from transfer_core.export.offline_page.write_page import write_page
from transfer_core.export.onnx_file import OnnxCheck, write_onnx
from transfer_core.export.prediction_script import write_prediction_script
from transfer_core.export.report import write_report
from transfer_core.export.script import write_script, write_script_with_images
from transfer_core.inspection import TrainedNetwork, load_trained_network
from transfer_core.languages import N_
from transfer_core.runs import RunDirectory
from transfer_core.system import (
    Progress,
    hash_file,
    hash_unchanged_file,
    ignore_progress,
    require_space,
    translate_disk_errors,
)

COPIES = 2  # of the weights and images that lie there at a time: the files, and the zip of them
WITH_IMAGES = {"script-with-images"}  # formats that carry the whole data set
WEIGHTS_FILE = "network.safetensors"

_LOG = logging.getLogger(__name__)


def export_run(
    home: Path, run_id: str, format_name: str, to: Path, progress: Progress = ignore_progress
) -> tuple[Path, ...]:
    """Export the network of a run; returns the files written.

    Args:
        home: The data folder.
        run_id: A run with a result.
        format_name: A key of `FORMATS`.
        to: The folder to write to; created if it does not exist.
        progress: Called with the activity, done and total; may raise to cancel.

    Raises:
        RunError: If the run has no network, or the ONNX file would give other answers.
        DataSetError: If the format needs images that are not on this computer.
        StorageError: If the folder cannot be written, or has too little space.
    """
    with translate_disk_errors():  # before the network is loaded, which takes a while
        to.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to, prefix=".") as made:
            trained = load_trained_network(home, run_id)
            files = _write_format(Path(made), home, trained, format_name, progress)
            return tuple(file.replace(to / file.name) for file in files)  # whole or not at all


def find_download(home: Path, run_id: str, format_name: str) -> Path | None:
    """Return the file that `prepare_download` made of this run earlier.

    Returns:
        None if there is none, or if it is damaged.

    Raises:
        RunError: If the id is malformed.
    """
    if format_name not in FORMATS:
        return None
    for file in _get_download_folder(home, run_id).glob(f"{format_name}.*/*"):
        if _name_folder(format_name, hash_unchanged_file(file)) == file.parent.name:
            return file
        _LOG.warning("%s is damaged and left out", file)
    return None


def prepare_download(home: Path, run_id: str, format_name: str, progress: Progress) -> Path:
    """Export a run to one file in its directory, ready to be downloaded.

    Several files become one zip. Arguments and errors are those of `export_run`.
    """
    trained, folder = load_trained_network(home, run_id), _get_download_folder(home, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        made, packed = Path(name, "made"), Path(name, format_name)
        made.mkdir()
        files = _write_format(made, home, trained, format_name, progress)
        packed.mkdir()
        ending = files[0].suffix if len(files) == 1 else ".zip"
        file = packed / f"{_make_file_name(trained.record.name)}-{format_name}{ending}"
        if len(files) == 1:
            files[0].replace(file)
        else:
            write_zip(files, file)
        final = folder / _name_folder(format_name, hash_file(file))
        for old in folder.glob(f"{format_name}.*"):
            shutil.rmtree(old, ignore_errors=True)
        packed.replace(final)  # whole or not at all
        return final / file.name


def read_onnx_check(zip_file: Path) -> OnnxCheck:
    """Read the result of the check from a zip that `prepare_download` made."""
    with zipfile.ZipFile(zip_file) as archive:
        return OnnxCheck(**json.loads(archive.read(CARD_FILE))["onnx_check"])


def _write_format(
    to: Path, home: Path, trained: TrainedNetwork, format_name: str, progress: Progress
) -> tuple[Path, ...]:
    weights = sum(value.nbytes for value in trained.network.state_dict().values())
    data_set = find_data_set(home, trained) if format_name in WITH_IMAGES else None
    images = sum(record.length for record in data_set.records) if data_set else 0
    require_space(to, COPIES * (weights + images), N_("this file"))
    return FORMATS[format_name](to, home, trained, progress)


def _make_file_name(text: str) -> str:
    """Turn a name into a file name that every system accepts."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40] or "run"


def write_zip(files: tuple[Path, ...], to: Path) -> None:
    """Write files into a zip in blocks; texts are compressed, weights and archives stored."""
    with zipfile.ZipFile(to, "w") as archive:
        for file in files:
            stored = file.suffix in {".safetensors", ".onnx", ".zip"}
            archive.write(file, file.name, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)


def _name_folder(format_name: str, digest: str) -> str:
    """The name of a prepared download's folder, by which a reader notices damage."""
    return f"{format_name}.{digest[:16]}"


def _get_download_folder(home: Path, run_id: str) -> Path:
    return RunDirectory.locate(home, run_id).downloads_folder


def write_weights(
    to: Path, home: Path, trained: TrainedNetwork, _progress: Progress
) -> tuple[Path, ...]:
    """Write the weights as safetensors, the card, and an example script."""
    weights = to / WEIGHTS_FILE
    save_file({k: v.contiguous() for k, v in trained.network.state_dict().items()}, weights)
    card = build_model_card(home, trained) | {HASH_KEY: hash_file(weights)}
    described = write_model_card(to, card)
    return (weights, *described, *write_prediction_script(to, trained, "torch"))


def write_bundle(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write the files of `write_weights` as one zip, which `bundle.import_bundle` reads."""
    with tempfile.TemporaryDirectory(dir=to) as folder:
        write_zip(write_weights(Path(folder), home, trained, progress), to / "bundle.zip")
    return (to / "bundle.zip",)


Writer = Callable[[Path, Path, TrainedNetwork, Progress], tuple[Path, ...]]
FORMATS: dict[str, Writer] = {
    "bundle": write_bundle,
    "weights": write_weights,
    "onnx": write_onnx,
    "script": write_script,
    "script-with-images": write_script_with_images,
    "report": write_report,
    "page": write_page,
}

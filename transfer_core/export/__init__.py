"""Take a trained network away: as a bundle, an ONNX file, a script and notebook, a report."""

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file

from transfer_core.export.card import CARD_FILE, build_model_card, write_model_card
from transfer_core.export.example import write_prediction_script
from transfer_core.export.onnx_file import OnnxCheck, write_onnx
from transfer_core.export.report import write_report
from transfer_core.export.script import write_script, write_script_with_images
from transfer_core.inspection.prediction import TrainedNetwork, load_trained_network
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system.parallel import Progress, ignore_progress

WEIGHTS_FILE = "network.safetensors"


def export_run(
    home: Path, run_id: str, format_name: str, to: Path, progress: Progress = ignore_progress
) -> tuple[Path, ...]:
    """Write a run's network in one of `PRECISIONS`; returns the files written.

    Args:
        home: The data folder.
        run_id: A run that has come to a result.
        format_name: One of `PRECISIONS`.
        to: The folder to write to.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        RunError: If the run has no network, or an ONNX file does not agree with it.
        DataSetError: If the images that the format needs are not on this computer.
    """
    return _write_format(to, home, load_trained_network(home, run_id), format_name, progress)


def find_download(home: Path, run_id: str, format_name: str) -> Path | None:
    """The file that `prepare_download` has made of this run before; None if it has not.

    Raises:
        RunError: If the id cannot be a run's.
    """
    if format_name not in FORMATS:
        return None
    return next(iter(sorted((_get_download_folder(home, run_id) / format_name).glob("*"))), None)


def prepare_download(home: Path, run_id: str, format_name: str, progress: Progress) -> Path:
    """One file of a format, ready to be downloaded, kept in the run's directory.

    Several files become one zip. See `export_run` for the arguments and errors.
    """
    trained, folder = load_trained_network(home, run_id), _get_download_folder(home, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        made, kept = Path(name, "made"), Path(name, format_name)
        files = _write_format(made, home, trained, format_name, progress)
        kept.mkdir()
        ending = files[0].suffix if len(files) == 1 else ".zip"
        file = kept / f"{_make_file_name(trained.record.name)}-{format_name}{ending}"
        if len(files) == 1:
            files[0].replace(file)
        else:
            write_zip(files, file)
        shutil.rmtree(folder / format_name, ignore_errors=True)
        kept.replace(folder / format_name)  # whole or not at all
        return folder / format_name / file.name


def read_onnx_check(zip_file: Path) -> OnnxCheck:
    """How the ONNX file in what was prepared compares with the network."""
    with zipfile.ZipFile(zip_file) as archive:
        return OnnxCheck(**json.loads(archive.read(CARD_FILE))["onnx_check"])


def _write_format(
    to: Path, home: Path, trained: TrainedNetwork, format_name: str, progress: Progress
) -> tuple[Path, ...]:
    to.mkdir(parents=True, exist_ok=True)
    return FORMATS[format_name](to, home, trained, progress)


def _make_file_name(text: str) -> str:
    """A name that people gave, as every system takes it for a file's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40] or "run"


def write_zip(files: tuple[Path, ...], to: Path) -> None:
    """Put files into a zip, a piece at a time; texts are compressed, weights cannot be."""
    with zipfile.ZipFile(to, "w") as archive:
        for file in files:
            stored = file.suffix in {".safetensors", ".onnx", ".zip"}
            archive.write(file, file.name, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)


def _get_download_folder(home: Path, run_id: str) -> Path:
    return RunDirectory.of(home, run_id).downloads_folder


def write_weights(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write the weights with their card and an example of their use."""
    weights = to / WEIGHTS_FILE
    save_file({k: v.contiguous() for k, v in trained.network.state_dict().items()}, weights)
    described = write_model_card(to, build_model_card(home, trained))
    return (weights, *described, *write_prediction_script(to, trained, "torch"))


def write_bundle(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write all of `write_weights` as one zip, which `bundle.import_bundle` takes in again."""
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
}

"""Exports: they hold what they promise, and predict as the run does."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import nbformat
import numpy as np
import onnxruntime
import pytest
import torch
from bare_torch import make_bare_python
from PIL import Image
from safetensors.torch import save_file

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import PixelArray
from transfer_core.errors import RunError
from transfer_core.export import (
    export_run,
    find_download,
    formats,
    onnx_file,
    prepare_download,
)
from transfer_core.export.safetensors_reader import read_weights
from transfer_core.export.script import collect_settings, render_script
from transfer_core.inspection.prediction import classify_files, load_test_predictions
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config, start_engine

NAMES = ("blue <b>", "green", "red")


@pytest.fixture
def colours(tmp_path):
    """A zip of one-coloured pictures in three classes, some of them 16 bits and transparent."""
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "colours.zip", "w") as archive:
        for label, name in enumerate(NAMES):
            for number in range(20):
                pixels = noise.integers(0, 150, (48, 64, 4), dtype=np.uint8)
                pixels[..., 2 - label] += 60
                picture = Image.fromarray(pixels, "RGBA")
                if number == 0:
                    grey = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * (7 + label)
                    picture = Image.fromarray(grey)
                buffer = io.BytesIO()
                picture.save(buffer, "PNG")
                archive.writestr(f"wrapper/{name}/{number}.png", buffer.getvalue())
    return tmp_path / "colours.zip"


@pytest.fixture(scope="module")
def bare_torch(tmp_path_factory):
    """Runs a script with torch and torchvision alone."""
    return make_bare_python(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def trained(colours, transfer_home):
    """A function that trains a case on the colours and returns the run's record."""

    def train(case: TransferCase, settings: Mapping[str, object] = MappingProxyType({}), **options):
        data_set, source = dataset.ingest(colours, home=transfer_home), get_network("demonstration")
        strategy = plan_strategy(case, source.stage_names, kind=source.kind, **options)
        strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=2, **settings))
        with start_engine(transfer_home) as engine:
            run = engine.submit(make_run_config(data_set, source, strategy, 3), name="colours <b>")
            return engine.wait(run, timeout=120)

    return train


def test_weights_are_read_without_safetensors_as_it_reads_them(tmp_path):
    weights = {
        "half": torch.randn(3, 5).half(),
        "count": torch.tensor(7),
        "brain": torch.ones(2).bfloat16(),
        "long": torch.arange(4),
        "mask": torch.tensor([True, False]),
    }
    save_file(weights, tmp_path / "some.safetensors", {"about": "this"})
    found = read_weights(tmp_path / "some.safetensors")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in weights.items())


@pytest.mark.parametrize(
    ("case", "options"),
    [
        (TransferCase.SMALL_SIMILAR, {"settings": {"views": 2}}),
        (TransferCase.LARGE_SIMILAR, {}),
        pytest.param(
            TransferCase.LARGE_SIMILAR,
            {"settings": {"train_head_first": True, "freeze_batch_norm": True}},
            marks=pytest.mark.thorough,
        ),
        (TransferCase.LARGE_DIFFERENT, {"initialise": "random"}),
    ],
)
def test_script_and_notebook_reach_the_same_accuracy_with_torch_and_torchvision_alone(
    case, options, trained, colours, transfer_home, bare_torch, tmp_path
):
    run = trained(case, **options)
    files = export_run(transfer_home, run.id, "script", tmp_path / "out")
    reached = f"test accuracy {run.result.accuracy:.4f}"
    assert {file.name for file in files} >= {"train.py", "train.ipynb", "images.csv"}
    assert reached in bare_torch(tmp_path / "out" / "train.py", colours)
    if case is not TransferCase.SMALL_SIMILAR:
        return  # a notebook is the script in cells
    cells = nbformat.read(tmp_path / "out" / "train.ipynb", as_version=4).cells
    code = "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")
    colours.rename(tmp_path / "out" / "images.zip")
    plain = tmp_path / "out" / "from_the_notebook.py"
    plain.write_text(code, encoding="utf-8")
    assert reached in bare_torch(plain)


def define_script_functions(config, source) -> dict:
    """The names that the script of a run defines, without running its steps."""
    body = ast.parse(render_script(config, source, NAMES)).body
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    script = collect_settings(config, source, NAMES) | {
        "MAX_BATCH_SIZE": 8,
        "MAX_BATCH_PIXELS": 8 * source.input_size**2,
        "SOURCE": SimpleNamespace(input_size=source.input_size),
    }
    definitions = ast.Module([each for each in body if isinstance(each, kinds)], [])
    exec(compile(definitions, "train.py", "exec"), script)
    return script


def test_a_script_whose_loss_is_never_a_finite_number_ends_with_a_sentence(colours, transfer_home):
    data_set, source = dataset.ingest(colours, home=transfer_home), get_network("demonstration")
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    script = define_script_functions(make_run_config(data_set, source, strategy, 3), source)
    layer, parts = torch.nn.Linear(2, 3), {"train": np.arange(4), "validation": np.arange(4, 6)}

    def load(indices, generator=None):
        return torch.full((len(indices), 2), torch.nan)

    settings = SimpleNamespace(
        epochs=2, patience=1, batch_size=2, learning_rate=1.0, weight_decay=0.0, stage_decay=1.0
    )
    with pytest.raises(SystemExit, match="loss was a finite number"):
        script["train"](layer, layer.train, load, load, np.arange(6) % 3, parts, settings)


def test_torch_and_torchvision_alone_are_without_what_the_app_brings(bare_torch, tmp_path):
    (tmp_path / "try.py").write_text(
        "import torch, torchvision, importlib.util as u\n"
        "print([m for m in ('transfer_core', 'safetensors', 'sklearn') if u.find_spec(m)])"
    )
    assert bare_torch(tmp_path / "try.py").strip() == "[]"


def test_a_notebook_is_valid_and_tells_each_section_before_its_code(
    trained, transfer_home, tmp_path
):
    run = trained(TransferCase.SMALL_SIMILAR)
    export_run(transfer_home, run.id, "script", tmp_path)
    lesson = nbformat.read(tmp_path / "train.ipynb", as_version=4)
    nbformat.validate(lesson)
    told = [cell.source for cell in lesson.cells if cell.cell_type == "markdown"]
    assert told[0].startswith("# Repeat a run of Transfer Lab")
    assert any(text.startswith("## Surgery\n\nThe heart of transfer learning") for text in told)
    assert json.loads((tmp_path / "train.ipynb").read_text())["nbformat"] == 4


@pytest.fixture
def exported(trained, transfer_home, tmp_path):
    """A run's record, and the folder with its ONNX file."""
    run = trained(TransferCase.SMALL_DIFFERENT)
    export_run(transfer_home, run.id, "onnx", tmp_path / "onnx")
    return run, tmp_path / "onnx"


def test_onnxruntime_gives_the_answers_that_the_run_kept_of_its_test_images(
    exported, transfer_home
):
    run, folder = exported
    kept = load_test_predictions(transfer_home, run.id)
    data_set = dataset.load(transfer_home, run.config.data_id)
    pixels = PixelArray(transfer_home, data_set, get_network("demonstration").transform)[
        kept.images
    ]
    session = onnxruntime.InferenceSession(folder / "network.onnx")
    inputs = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    (found,) = session.run(None, {"image": inputs})
    assert np.abs(found - kept.probabilities).max() < 1e-4
    check = json.loads((folder / "card.json").read_text())["onnx_check"]
    assert check["images"] == check["same_class"] == len(kept.images)
    assert 0 < check["mean_difference"] <= check["largest_difference"] < check["tolerance"]


def test_an_onnx_file_carries_its_classes_and_its_preprocessing(exported):
    model = onnxruntime.InferenceSession(exported[1] / "network.onnx").get_modelmeta()
    told = model.custom_metadata_map
    assert tuple(told["classes"].split("\n")) == NAMES
    assert "centre of 64 x 64 pixels" in json.loads(told["card"])["preprocessing"]["resize"]


def test_an_onnx_file_with_other_answers_is_refused_and_not_kept(
    trained, transfer_home, monkeypatch, tmp_path
):
    run = trained(TransferCase.SMALL_SIMILAR)
    monkeypatch.setattr(onnx_file, "TOLERANCE", 0.0)
    with pytest.raises(RunError, match=r"differ by up to .*, allowed is 0"):
        export_run(transfer_home, run.id, "onnx", tmp_path / "onnx")
    assert not (tmp_path / "onnx" / "network.onnx").exists()


def test_a_network_that_the_exporter_fails_on_is_told_plainly(
    trained, transfer_home, monkeypatch, tmp_path
):
    run = trained(TransferCase.SMALL_SIMILAR)

    def forward(self, image):
        return image if image.sum() > 0 else -image  # no graph decides by values

    monkeypatch.setattr(onnx_file._ProbabilityNetwork, "forward", forward)
    with pytest.raises(RunError, match="cannot be written as an ONNX file.*bundle"):
        export_run(transfer_home, run.id, "onnx", tmp_path / "onnx")


@pytest.mark.parametrize("kind", ["weights", "onnx"])
def test_the_example_of_use_prints_what_the_app_predicts(
    kind, exported, transfer_home, bare_torch, tmp_path
):
    run, folder = exported
    photo = tmp_path / "photo.jpg"
    noise = np.random.default_rng(5).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo, exif=make_rotation_exif())
    if kind == "weights":
        folder = export_run(transfer_home, run.id, "weights", tmp_path / "weights")[0].parent
        told = bare_torch(folder / "predict.py", photo)
    else:
        command = [sys.executable, folder / "predict.py", photo]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ((_, answer),) = classify_files(transfer_home, run.id, [photo])
    for name, share in answer.probabilities.items():
        assert f"{name} {share:.1%}" in told


def make_rotation_exif() -> Image.Exif:
    """EXIF data that say: turn by a right angle."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_the_script_with_its_images_runs_as_it_is(trained, transfer_home, bare_torch, tmp_path):
    run = trained(TransferCase.SMALL_SIMILAR)
    prepared_zip = prepare_download(transfer_home, run.id, "script-with-images", lambda *_: None)
    with zipfile.ZipFile(prepared_zip) as archive:
        for name in archive.namelist():
            archive.extract(name, tmp_path / "out")
    told = bare_torch(tmp_path / "out" / "train.py")
    assert f"test accuracy {run.result.accuracy:.4f}" in told


def test_what_was_prepared_is_found_again_and_only_then(trained, transfer_home):
    run = trained(TransferCase.SMALL_SIMILAR)
    assert find_download(transfer_home, run.id, "bundle") is None
    made = prepare_download(transfer_home, run.id, "bundle", lambda *_: None)
    assert find_download(transfer_home, run.id, "bundle") == made
    again = prepare_download(transfer_home, run.id, "bundle", lambda *_: None)
    assert list(again.parent.parent.rglob("*.*")) == [again.parent, again]
    again.write_bytes(again.read_bytes()[:-1])
    assert find_download(transfer_home, run.id, "bundle") is None


def test_an_export_that_breaks_off_leaves_the_earlier_one(trained, transfer_home, tmp_path):
    run = trained(TransferCase.SMALL_SIMILAR)
    (bundle,) = export_run(transfer_home, run.id, "bundle", tmp_path)
    before = bundle.read_bytes()

    def break_off(*_given):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(formats.zipfile.ZipFile, "write", break_off)
        export_run(transfer_home, run.id, "bundle", tmp_path)
    assert bundle.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

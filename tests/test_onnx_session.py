"""ONNX files run in the export's check and in the example beside the file."""

import numpy as np
import onnxruntime
import pytest

from transfer_core.export import export_run, onnx_file
from transfer_core.export.onnx_prediction import predict_onnx
from transfer_core.export.source_text import get_source
from transfer_core.features.onnx_session import ONNX_BATCH_SIZE, open_onnx_session
from transfer_core.inspection.prediction import load_trained_network, predict_proba


class RecordedSession(onnxruntime.InferenceSession):
    """Remembers the options of every session, and the shape of every batch."""

    options: list[onnxruntime.SessionOptions] = []
    shapes: list[tuple[int, ...]] = []

    def __init__(self, file, *arguments, **named):
        super().__init__(file, *arguments, **named)
        self.options.append(self.get_session_options())

    def run(self, outputs, inputs, *arguments):
        self.shapes.append(inputs["image"].shape)
        return super().run(outputs, inputs, *arguments)


@pytest.fixture(scope="module")
def exported(made, tmp_path_factory):
    """An ONNX file's folder, and the sessions that its check opened."""
    home, run, _ = made
    folder = tmp_path_factory.mktemp("onnx")
    RecordedSession.options, RecordedSession.shapes = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "InferenceSession", RecordedSession)
        export_run(home, run, "onnx", folder)
    return home, run, folder


def test_the_check_runs_without_spinning_threads_and_memory_patterns(exported):
    (options,) = RecordedSession.options
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_mem_pattern
    assert options.intra_op_num_threads > 0 and options.inter_op_num_threads == 1


def test_every_batch_has_the_same_size(exported):
    assert {shape[0] for shape in RecordedSession.shapes} == {ONNX_BATCH_SIZE}


def test_the_example_opens_its_session_in_the_same_way(exported):
    text = (exported[2] / "predict.py").read_text(encoding="utf-8")
    assert get_source(open_onnx_session, predict_onnx) in text
    assert text.count("InferenceSession(") == 1


@pytest.mark.parametrize("images", [1, ONNX_BATCH_SIZE, ONNX_BATCH_SIZE + 3])
def test_a_batch_that_is_filled_up_gives_the_networks_answers(images, exported):
    home, run, folder = exported
    trained = load_trained_network(home, run)
    size = trained.source.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), dtype=np.uint8)
    found = predict_onnx(open_onnx_session(folder / "network.onnx"), pixels)
    assert np.abs(found - predict_proba(trained, pixels)).max() < onnx_file.TOLERANCE

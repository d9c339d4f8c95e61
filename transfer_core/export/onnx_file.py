"""Write a trained network as an ONNX file, and check it on the person's test images."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transfer_core import dataset
from transfer_core.errors import RunError
from transfer_core.export.model_card import build_model_card, find_data_set, write_model_card
from transfer_core.export.onnx_prediction import predict_onnx
from transfer_core.export.prediction_script import write_prediction_script
from transfer_core.features import choose_batch_size, open_onnx_session
from transfer_core.inspection import TrainedNetwork, predict_proba
from transfer_core.languages import N_, _
from transfer_core.system import Progress

TOLERANCE = 1e-4  # largest difference of a probability between the network and its ONNX file
MAX_CHECKED_IMAGES = 2_000  # test images; a larger split is sampled evenly
REMEDY = N_("Take the bundle or the script instead; both work for every network.")
ONNX_FILE = "network.onnx"


@dataclass(frozen=True, slots=True)
class OnnxCheck:
    """How the answers of an ONNX file compare with those of the network."""

    images: int  # test images that both classified
    largest_difference: float  # of any probability
    mean_difference: float  # over all probabilities
    same_class: int  # images that both put into the same class
    tolerance: float  # upper bound of the largest difference


def write_onnx(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write `network.onnx`, its card and an example script.

    The ONNX graph maps red, green and blue in [0, 255], (B, 3, H, W), to probabilities (B, C), so
    it includes the normalisation. Scaling and cropping stay outside: the card describes them, and
    the example script does them.

    Raises:
        RunError: If the network cannot be converted, or the file gives other answers.
    """
    pixels = _read_test_images(home, trained)
    about, file = build_model_card(home, trained), to / ONNX_FILE
    progress(_("Writing the ONNX file"), 0, 1)
    convert_to_onnx(file, trained, about)
    agreement = compare_onnx_with_torch(trained, pixels, file, progress)
    if agreement.largest_difference > TOLERANCE:
        raise RunError(
            _("The ONNX file does not give the network's answers, so it was not kept."),
            found=_(
                "probabilities differ by up to {difference:.2g}, allowed is {limit:g}",
                difference=agreement.largest_difference,
                limit=TOLERANCE,
            ),
            remedy=_(REMEDY),
        )
    described = write_model_card(to, about | {"onnx_check": asdict(agreement)})
    return (file, *described, *write_prediction_script(to, trained, "onnx"))


class _ProbabilityNetwork(nn.Module):
    """The network between its normalisation and a softmax."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network
        for name in ("mean", "std"):
            values = torch.tensor(getattr(trained.source, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return probabilities (B, C) of red, green and blue in [0, 255], (B, 3, H, W)."""
        return torch.softmax(self.network((image / 255 - self.mean) / self.std), dim=1)


def convert_to_onnx(file: Path, trained: TrainedNetwork, card: dict) -> None:
    """Write a network with its normalisation and its card as an ONNX file, without checking it.

    Raises:
        RunError: If the network cannot be converted.
    """
    size = trained.source.input_size
    batch = torch.export.Dim("batch", min=1)
    try:
        program = torch.onnx.export(
            _ProbabilityNetwork(trained).eval(),
            (torch.zeros(2, 3, size, size),),
            input_names=["image"],
            output_names=["probabilities"],
            dynamo=True,
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        program.model.metadata_props["card"] = json.dumps(card, ensure_ascii=False)
        program.model.metadata_props["classes"] = "\n".join(card["classes"])
        program.save(str(file), external_data=False)
    except Exception as error:  # the exporter raises many kinds, and so may any layer
        message = " ".join(str(error).split())[:160]
        raise RunError(
            _("This network cannot be written as an ONNX file."),
            found=f"{trained.source.title}: {type(error).__name__}: {message}",
            remedy=_(REMEDY),
        ) from error


def _read_test_images(home: Path, trained: TrainedNetwork) -> np.ndarray:
    data_set = find_data_set(home, trained)
    if data_set is None:
        raise RunError(
            _("An ONNX file is checked on your test images, which are not on this computer."),
            found=_("no data set {id}", id=trained.record.config.data_id),
            remedy=_("Bring the images in again, or take the bundle."),
        )
    test = data_set.indices("test")
    chosen = test[np.linspace(0, len(test) - 1, min(len(test), MAX_CHECKED_IMAGES)).astype(int)]
    return dataset.PixelArray(home, data_set, trained.transform)[chosen]


def compare_onnx_with_torch(
    trained: TrainedNetwork, pixels: np.ndarray, file: Path, progress: Progress
) -> OnnxCheck:
    """Classify the same images, uint8 (N, H, W, 3), with an ONNX file and with the network."""
    session, step = open_onnx_session(file), choose_batch_size(trained.source)
    expected, answered = [], []
    for start in range(0, len(pixels), step):
        progress(_("Comparing on your test images"), start, len(pixels))
        batch = pixels[start : start + step]
        answered.append(predict_onnx(session, batch))
        expected.append(predict_proba(trained, batch))
    ours, theirs = np.concatenate(expected), np.concatenate(answered)
    difference = np.abs(theirs.astype(np.float64) - ours)
    same = int((theirs.argmax(1) == ours.argmax(1)).sum())
    return OnnxCheck(
        len(pixels), float(difference.max()), float(difference.mean()), same, TOLERANCE
    )

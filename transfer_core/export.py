"""Take a trained network away: its weights with a card, or as a checked ONNX file."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from transfer_core import dataset, images
from transfer_core.errors import RunError
from transfer_core.export_script import write_script
from transfer_core.prediction import TrainedNetwork, predict, restore

TOLERANCE = 1e-4  # largest difference of a probability between the network and its ONNX file
CHECKED_IMAGES = 64  # test images that an ONNX file is checked on


def export_run(home: Path, run_id: str, kind: str, to: Path) -> tuple[Path, ...]:
    """Write a run's network in one of `FORMATS`; returns the files written.

    Raises:
        RunError: If the run has no network, or an ONNX file does not agree with it.
    """
    trained = restore(home, run_id)
    to.mkdir(parents=True, exist_ok=True)
    return FORMATS[kind](home, trained, to)


def card(trained: TrainedNetwork) -> dict:
    """All that is to be known about a trained network, plain values only."""
    source, record = trained.source, trained.record
    return {
        "run": record.id,
        "name": record.name,
        "classes": trained.classes,
        "config": asdict(record.config),
        "result": record.result,
        "preprocessing": {
            "resize": trained.transform.describe(),
            "scale": "red, green and blue divided by 255",
            "mean": source.mean,
            "std": source.std,
        },
        "source": {key: source.card.get(key) for key in ("data", "licence", "weights_sha256")},
    }


def _weights(home: Path, trained: TrainedNetwork, to: Path) -> tuple[Path, ...]:
    weights, text = to / "network.safetensors", to / "card.json"
    save_file({k: v.contiguous() for k, v in trained.network.state_dict().items()}, weights)
    text.write_text(json.dumps(card(trained), indent=1, ensure_ascii=False), encoding="utf-8")
    return weights, text


class _Probabilities(nn.Module):
    """The network with its preprocessing in front and a softmax behind."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network
        for name in ("mean", "std"):
            values = torch.tensor(getattr(trained.source, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Red, green and blue in [0, 255], (B, 3, H, W), to probabilities (B, C)."""
        return torch.softmax(self.network((image / 255 - self.mean) / self.std), dim=1)


def _onnx(home: Path, trained: TrainedNetwork, to: Path) -> tuple[Path, ...]:
    target, part = to / "network.onnx", to / "network.onnx.part"
    size = trained.source.input_size
    batch = torch.export.Dim("batch", min=1)
    torch.onnx.export(
        _Probabilities(trained).eval(), (torch.zeros(2, 3, size, size),), str(part),
        input_names=["image"], output_names=["probabilities"], dynamo=True,
        dynamic_shapes=({0: batch},), external_data=False, verbose=False,
    )  # fmt: skip
    difference = _largest_difference(home, trained, part)
    if difference > TOLERANCE:
        part.unlink()
        raise RunError(
            "The ONNX file does not give the network's answers, so it was not kept.",
            found=f"probabilities differ by up to {difference:.2g}, allowed is {TOLERANCE:g}",
            remedy="Take the weights instead.",
        )
    part.replace(target)
    text = to / "card.json"
    check = {"images": CHECKED_IMAGES, "largest_difference": difference}
    about = card(trained) | {"onnx_check": check}
    text.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
    return target, text


def _largest_difference(home: Path, trained: TrainedNetwork, file: Path) -> float:
    import onnxruntime

    data_set = dataset.load(home, trained.record.config.data_id)
    chosen = data_set.indices("test")[:CHECKED_IMAGES]
    pixels = images.Pixels(home, data_set, trained.transform)[chosen]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    inputs = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)
    (found,) = session.run(None, {"image": inputs})
    return float(np.abs(found - predict(trained, pixels)).max())


Writer = Callable[[Path, TrainedNetwork, Path], tuple[Path, ...]]
FORMATS: dict[str, Writer] = {"weights": _weights, "onnx": _onnx, "script": write_script}

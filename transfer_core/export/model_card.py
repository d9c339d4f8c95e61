"""The model card of a trained network: where it comes from and how good it is, as JSON."""

import json
from pathlib import Path
from typing import Any

from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.errors import DataSetError
from transfer_core.inspection import TrainedNetwork
from transfer_core.runs import RunDirectory, encode_values, to_json

CARD_FORMAT = "transfer lab card 1"  # change it when old readers would misread the card
CARD_FILE = "card.json"
HASH_KEY = "network_sha256"  # of the weights beside the card
CLASSES_FILE = "classes.txt"  # one name a line, in the order of the network's outputs


def build_model_card(home: Path, trained: TrainedNetwork) -> dict[str, Any]:
    """Collect data, configuration, result, preprocessing and source network of a run."""
    source, record = trained.source, trained.record
    return {
        "format": CARD_FORMAT,
        "run": record.id,
        "name": record.name,
        "created": record.created,
        "classes": list(trained.classes),
        "case": record.config.strategy.title,
        "data": _describe_data(home, trained),
        "config": json.loads(to_json(record.config)),
        "result": encode_values(record.result),
        "preprocessing": {
            "colours": "red, green, blue; transparent images are put on white",
            "resize": trained.transform.describe(),
            "scale": "divided by 255",
            "mean": list(source.mean),
            "std": list(source.std),
        },
        "source": {
            "name": source.name,
            "title": source.title,
            "architecture": source.architecture,
            "weights_sha256": source.weights_hash,
        }
        | {key: source.card.get(key) for key in ("data", "licence", "made_by")},
    }


def write_model_card(to: Path, card: dict[str, Any]) -> tuple[Path, Path]:
    """Write the card and a text file with the class names; returns both paths."""
    text, names = to / CARD_FILE, to / CLASSES_FILE
    text.write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    names.write_text("\n".join(card["classes"]) + "\n", encoding="utf-8")
    return text, names


def find_data_set(home: Path, trained: TrainedNetwork) -> DataSet | None:
    """Load the data set that a run was trained on; None if it is not on this computer."""
    try:
        return dataset.load(home, trained.record.config.data_id)
    except DataSetError:
        return None


def _describe_data(home: Path, trained: TrainedNetwork) -> dict[str, Any]:
    data_set = find_data_set(home, trained)
    if data_set:
        images = {split: len(data_set.indices(split)) for split in dataset.SPLITS}
        return {"id": data_set.id, "name": data_set.name, "images": images}
    imported = RunDirectory.locate(home, trained.record.id).path / CARD_FILE
    if imported.is_file():  # the run was imported from a bundle, with its card
        return json.loads(imported.read_text(encoding="utf-8"))["data"]
    return {"id": trained.record.config.data_id, "name": None, "images": None}

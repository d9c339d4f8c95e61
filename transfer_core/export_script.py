"""Export a run as a Python script that repeats it with plain torch, and reads as a lesson."""

import csv
import inspect
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from transfer_core import augmentation, dataset, embedding, standardisation, surgery
from transfer_core.cases import NEW_LAYER
from transfer_core.images import transform
from transfer_core.networks import demonstration
from transfer_core.prediction import TrainedNetwork
from transfer_core.surgery import kept_stages
from transfer_core.training import feeds, new_layer

TEMPLATE = Path(__file__).parent / "script_template.py.txt"


def write_script(home: Path, trained: TrainedNetwork, to: Path) -> tuple[Path, ...]:
    """Write `train.py`, the list of images with their splits, and the source weights.

    The script holds the very source text of this package's functions, so it
    cannot drift from what the run did.
    """
    data_set = dataset.load(home, trained.record.config.data_id)
    script, images, weights = to / "train.py", to / "images.csv", to / "source.safetensors"
    script.write_text(script_text(trained), encoding="utf-8")
    with images.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((r.path, r.label, r.split) for r in data_set.records)
    shutil.copyfile(trained.source.weights_file, weights)
    return script, images, weights


def script_text(trained: TrainedNetwork) -> str:
    """The script's source."""
    config, source = trained.record.config, trained.source
    strategy = config.strategy
    settings = {
        "CASE": strategy.case.value,
        "CLASSES": list(trained.classes),
        "KEPT": list(kept_stages(source, strategy)),
        "FROZEN": list(strategy.frozen),
        "FALL_BACK": strategy.fall_back,
        "NUMBER_FORMAT": config.number_format,
        "INITIALISE": strategy.initialise,
        "SEED": config.seed,
        "CLASS_WEIGHTS": strategy.class_weights,
        "OPTIMISER": asdict(strategy.optimiser),
        "NEW_LAYER": asdict(NEW_LAYER),
        "INPUT_SIZE": source.input_size,
        "MEAN": list(source.mean),
        "STD": list(source.std),
    }
    lines = "\n".join(f"{name} = {_literal(value)}" for name, value in settings.items())
    return (
        TEMPLATE.read_text(encoding="utf-8")
        .replace("# {settings}", lines)
        .replace("# {network}", _module(demonstration))
        .replace("# {pixels}", _functions(transform.Transform, transform.apply))
        .replace("# {normalise}", _functions(embedding.normalise, surgery.pooled))
        .replace("# {augmentation}", _module(augmentation))
        .replace("# {batches}", _functions(feeds.shuffled, feeds.batches))
        .replace("# {standardisation}", _module(standardisation))
        .replace("# {fold}", _functions(new_layer.fold))
    )


def _literal(value: object) -> str:
    """Python source of a plain value; names of people's classes are escaped by it."""
    return repr(json.loads(json.dumps(value)))


def _functions(*objects: Callable | type) -> str:
    return "\n\n".join(inspect.getsource(each) for each in objects).rstrip()


def _module(module: ModuleType) -> str:
    """A module's source behind its docstring and imports."""
    text = inspect.getsource(module).split('"""', 2)[2]
    return re.sub(r"^(from|import) .*\n", "", text, flags=re.MULTILINE).strip()

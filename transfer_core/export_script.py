"""Export a run as a Python script that repeats it with plain torch, and reads as a lesson."""

import csv
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from safetensors.torch import save_file

from transfer_core import (
    augmentation,
    cases,
    dataset,
    devices,
    embedding,
    standardisation,
    surgery,
    views,
)
from transfer_core.cases import NEW_LAYER
from transfer_core.images import transform
from transfer_core.networks import (
    SourceNetwork,
    demonstration,
    torchvision_row,
    torchvision_stages,
)
from transfer_core.networks.weights_file import load
from transfer_core.prediction import TrainedNetwork
from transfer_core.surgery import kept_stages
from transfer_core.training import feeds, loop, new_layer

TEMPLATE = Path(__file__).parent / "script_template.py.txt"
TORCHVISION_IMPORTS = """\
import re

from torchvision import models
from torchvision.models import DenseNet, SwinTransformer, VisionTransformer
from torchvision.ops import Permute"""
TORCHVISION_NETWORK = """\
def source_network(classes: int) -> nn.Sequential:
    return staged(row(build({!r}, classes, INPUT_SIZE)), STAGES)"""


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
    if trained.record.config.strategy.initialise == "random":
        return script, images
    state = load(trained.source).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, weights)
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
        "DEVICE": config.device,
        "CHANNELS_LAST": config.channels_last,
        "COMPILED": config.compiled,
        "INITIALISE": strategy.initialise,
        "SEED": config.seed,
        "CLASS_WEIGHTS": strategy.class_weights,
        "OPTIMISER": asdict(strategy.optimiser),
        "NEW_LAYER": asdict(NEW_LAYER),
        "SOURCE_CLASSES": len(source.card["classes"]),
        "INPUT_SIZE": source.input_size,
        "RESIZE": source.resize,
        "INTERPOLATION": source.interpolation,
        "MEAN": list(source.mean),
        "STD": list(source.std),
    }
    lines = "\n".join(f"{name} = {_literal(value)}" for name, value in settings.items())
    return (
        TEMPLATE.read_text(encoding="utf-8")
        .replace("# {settings}", lines)
        .replace("# {network}", _network(source))
        .replace("# {pixels}", _functions(transform.Transform, transform.apply))
        .replace("# {normalise}", _pooling())
        .replace("# {augmentation}", _module(augmentation))
        .replace("# {views}", _functions(views.View))
        .replace("# {rates}", _functions(cases.stage_rates, loop.parameter_groups))
        .replace("# {batches}", _functions(feeds.shuffled, feeds.batches))
        .replace("# {standardisation}", _module(standardisation))
        .replace("# {fold}", _functions(new_layer.fold))
    )


def _network(source: SourceNetwork) -> str:
    """Source text that defines `source_network`."""
    if source.architecture == demonstration.NAME:
        return _module(demonstration) + "\n\n\nsource_network = build"
    stages = {stage.name: stage.modules for stage in source.stages}
    return "\n\n\n".join(
        (
            TORCHVISION_IMPORTS,
            _module(torchvision_row),
            _functions(torchvision_stages.staged).strip(),
            f"STAGES = {_literal(stages)}",
            TORCHVISION_NETWORK.format(source.architecture),
        )
    )


def _pooling() -> str:
    constants = {
        "POOLED_SIZE": surgery.POOLED_SIZE, "MOST_FEATURES": surgery.MOST_FEATURES,
        "BATCH": embedding.BATCH, "BATCH_PIXELS": embedding.BATCH_PIXELS,
    }  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in constants.items())
    functions = _functions(
        devices.device_of, devices.sent, embedding.batch_size, embedding.normalise,
        surgery.pooled, surgery.pooled_size, surgery.new_layer, surgery.MeanToken,
    )  # fmt: skip
    return f"{lines}\n\n\n{functions}"


def _literal(value: object) -> str:
    """Python source of a plain value; names of people's classes are escaped by it."""
    return repr(json.loads(json.dumps(value)))


def _functions(*objects: Callable | type) -> str:
    return "\n\n".join(inspect.getsource(each) for each in objects).rstrip()


def _module(module: ModuleType) -> str:
    """A module's source behind its docstring and imports."""
    text = inspect.getsource(module).split('"""', 2)[2]
    return re.sub(r"^(from|import) .*\n", "", text, flags=re.MULTILINE).strip()

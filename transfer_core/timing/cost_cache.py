"""Measured costs, kept on disk for a while, so that asking again costs nothing."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import torch

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork
from transfer_core.system.devices import best_device
from transfer_core.system.precision import NumberFormat
from transfer_core.timing.measurement import Costs, Spread, decoding, measure

GOOD_FOR = 24 * 3600  # seconds; what else a computer has to do changes


def costs(
    home: Path,
    source: SourceNetwork,
    strategy: Strategy,
    classes: int,
    number_format: NumberFormat,
) -> Costs:
    """What the steps of a strategy cost on this computer; see `measuring.measure`."""
    optimiser = strategy.optimiser
    key = (
        source.architecture, source.input_size, best_device(), number_format, strategy.keep_through,
        strategy.frozen, classes, optimiser.batch_size, optimiser.augment,
    )  # fmt: skip
    values = _kept(home, key, lambda: asdict(measure(source, strategy, classes, number_format)))
    return Costs(**{field.name: Spread(**values[field.name]) for field in fields(Costs)})


def decoding_costs(home: Path, data_set: DataSet, source: SourceNetwork) -> Spread:
    """What decoding a byte of the data set's images for a network costs."""
    key = data_set.id, source.transform.key
    return Spread(**_kept(home, key, lambda: asdict(decoding(home, data_set, source.transform))))


def _kept(home: Path, key: tuple, measured: Callable[[], dict]) -> dict:
    """Values from disk, measured where they are missing, old or another computer's."""
    machine = platform.node(), platform.machine(), os.cpu_count(), torch.get_num_threads()
    named = json.dumps([machine, torch.__version__, key])
    file = home / "timings" / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.json"
    if file.is_file() and time.time() - file.stat().st_mtime < GOOD_FOR:
        return json.loads(file.read_text(encoding="utf-8"))
    values = measured()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(values), encoding="utf-8")
    part.replace(file)
    return values

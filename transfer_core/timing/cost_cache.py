"""Measured costs, kept on disk for a day, so that asking again costs nothing.

Nothing is measured while a run trains in this process, and two measurements never run beside
each other: each would find the computer slower than it is.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError
from transfer_core.features import make_runtime
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    Precision,
    choose_device,
    hash_bytes,
    watch_for_training,
    write_atomically,
)
from transfer_core.timing.measurement import measure_decoding_cost, measure_step_costs
from transfer_core.timing.step_costs import StepCosts, TimeRange

MAX_AGE_SECONDS = 24 * 3600  # seconds; the other work of a computer changes

_measuring = threading.Lock()  # one measurement at a time


def load_or_measure_costs(
    home: Path,
    source: SourceNetwork,
    strategy: Strategy,
    num_classes: int,
    precision: Precision,
    may_measure: bool = True,
) -> StepCosts:
    """Seconds that the steps of a strategy take on this computer.

    See `measurement.measure_step_costs` for the arguments. Without `may_measure` what was
    measured on an earlier day is taken too.

    Raises:
        BusyError: If these steps were never measured before, and may not be or a run trains.
    """
    optimiser = strategy.optimiser
    key = (
        source.library,
        source.architecture,
        source.input_size,
        choose_device(),
        precision,
        strategy.keep_through,
        strategy.frozen,
        strategy.approach,
        num_classes,
        optimiser.batch_size,
        optimiser.augment,
        optimiser.freeze_batch_norm,
    )
    values = _load_or_measure(
        home,
        key,
        lambda: asdict(measure_step_costs(source, strategy, num_classes, precision)),
        may_measure,
    )
    return StepCosts(**{field.name: TimeRange(**values[field.name]) for field in fields(StepCosts)})


def load_or_measure_decoding_cost(
    home: Path, data_set: DataSet, source: SourceNetwork, may_measure: bool = True
) -> TimeRange:
    """Seconds that decoding one byte of the data set's images for a network takes.

    Raises:
        BusyError: If this was never measured before, and may not be or a run trains.
    """
    values = _load_or_measure(
        home,
        (data_set.id, source.transform.key),
        lambda: asdict(measure_decoding_cost(home, data_set, source.transform)),
        may_measure,
    )
    return TimeRange(**values)


def _load_or_measure(
    home: Path, key: tuple, measure: Callable[[], dict], may_measure: bool
) -> dict[str, Any]:
    """Values from disk, or measured if they are missing or a day old.

    If a run trains now, or starts while this measures, the values of an earlier day are taken.
    """
    file = _get_cache_file(home, key)
    if _is_recent(file):
        return _read(file)
    if may_measure and (values := _measure_alone(file, measure)):
        return values
    if file.is_file():
        return _read(file)
    raise BusyError(
        "How long this takes can't be measured while a run trains.",
        found="a run in training on this computer",
        remedy="Ask again when it has ended.",
    )


def _measure_alone(file: Path, measure: Callable[[], dict]) -> dict[str, Any] | None:
    """Measure while nothing else trains or measures, and store it; None if a run trains."""
    with _measuring:
        if _is_recent(file):  # measured by another thread while this one waited
            return _read(file)
        has_trained = watch_for_training()  # not before: a run that has ended disturbs nothing
        values = None if has_trained() else measure()
        if values is not None and not has_trained():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(values))
            return values
    return None


def _get_cache_file(home: Path, key: tuple) -> Path:
    """The file of one measurement on this computer with these versions of both runtimes."""
    machine = platform.node(), platform.machine(), os.cpu_count(), torch.get_num_threads()
    versions = [make_runtime(name).key for name in ("torch", "onnxruntime")]
    named = json.dumps([machine, versions, key])
    return home / "timings" / f"{hash_bytes(named.encode())[:32]}.json"


def _is_recent(file: Path) -> bool:
    return file.is_file() and time.time() - file.stat().st_mtime < MAX_AGE_SECONDS


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))

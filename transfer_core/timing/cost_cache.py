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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError
from transfer_core.features import make_runtime
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.system import (
    choose_device,
    hash_bytes,
    watch_for_training,
    write_atomically,
)
from transfer_core.timing.measurement import measure_decoding_cost, measure_network_costs
from transfer_core.timing.step_costs import NetworkCosts, TrainingCosts
from transfer_core.timing.training_measurement import (
    measure_head_training,
    measure_whole_training,
)
from transfer_core.training import StepFormat

MAX_AGE_SECONDS = 24 * 3600  # seconds; the other work of a computer changes

_measuring = threading.Lock()  # one measurement at a time


def load_or_measure_network(
    home: Path, source: SourceNetwork, may_measure: bool = True
) -> NetworkCosts:
    """Costs of a network's forward pass; see `measurement.measure_network_costs`.

    Without `may_measure` what was measured on an earlier day is taken too.

    Raises:
        BusyError: If this was never measured before, and may not be or a run trains.
    """
    key = "network", *_name_network(source)
    values = _load_or_measure(home, key, lambda: asdict(measure_network_costs(source)), may_measure)
    return NetworkCosts(**values)


def load_or_measure_head_training(
    home: Path, features: int, num_classes: int, batch: int, may_measure: bool = True
) -> TrainingCosts:
    """Costs of training a head; see `training_measurement.measure_head_training`.

    Raises:
        BusyError: See `load_or_measure_network`.
    """
    key = "head", choose_device(), features, num_classes, batch
    values = _load_or_measure(
        home, key, lambda: asdict(measure_head_training(features, num_classes, batch)), may_measure
    )
    return TrainingCosts(**values)


def load_or_measure_whole_training(
    home: Path,
    source: SourceNetwork,
    step_format: StepFormat,
    augment: bool,
    may_measure: bool = True,
) -> TrainingCosts:
    """Costs of training a network; see `training_measurement.measure_whole_training`.

    Raises:
        BusyError: See `load_or_measure_network`.
    """
    key = "whole", *_name_network(source), step_format.precision, step_format.channels_last, augment
    values = _load_or_measure(
        home,
        key,
        lambda: asdict(measure_whole_training(source, step_format, augment)),
        may_measure,
    )
    return TrainingCosts(**values)


def load_or_measure_decoding(
    home: Path, data_set: DataSet, source: SourceNetwork, may_measure: bool = True
) -> float:
    """Seconds that decoding one byte of the data set's images for a network takes.

    Raises:
        BusyError: See `load_or_measure_network`.
    """
    values = _load_or_measure(
        home,
        ("decoding", data_set.id, source.transform.key),
        lambda: {"seconds": measure_decoding_cost(home, data_set, source.transform)},
        may_measure,
    )
    return values["seconds"]


def _name_network(source: SourceNetwork) -> tuple:
    """All that the costs of a network depend on: the weights make no difference."""
    return source.library, source.architecture, source.input_size, choose_device()


def _load_or_measure(
    home: Path, key: tuple, measure: Callable[[], dict], may_measure: bool
) -> dict[str, Any]:
    """Values from disk, or measured if they are missing or a day old.

    If a run trains now, or starts while this measures, the values of an earlier day are taken.
    """
    file = _get_cache_file(home, key)
    if _is_recent(file) and (values := _read(file)):
        return values
    if may_measure and (values := _measure_alone(file, measure)):
        return values
    if values := _read(file):
        return values
    raise BusyError(
        _("How long this takes can't be measured while a run trains."),
        found=_("a run in training on this computer"),
        remedy=_("Ask again when it has ended."),
    )


def _measure_alone(file: Path, measure: Callable[[], dict]) -> dict[str, Any] | None:
    """Measure while nothing else trains or measures, and store it; None if a run trains."""
    with _measuring:
        if _is_recent(file) and (values := _read(file)):  # by another thread meanwhile
            return values
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


def _read(file: Path) -> dict[str, Any] | None:
    """The stored values; None if there are none, or they are damaged."""
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None

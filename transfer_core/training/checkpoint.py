"""Checkpoints: the whole state of a training in one safetensors file, so that it can be resumed."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from transfer_core.training.checkpoint_format import FORMAT_VERSION, SUFFIX

MAX_TIME_SHARE = 0.02  # of the training time that may be spent on writing checkpoints
ASSUMED_SAVE_SECONDS = 0.2  # seconds that the first checkpoint is expected to take

_LOG = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class TrainingState:
    """All that a training needs to continue as if it had not been interrupted.

    `GradientAccumulator.capture_state` gives the weights, the optimiser's and schedule's state and
    the dropout generator; `Trainer` adds the best weights so far, the validation losses, the
    generator of order and augmentation, and the clock.
    """

    tensors: Tensors  # by names such as "model.linear.weight"
    values: dict[str, Any]  # JSON only


class CheckpointStore(Protocol):
    """Saves and finds checkpoints; `runs.RunDirectory` implements it."""

    def save_checkpoint(self, epoch: int, write: Callable[[Path], None], suffix: str) -> Path:
        """Save the file that `write` writes, whole or not at all."""

    def find_latest_checkpoint(self) -> Path | None:
        """Return the newest checkpoint that is undamaged and readable; None if there is none."""

    def is_stopped(self) -> bool:
        """Return whether a person has stopped the training, which nobody will then resume."""


class Checkpointer:
    """Saves and loads the state of one training.

    Args:
        store: Saves and finds the checkpoints.
        max_time_share: Fraction of the time that saving may take; infinite saves every epoch.
        writes: Whether it saves at all; of several ranks only the first does.
    """

    def __init__(
        self,
        store: CheckpointStore,
        max_time_share: float = MAX_TIME_SHARE,
        *,
        writes: bool = True,
    ) -> None:
        self._store, self._max_time_share, self._writes = store, max_time_share, writes
        self._save_seconds, self._last_saved_at = ASSUMED_SAVE_SECONDS, time.perf_counter()

    def load(self) -> TrainingState | None:
        """Return the newest state; None if there is none to resume from."""
        path = self._store.find_latest_checkpoint()
        if path is None:
            return None
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["state"])
            return TrainingState({name: file.get_tensor(name) for name in file.keys()}, values)  # noqa: SIM118

    def save_if_due(self, epoch: int, capture: Callable[[], TrainingState]) -> None:
        """Save the state after an epoch, unless that would take too large a share of the time."""
        passed = time.perf_counter() - self._last_saved_at
        if passed * self._max_time_share >= self._save_seconds:
            self._save(epoch, capture)

    def save_interrupted(self, epoch: int, capture: Callable[[], TrainingState]) -> None:
        """Save the state of a training that ends because its program does.

        Args:
            epoch: Whole epochs trained so far.
            capture: Returns the state, also in the middle of an epoch.
        """
        if not self._store.is_stopped():
            self._save(epoch, capture)

    def _save(self, epoch: int, capture: Callable[[], TrainingState]) -> None:
        if not self._writes:
            return
        began, state = time.perf_counter(), capture()
        metadata = {"state": json.dumps(state.values | {"version": FORMAT_VERSION})}
        tensors = {name: value.detach().contiguous() for name, value in state.tensors.items()}
        try:
            self._store.save_checkpoint(
                epoch, lambda path: save_file(tensors, path, metadata), SUFFIX
            )
        except (OSError, SafetensorError) as error:  # a full disk must not end the training
            _LOG.warning("no checkpoint was written after epoch %d: %s", epoch, error)
        self._last_saved_at = time.perf_counter()
        self._save_seconds = self._last_saved_at - began


def add_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Name tensors by a prefix and a dot, so that several groups fit into one file."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Return the tensors that `add_prefix` named, by their own names."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[Tensors, list[dict[str, Any]]]:
    """Return an optimiser's state as tensors by "parameter.name", and its groups as JSON values."""
    state = optimiser.state_dict()
    tensors = {
        f"{parameter}.{name}": value
        for parameter, values in state["state"].items()
        for name, value in values.items()
    }
    return tensors, state["param_groups"]


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Tensors, groups: list[dict[str, Any]]
) -> None:
    """Give an optimiser over the same parameters the state of `pack_optimiser`."""
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        parameter, _, name = key.partition(".")
        state.setdefault(int(parameter), {})[name] = value
    groups = [
        {name: tuple(value) if name == "betas" else value for name, value in group.items()}
        for group in groups
    ]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:
                # In the parameter's memory layout, which the fused optimiser takes for granted.
                values[name] = torch.empty_like(parameter).copy_(value)

"""Small runs for tests: real events, no network, a pace that the test sets."""

import json
import math
import time
from dataclasses import replace

import numpy as np
from safetensors.numpy import save_file

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.runs.store.records import RunEvent
from transfer_core.training.checkpoint_format import FORMAT_VERSION, SUFFIX
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Ended, EpochEnded, Preparing, Started, Stepped
from transfer_core.training.result import ClassMetrics, TestResult

Z = 1.959964
STAGES = ("convolution", "hidden", "classifier")


def make_test_result(accuracy: float = 0.875, images: int = 8, **changes) -> TestResult:
    """A result of two classes, complete, with the accuracy's own interval, Wilson's of 95 %."""
    middle, width = (
        accuracy + Z**2 / (2 * images),
        Z * math.sqrt(accuracy * (1 - accuracy) / images + Z**2 / (4 * images**2)),
    )
    low, high = ((middle + sign * width) / (1 + Z**2 / images) for sign in (-1, 1))
    classes = tuple(ClassMetrics(name, 0.9, 0.9, images // 2) for name in ("ant", "bee"))
    confusion = ((3, 1), (0, 4))
    result = TestResult(
        images, accuracy, low, high, "ant", 0.5, accuracy, 0.3, 0.5, confusion, classes, "Good."
    )
    return replace(result, **changes)


def make_step(step: int, **changes) -> Stepped:
    """A step of an epoch that has one step."""
    return replace(Stepped(step, float(step), 1.0 / step, 0.5, 1e-3, 100.0, 1.0), **changes)


def make_epoch(epoch: int, **changes) -> EpochEnded:
    """The end of an epoch that has one step."""
    return replace(EpochEnded(epoch, epoch, 1.0, 0.5, 1.0, 0.5, True, 0.1, ()), **changes)


def make_log(*events) -> tuple[RunEvent, ...]:
    """A run's log with these events."""
    return tuple(RunEvent(number, 0.0, event) for number, event in enumerate(events, 1))


def list_kinds(log) -> list[str]:
    """The class names of a log's events, in order."""
    return [type(entry.event).__name__ for entry in log]


def make_config(seed: int = 0, case: TransferCase = TransferCase.SMALL_SIMILAR) -> RunConfig:
    """A configuration that is in order."""
    return RunConfig(
        "digits-1",
        "demonstration",
        plan_strategy(case, STAGES, kind="demonstration"),
        seed,
        {"torch": "2.15"},
    )


def make_perform(
    epochs: int = 3, pause: float = 0.0, fail_in_epoch: int = 0, error: Exception | None = None
):
    """A `perform` of some epochs with a pause in seconds in each."""

    def perform(config, directory, stop_requested):
        yield Preparing("Decoding images", 8, 8)
        yield Started(epochs, 1, 6, 2, 10, 100, "cpu")
        reason, done = "all epochs", 0
        for epoch in range(1, epochs + 1):
            if stop_requested():
                reason = "stopped"
                break
            if epoch == fail_in_epoch:
                raise error or RuntimeError("shape '[3, 4]' is invalid for /secret/place")
            time.sleep(pause)
            done = epoch
            yield make_step(epoch)
            yield make_epoch(epoch, seconds=pause)
        yield Ended(reason, done, done, pause * done, 100.0, ())
        yield make_test_result()

    return perform


def make_checkpointing_perform(epochs=10_000, pause=0.02, fail_after=0, ending=None, always=False):
    """A `perform` that saves a checkpoint after each epoch and continues behind the last one.

    Args:
        epochs: To train in all.
        pause: Seconds of each.
        fail_after: Epochs of an attempt after which `ending` is called, unless the run continues.
        ending: Ends the process, as a crash does.
        always: Whether it is called also where the run continues.
    """

    def perform(config, directory, stop_requested):
        first = directory.find_checkpoint_epoch() or 0
        for event in make_perform(epochs, pause)(config, directory, stop_requested):
            epoch = getattr(event, "epoch", None)
            if isinstance(epoch, int) and epoch <= first:
                continue
            yield event
            if isinstance(event, EpochEnded):
                save_toy_checkpoint(directory, event.epoch)
                if event.epoch - first == fail_after and (always or not first):
                    ending()

    return perform


def save_toy_checkpoint(directory, epoch: int, version: int = FORMAT_VERSION, suffix: str = SUFFIX):
    """Save a checkpoint without weights in a run's directory; returns its path."""
    tensors, metadata = {"epoch": np.array([epoch])}, {"state": json.dumps({"version": version})}
    return directory.save_checkpoint(epoch, lambda path: save_file(tensors, path, metadata), suffix)

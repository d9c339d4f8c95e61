"""Small runs for tests: real events, no network, a pace that the test sets."""

import time
from dataclasses import dataclass

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.training.config import RunConfig
from transfer_core.training.events import Ended, EpochEnded, Preparing, Started, Stepped

STAGES = ("convolution", "hidden", "classifier")


@dataclass(frozen=True)
class TestResult:
    """What a toy run ends in."""

    images: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...] = ((3, 1), (0, 4))


def make_config(seed: int = 0, case: TransferCase = TransferCase.SMALL_SIMILAR) -> RunConfig:
    """A configuration that is in order."""
    return RunConfig(
        "digits-1", "demonstration", plan_strategy(case, STAGES), seed, {"torch": "2.15"}
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
            yield Stepped(epoch, float(epoch), 1.0 / epoch, 0.5, 1e-3, 100.0, 1.0)
            yield EpochEnded(epoch, epoch, 1.0, 0.5, 1.0, 0.5, True, pause, ())
        yield Ended(reason, done, done, pause * done, 100.0, ())
        yield TestResult(8, 0.875)

    return perform

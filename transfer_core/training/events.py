"""Events of a training: small frozen values, JSON only, oldest first."""

from dataclasses import dataclass
from typing import Literal

from transfer_core.features import CANNOT_RUN, RUNTIME_REASONS
from transfer_core.languages import _, translate_stored
from transfer_core.system import Device

EndReason = Literal["all epochs", "early stopping", "stopped", "diverged"]


@dataclass(frozen=True, slots=True)
class Preparing:
    """Work before the first step, such as decoding images or embedding them once."""

    what: str  # for people, such as "Embedding images once"
    done: int  # images, or epochs of the head
    total: int


@dataclass(frozen=True, slots=True)
class RuntimeChosen:
    """Images were embedded, or had been, by this program; torch trains in any case."""

    runtime: str  # "torch" or "onnxruntime"
    version: str
    reason: str  # for people

    def describe(self) -> str:
        """Say it in a sentence or two; the error of a program stays in the log."""
        if self.reason.startswith(CANNOT_RUN):
            return _(
                "The images went through the network with torch; the faster program ONNX Runtime "
                "cannot run this network."
            )
        title = "ONNX Runtime" if self.runtime == "onnxruntime" else self.runtime
        return _(
            "Embedded by {program} {version}: {reason}.",
            program=title,
            version=self.version,
            reason=translate_stored(self.reason, RUNTIME_REASONS),
        )


@dataclass(frozen=True, slots=True)
class Started:
    """The first step is about to be taken."""

    epochs: int  # at most
    steps_per_epoch: int
    train_images: int
    validation_images: int
    trainable_weights: int
    frozen_weights: int
    device: Device


@dataclass(frozen=True, slots=True)
class BaselineTrained:
    """The head was trained alone, with all else frozen: what training more is compared with."""

    validation_loss: float  # nats per image
    validation_accuracy: float  # fraction in [0, 1]
    epochs: int
    seconds: float  # of training, without embedding


@dataclass(frozen=True, slots=True)
class Stepped:
    """Some optimiser steps were taken; sent a few times a second at most."""

    step: int  # optimiser steps since the start, counted from 1
    epoch: float  # epochs since the start, with a fraction
    loss: float  # training loss, nats per image, mean since the last report
    accuracy: float  # training accuracy in [0, 1], mean since the last report
    learning_rate: float  # of the last stage, which learns fastest
    images_per_second: float
    seconds_left: float  # estimate until the last epoch, from a running median


@dataclass(frozen=True, slots=True)
class MemoryShort:
    """A batch did not fit into memory; from now on it is split into micro-batches."""

    images: int  # in a micro-batch, at most


@dataclass(frozen=True, slots=True)
class StageChange:
    """How far one stage has moved since the start; a frozen one must not move at all."""

    stage: str
    frozen: bool
    relative_change: float  # ||w - w0|| / ||w0|| over all weights of the stage; 0 is bit-identical
    statistics_moved: bool  # whether a normalisation layer's running statistics changed


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch was trained and validated."""

    epoch: int  # counted from 1; older logs hold the head trained alone as epoch 0
    step: int
    train_loss: float | None  # nats per image, as the steps saw it; None for epoch 0
    train_accuracy: float | None  # fraction in [0, 1], with dropout and augmentation on
    validation_loss: float
    validation_accuracy: float
    best: bool  # whether the validation loss is the lowest so far
    seconds: float
    changes: tuple[StageChange, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The training is over; the weights of the best epoch are restored, or a mixture is made."""

    reason: EndReason
    epochs: int  # epochs trained
    best_epoch: int | None  # counted from 1, the last of a mixture; None if no epoch was kept
    seconds: float  # of training, without preparing
    images_per_second: float  # mean over training
    changes: tuple[StageChange, ...]
    validation_accuracy: float | None = None  # of the kept weights, fraction in [0, 1]
    explanation: str = ""  # for people: why the training ended before its last epoch

    def keeps_mixture(self, interpolation: float) -> bool:
        """Return whether the kept weights lie between those of the start and those of the end.

        Args:
            interpolation: Of the run's settings, the share of the way; 1 keeps the best epoch's.
        """
        ended_by_itself = self.reason in ("all epochs", "early stopping")
        return interpolation < 1 and bool(self.best_epoch) and ended_by_itself


Event = (
    Preparing
    | RuntimeChosen
    | BaselineTrained
    | Started
    | Stepped
    | MemoryShort
    | EpochEnded
    | Ended
)
